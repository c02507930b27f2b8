"""When memory is looked at again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from model_switcher.domain.memory import Gpu, Ram, Readings
from model_switcher.domain.snapshot import Phase, ServerView, Snapshot, SwitchView
from model_switcher.domain.states import ServerState
from model_switcher.domain.units import GIB, MIB
from model_switcher.engine.readings.pace import Pace


class Clock:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def card(used: int) -> Gpu:
    return Gpu(index=0, name="Card", source="nvml", total=16 * GIB, used=used, free=16 * GIB - used)


def readings(*, gpu: int | None = None, ram: int = GIB) -> Readings:
    return Readings(
        time=1.0,
        gpus=() if gpu is None else (card(gpu),),
        ram=Ram(total=32 * GIB, available=32 * GIB - ram),
    )


def server(*, in_flight: int = 0, state: ServerState = ServerState.READY) -> ServerView:
    return ServerView(model="m", engine="embedded", state=state, in_flight=in_flight)


def often(pace: Pace, snapshot: Snapshot) -> bool:
    """Whether each of two questions brings a look; else one of them does."""
    looks = [pace.due(snapshot), pace.due(snapshot)]
    assert any(looks)
    return all(looks)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pace(clock: Clock) -> Pace:
    return Pace(clock)


QUIET = Snapshot(version="1", time=1.0, readings=readings(gpu=GIB), servers=(server(),))


def test_it_looks_less_often_once_nothing_has_moved_for_a_while(pace: Pace, clock: Clock) -> None:
    assert often(pace, QUIET)
    clock.now += 9
    assert often(pace, QUIET)
    clock.now += 1
    assert not often(pace, QUIET)
    assert not often(pace, QUIET)


@pytest.mark.parametrize(
    ("now", "moved"),
    [
        (readings(gpu=GIB + 31 * MIB), False),
        (readings(gpu=GIB + 32 * MIB), True),
        (readings(gpu=GIB - 32 * MIB), True),
        (readings(gpu=GIB, ram=9 * GIB), False),
        (readings(), True),
        (None, True),
    ],
    ids=["a little", "more", "less", "main memory", "the card is gone", "nothing is known"],
)
def test_it_looks_often_again_when_the_memory_of_a_card_moves(
    pace: Pace, clock: Clock, *, now: Readings | None, moved: bool
) -> None:
    often(pace, QUIET)
    clock.now += 10
    assert often(pace, replace(QUIET, readings=now)) is moved


def test_main_memory_counts_where_there_is_no_card(pace: Pace, clock: Clock) -> None:
    often(pace, replace(QUIET, readings=readings(ram=2 * GIB)))
    clock.now += 10
    assert not often(pace, replace(QUIET, readings=readings(ram=2 * GIB + 255 * MIB)))
    assert often(pace, replace(QUIET, readings=readings(ram=2 * GIB + 256 * MIB)))


@pytest.mark.parametrize(
    "busy",
    [
        replace(QUIET, servers=(server(in_flight=1),)),
        replace(QUIET, servers=(server(state=ServerState.LOADING),)),
        replace(QUIET, held=1),
        replace(QUIET, switch=SwitchView(target="m", source=None, phase=Phase.START, started=1.0)),
    ],
    ids=["answering", "loading", "holding", "switching"],
)
def test_it_looks_often_while_something_goes_on(pace: Pace, clock: Clock, busy: Snapshot) -> None:
    often(pace, QUIET)
    clock.now += 10
    assert often(pace, busy)
