"""A computer that slept, and a clock that was set: nobody is late because of that."""

from __future__ import annotations

import asyncio

import pytest

from fakes.launches import QUICK, Watched, until
from model_switcher.domain.states import ServerState
from model_switcher.engine.control import waking
from model_switcher.engine.control.leases import HEARTBEAT_SECONDS, Lease, Leases, Owner
from model_switcher.engine.control.waking import LONGEST_PAUSE, Waking


class Clock:
    """Stands still until it is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr(waking, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_a_busy_machine_misses_nothing(clock: Clock) -> None:
    one = Waking()
    clock.now += LONGEST_PAUSE
    assert one.missed() == 0.0


def test_a_long_pause_is_missed_once(clock: Clock) -> None:
    one = Waking()
    clock.now += 3600
    assert (one.missed(), one.missed()) == (3600, 0.0)


def lease(now: float) -> Lease:
    loop = asyncio.get_running_loop()
    return Lease("a", Owner("report.py"), loop.create_future(), loop.create_future(), renewed=now)


async def test_a_lease_outlives_a_computer_that_sleeps(clock: Clock) -> None:
    leases = Leases(limit=600)
    leases.add(lease(clock.now))
    clock.now += 8 * 3600
    assert leases.overdue(clock.now) == []


async def test_an_owner_who_stays_silent_after_it_woke_is_given_up(clock: Clock) -> None:
    leases = Leases(limit=600)
    leases.add(lease(clock.now))
    clock.now += 8 * 3600
    leases.overdue(clock.now)
    for _ in range(int(HEARTBEAT_SECONDS) + 1):
        clock.now += 1
        ended = leases.overdue(clock.now)
    assert [one.model for one, _ in ended] == ["a"]


async def test_a_load_outlives_a_computer_that_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched("--load-seconds", "0.3", deadlines=QUICK)
    watched.server.start()
    await watched.reach(ServerState.LOADING)
    # The clock ran on for an hour in which the load reported nothing, and nobody looked.
    really, started = waking.monotonic, watched.server.since
    watched.server._sign_of_life -= 3600
    monkeypatch.setattr(waking, "monotonic", lambda: really() + 3600)
    await until(lambda: watched.server.state is not ServerState.LOADING)
    assert (watched.server.state, watched.server.failure) == (ServerState.READY, None)
    assert watched.server.since >= started
    watched.server.stop()
    await watched.server.wait_ended()
