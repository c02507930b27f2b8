"""Models that run while their settings change: what counts at once, and a reload that does not come up is taken back."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from fakes.house import FAILS, House, house
from fakes.launches import until
from model_switcher.domain.errors import HoldFull, NothingServed, SwitchFailed
from model_switcher.domain.plan import Limits
from model_switcher.domain.settings import ServerSettings

CHANGED = ("--load-seconds", "0.01")
SETTINGS = ServerSettings()


async def changed(it: House, *models: str, settings: ServerSettings = SETTINGS) -> None:
    """These would be started in another way by now, and that was noticed."""
    it.controller.renewal.apply(settings, Limits())
    await until(lambda: set(models) == set(it.hub.snapshot.outdated))


async def test_what_runs_goes_on_and_is_told_to_be_outdated_until_it_is_loaded_again() -> None:
    async with house() as it:
        await it.controller.select("a")
        first = it.pid("a")
        it.faults["a"] = CHANGED
        await changed(it, "a")
        assert it.pid("a") == first
        await it.controller.renewal.reload("a")
        assert it.pid("a") != first
        assert it.hub.snapshot.outdated == ()
        assert it.hub.snapshot.selected == "a"
        second = it.pid("a")
        await it.controller.renewal.reload("a")
        assert it.pid("a") == second, "there was nothing to be done"


async def test_requests_wait_for_a_reload_and_running_ones_finish_first() -> None:
    async with house() as it:
        await it.controller.select("a")
        first = it.pid("a")
        it.faults["a"] = CHANGED
        await changed(it, "a")
        busy = await it.enter()
        reload = asyncio.create_task(it.controller.renewal.reload("a"))
        await until(lambda: it.hub.snapshot.servers[0].draining)
        asked = asyncio.create_task(it.ask())
        await until(lambda: it.hub.snapshot.held == 1)
        assert it.pid("a") == first
        busy.leave()
        assert await asked == "a"
        await reload
        assert it.pid("a") != first


async def test_a_reload_that_does_not_come_up_is_taken_back_to_the_old_command_line() -> None:
    async with house() as it:
        await it.controller.select("a")
        it.faults["a"] = FAILS
        await changed(it, "a")
        with pytest.raises(SwitchFailed, match="does not come up with its new settings"):
            await it.controller.renewal.reload("a")
        assert it.ready == {"a"}
        assert it.hub.snapshot.outdated == ("a",)
        assert it.hub.snapshot.failure is None
        assert await it.ask() == "a"


async def test_a_model_that_sleeps_is_started_with_the_settings_of_now() -> None:
    async with house() as it:
        await it.controller.select("a")
        await it.controller.stop()
        it.faults["a"] = FAILS  # which shows that it was started so
        await changed(it)
        await until(lambda: it.prepared.count("a") == 2)
        with pytest.raises(NothingServed, match="exit code 7"):
            await it.ask()


async def test_a_model_that_is_unloaded_comes_back_with_the_settings_of_now() -> None:
    async with house() as it:
        await it.controller.select("a")
        it.faults["a"] = CHANGED
        await changed(it, "a")
        await it.controller.stop()
        assert await it.ask() == "a"
        assert it.hub.snapshot.outdated == ()


async def test_a_switch_that_fails_brings_the_old_model_back_as_it_was() -> None:
    async with house() as it:
        await it.controller.select("a")
        it.faults["a"] = FAILS
        await changed(it, "a")
        it.faults["b"] = FAILS
        with pytest.raises(SwitchFailed):
            await it.controller.select("b")
        assert it.ready == {"a"}, "with its new settings it would have failed"


async def test_limits_of_requests_and_leases_count_at_once() -> None:
    async with house() as it:
        await it.controller.select("a")
        await changed(it, settings=replace(SETTINGS, hold_limit=0, lease_limit=0.05))
        await it.controller.stop()
        with pytest.raises(HoldFull):
            await it.ask("b")


async def test_pinned_counts_for_a_model_that_runs() -> None:
    async with house() as it:
        await it.controller.select("a")
        assert not it.launch("a").pinned
        it.pinned.add("a")
        it.controller.renewal.apply(SETTINGS, Limits())
        await until(lambda: it.launch("a").pinned)
        assert it.hub.snapshot.outdated == ()
