"""What the controller makes of intentions that cross, and of defects around it."""

from __future__ import annotations

import asyncio
import logging

import pytest

from fakes.house import SLOW, House, house
from fakes.launches import until
from model_switcher.domain.errors import Paused, SwitchFailed, SwitchSuperseded, UnusableModel
from model_switcher.domain.snapshot import Phase, Result, Snapshot
from model_switcher.domain.states import ServerState


def draining(it: House) -> bool:
    switch = it.hub.snapshot.switch
    return switch is not None and switch.phase is Phase.DRAIN


async def test_whoever_joins_a_choice_that_need_not_load_may_want_it_loaded() -> None:
    async with house() as it:
        lazy = asyncio.create_task(it.controller.select("a", wake=False))
        assert (await it.controller.select("a")).result is Result.SWITCHED
        assert (await lazy).serving == it.serving == "a"


async def test_a_choice_that_is_refused_leaves_the_switch_under_way_alone() -> None:
    async with house() as it:
        await it.controller.select("a")
        running = await it.controller.admission.enter()
        second = asyncio.create_task(it.controller.select("b"))
        await until(lambda: draining(it))
        it.refused["c"] = UnusableModel.because("model-truncated", "c.gguf ends early")
        with pytest.raises(SwitchFailed):
            await it.controller.select("c")
        running.leave()
        assert (await second).serving == "b"


async def test_choosing_what_comes_up_already_takes_back_a_later_choice() -> None:
    async with house() as it:
        await it.controller.select("a")
        running = await it.controller.admission.enter()
        first = asyncio.create_task(it.controller.select("b"))
        await until(lambda: draining(it))
        it.checked_until["c"] = asyncio.Event()
        second = asyncio.create_task(it.controller.select("c"))
        await until(lambda: "c" in it.prepared)
        third = asyncio.create_task(it.controller.select("b"))
        with pytest.raises(SwitchSuperseded):
            await second
        running.leave()
        assert (await first).serving == (await third).serving == "b"


async def test_a_preflight_that_fails_by_a_defect_is_a_failed_switch() -> None:
    async with house() as it:
        await it.controller.select("a")
        it.refused["b"] = OSError(5, "Input/output error")
        with pytest.raises(SwitchFailed, match="Input/output error"):
            await it.controller.select("b")
        assert it.serving == "a"


async def test_a_command_line_that_no_system_takes_is_a_failed_switch() -> None:
    async with house() as it:
        it.faults["b"] = ("\0",)
        with pytest.raises(SwitchFailed, match="null byte"):
            await it.controller.select("b")


async def test_the_outcome_of_a_switch_that_went_well_has_no_failure() -> None:
    async with house() as it:
        it.faults["a"] = ("--exit-after-ready", "0.05")
        await it.controller.select("a")
        it.faults["a"] = ()
        it.checked_until["a"] = asyncio.Event()
        again = asyncio.create_task(it.controller.select("a"))
        await until(lambda: it.hub.snapshot.servers == ())
        it.checked_until["a"].set()
        assert (await again).failure is None


async def test_a_restart_during_a_preflight_is_no_step_of_that_switch() -> None:
    async with house() as it:
        it.faults["a"] = ("--exit-after-ready", "0.05")
        await it.controller.select("a")
        it.checked_until["b"] = asyncio.Event()
        choice = asyncio.create_task(it.controller.select("b"))
        phases: set[Phase] = set()
        it.hub.subscribe(lambda s: phases.add(s.switch.phase) if s.switch else None)
        first = it.pid("a")
        await until(lambda: bool(it.pids - {first}))
        assert phases == {Phase.PREFLIGHT}
        it.checked_until["b"].set()
        assert (await choice).serving == "b"


async def test_requests_that_wait_when_everything_is_stopped_load_the_model_again() -> None:
    async with house() as it:
        await it.controller.select("a")
        running = await it.controller.admission.enter()
        choice = asyncio.create_task(it.controller.select("b"))
        await until(lambda: draining(it))
        waiting = asyncio.create_task(it.controller.admission.enter())
        await until(lambda: it.hub.snapshot.held == 1)
        await it.controller.stop()
        with pytest.raises(SwitchSuperseded) as caught:
            await choice
        assert caught.value.details["serving"] is None
        running.leave()
        (await waiting).leave()


async def test_a_stop_ends_for_its_caller_when_a_request_wants_the_model_again() -> None:
    async with house() as it:
        await it.controller.select("a")
        running = await it.controller.admission.enter()
        stopping = asyncio.create_task(it.controller.stop())
        await until(lambda: not it.hub.snapshot.awake)
        another = await it.controller.admission.enter()
        await stopping
        assert it.serving == "a"
        for ticket in (running, another):
            ticket.leave()


async def test_the_end_comes_also_in_a_preflight() -> None:
    async with house() as it:
        it.checked_until["a"] = asyncio.Event()
        choice = asyncio.create_task(it.controller.select("a"))
        await until(lambda: it.prepared == ["a"])
        await it.controller.close()
        with pytest.raises(SwitchSuperseded):
            await choice


async def test_a_stop_does_not_take_the_end_its_hurry() -> None:
    async with house() as it:
        await it.controller.select("a")
        running = await it.controller.admission.enter()
        closing = asyncio.create_task(it.controller.close(grace=0.05))
        await until(lambda: not it.hub.snapshot.awake)
        await it.controller.stop()
        await closing
        running.leave()


async def test_a_caller_who_left_already_does_not_keep_the_end_from_coming() -> None:
    async with house() as it:
        await it.controller.select("a")
        running = await it.controller.admission.enter()
        closing = asyncio.create_task(it.controller.close(grace=0.05))
        await until(lambda: not it.hub.snapshot.awake)
        choice = asyncio.create_task(it.controller.select("b"))
        await asyncio.sleep(0)
        choice.cancel()
        await closing
        running.leave()


async def test_a_view_that_fails_changes_nothing_for_the_others(caplog: pytest.LogCaptureFixture) -> None:
    async with house() as it:
        seen: list[Snapshot] = []

        def fail(snapshot: Snapshot) -> None:
            if snapshot.servers:
                raise RuntimeError("the window is gone")

        it.hub.subscribe(fail)
        it.hub.subscribe(seen.append)
        with caplog.at_level(logging.CRITICAL, logger="model_switcher"):
            assert (await it.controller.select("a")).serving == "a"
        assert seen[-1].servers


async def test_a_process_is_known_as_soon_as_it_runs() -> None:
    async with house() as it:
        it.faults["a"] = ("--silent", "--never-ready")
        choice = asyncio.create_task(it.controller.select("a"))
        await until(lambda: bool(it.pids))
        assert it.hub.snapshot.servers[0].state is ServerState.STARTING
        it.controller.cancel()
        with pytest.raises(SwitchSuperseded):
            await choice


async def test_a_cancel_gives_up_a_preflight_and_the_switch_before_it() -> None:
    async with house() as it:
        await it.controller.select("a")
        it.faults["b"] = SLOW
        it.checked_until["c"] = asyncio.Event()
        first = asyncio.create_task(it.controller.select("b"))
        await until(lambda: any(s.state is ServerState.LOADING for s in it.hub.snapshot.servers))
        second = asyncio.create_task(it.controller.select("c"))
        await until(lambda: "c" in it.prepared)
        it.controller.cancel()
        for choice in (first, second):
            with pytest.raises(SwitchSuperseded):
                await choice
        assert it.serving == "a"


async def test_a_stop_during_the_very_first_preflight_leaves_that_model_selected() -> None:
    async with house() as it:
        it.checked_until["a"] = asyncio.Event()
        choice = asyncio.create_task(it.controller.select("a"))
        await until(lambda: it.hub.snapshot.switch is not None)
        await it.controller.stop()
        with pytest.raises(SwitchSuperseded, match="replaced by a stop"):
            await choice
        it.checked_until["a"].set()
        await until(lambda: it.hub.snapshot.selected == "a")
        assert (it.hub.snapshot.awake, it.hub.snapshot.servers) == (False, ())
        assert await it.ask() == "a"


async def test_a_pause_during_the_very_first_preflight_stays_one() -> None:
    async with house() as it:
        it.checked_until["a"] = asyncio.Event()
        choice = asyncio.create_task(it.controller.select("a"))
        await until(lambda: it.hub.snapshot.switch is not None)
        await it.controller.pause()
        with pytest.raises(SwitchSuperseded):
            await choice
        it.checked_until["a"].set()
        await until(lambda: it.hub.snapshot.selected == "a")
        assert it.hub.snapshot.paused
        with pytest.raises(Paused):
            await it.ask()
        it.controller.resume()
        await until(lambda: it.serving == "a")


@pytest.mark.parametrize("rest", ["stop", "pause"])
async def test_a_cancel_goes_back_to_rest_where_there_was_rest(rest: str) -> None:
    async with house() as it:
        await it.controller.select("a")
        await getattr(it.controller, rest)()
        it.faults["b"] = SLOW
        choice = asyncio.create_task(it.controller.select("b"))
        await until(lambda: any(s.state is ServerState.LOADING for s in it.hub.snapshot.servers))
        it.controller.cancel()
        with pytest.raises(SwitchSuperseded, match="nothing is serving"):
            await choice
        now = it.hub.snapshot
        assert (now.servers, now.selected, now.awake, now.paused) == ((), "a", False, rest == "pause")


async def test_a_cancel_of_the_first_choice_ends_it_also_while_requests_have_the_model_loaded() -> None:
    async with house() as it:
        it.faults["b"] = ("--load-seconds", "0.3")
        request = asyncio.create_task(it.ask("b"))
        choice = asyncio.create_task(it.controller.select("b"))
        await until(lambda: any(s.state is ServerState.LOADING for s in it.hub.snapshot.servers))
        it.controller.cancel()
        with pytest.raises(SwitchSuperseded):
            await choice
        assert await request == "b"
        assert (it.hub.snapshot.selected, it.hub.snapshot.switch) == (None, None)


async def test_a_cancel_of_waking_the_selected_model_lets_it_sleep_on_and_the_next_request_wakes_it() -> None:
    async with house(default="b") as it:
        await it.controller.select("a")
        await it.controller.stop()
        it.faults["a"] = ("--load-seconds", "0.3")
        choice = asyncio.create_task(it.controller.select("a"))
        await until(lambda: any(s.state is ServerState.LOADING for s in it.hub.snapshot.servers))
        it.controller.cancel()
        with pytest.raises(SwitchSuperseded, match="nothing is serving"):
            await choice
        assert await it.ask() == "a"
