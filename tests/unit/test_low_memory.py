"""Whether memory runs out under a loaded model: readings one after the other, and when they are an alarm."""

from __future__ import annotations

from dataclasses import replace

from model_switcher.domain.low_memory import LASTING_SECONDS, LowMemoryWatch, watch_low
from model_switcher.domain.memory import Gpu, Ram, Readings
from model_switcher.domain.owners import Owner, OwnerKind, Split
from model_switcher.domain.units import GIB, MIB

SERVER = ("start-1",)


def reading(time: float, gpu: int | None = 4 * GIB, ram: int = 20 * GIB) -> Readings:
    """So many bytes free on a GPU of 16 GiB and in main memory of 32 GiB."""
    card = Gpu(index=0, name="RTX", source="nvml", total=16 * GIB, used=None, free=gpu, id="GPU-1")
    cards = () if gpu is None else (card,)
    return Readings(time=time, gpus=cards, ram=Ram(total=32 * GIB, available=ram))


def run(*readings: Readings, starts: tuple[str, ...] = SERVER) -> LowMemoryWatch:
    state = LowMemoryWatch()
    for one in readings:
        state = watch_low(state, starts, one, OWNERS)
    return state


OWNERS = (
    Split(
        device="GPU-1",
        name="RTX",
        total=16 * GIB,
        source="nvml",
        owners=(
            Owner(kind=OwnerKind.SERVER, used=9 * GIB, name="qwen"),
            Owner(kind=OwnerKind.PROGRAM, used=2 * GIB, name="game"),
            Owner(kind=OwnerKind.PROGRAM, used=3 * GIB, name="firefox"),
        ),
    ),
)


def test_a_gpu_that_somebody_filled_is_an_alarm_once_it_lasts() -> None:
    before = run(reading(0), reading(1, 100 * MIB), reading(LASTING_SECONDS, 100 * MIB))
    assert before.alarm is None
    alarm = watch_low(before, SERVER, reading(1 + LASTING_SECONDS, 90 * MIB), OWNERS).alarm
    assert alarm is not None
    assert (alarm.device, alarm.free, alarm.since) == ("GPU-1", 90 * MIB, 1)
    assert (alarm.holder, alarm.held) == ("firefox", 3 * GIB)


def test_a_gpu_that_the_model_filled_by_itself_is_none() -> None:
    assert run(*(reading(second, 100 * MIB) for second in range(60))).alarm is None


def test_a_moment_is_none() -> None:
    ups_and_downs = (reading(second, 4 * GIB if second % 15 == 0 else 100 * MIB) for second in range(60))
    assert run(*ups_and_downs).alarm is None


def test_without_a_server_of_ours_it_is_not_our_business() -> None:
    assert run(reading(0), *(reading(second, 0, 0) for second in range(1, 60)), starts=()).alarm is None


def test_main_memory_counts_whoever_filled_it() -> None:
    alarm = run(*(reading(second, ram=800 * MIB) for second in range(30))).alarm
    assert alarm is not None
    assert (alarm.device, alarm.name, alarm.holder) == ("ram", "", "")
    assert alarm.sentence == "Main memory has 0.8 GiB of 32.0 GiB left"


def test_an_alarm_stands_as_it_was_until_there_is_clearly_more() -> None:
    low = run(reading(0), *(reading(second, 100 * MIB) for second in range(1, 30)))
    still = watch_low(low, SERVER, reading(31, 400 * MIB), OWNERS)
    assert still.alarm == low.alarm
    assert low.alarm is not None
    over = watch_low(still, SERVER, reading(32, 600 * MIB), OWNERS)
    assert over.alarm is None
    again = over
    for second in range(33, 60):
        again = watch_low(again, SERVER, reading(second, 100 * MIB), OWNERS)
    assert again.alarm is not None
    assert again.alarm.since == 33


def test_another_server_begins_anew() -> None:
    low = run(reading(0), *(reading(second, 100 * MIB) for second in range(1, 30)))
    assert watch_low(low, ("start-2",), reading(31, 100 * MIB), OWNERS).alarm is None


def test_what_is_unknown_is_no_alarm() -> None:
    unknown = replace(reading(0), ram=None, gpus=(replace(reading(0).gpus[0], free=None),))
    assert run(unknown, replace(unknown, time=99.0)).alarm is None
