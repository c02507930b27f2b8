"""The controller against processes that come up, fail, or hang as told."""

from __future__ import annotations

import asyncio

import pytest

from fakes.house import FAILS, SLOW, house
from fakes.launches import lives, until
from model_switcher.domain.errors import (
    Closing,
    NothingServed,
    Paused,
    SwitchFailed,
    SwitchSuperseded,
    UnusableModel,
)
from model_switcher.domain.snapshot import Phase, Result
from model_switcher.domain.states import ServerState


async def test_one_model_takes_the_place_of_another() -> None:
    async with house() as it:
        first = await it.controller.select("a")
        assert (first.result, first.serving) == (Result.SWITCHED, "a")
        old = it.pid("a")
        second = await it.controller.select("b")
        assert (second.result, second.serving, it.serving) == (Result.SWITCHED, "b", "b")
        assert not lives(old)
        assert set(second.phases) == {Phase.PREFLIGHT, Phase.STOP, Phase.START}
        assert sum(second.phases.values()) == pytest.approx(second.seconds, rel=0.2)


async def test_choosing_what_is_served_does_nothing() -> None:
    async with house() as it:
        await it.controller.select("a")
        pid = it.pid("a")
        assert (await it.controller.select("a")).result is Result.ALREADY
        assert it.pid("a") == pid


async def test_a_refusal_in_preflight_stops_nothing() -> None:
    async with house() as it:
        it.refused["b"] = UnusableModel.because("model-truncated", "b.gguf ends 1.0 GiB early")
        await it.controller.select("a")
        pid = it.pid("a")
        with pytest.raises(SwitchFailed) as caught:
            await it.controller.select("b")
        assert caught.value.details["failure"].cause == "model-truncated"
        assert caught.value.details["serving"] == "a"
        assert "Model A is serving" in caught.value.message
        assert it.pid("a") == pid
        assert it.hub.snapshot.selected == "a"


async def test_the_old_model_is_back_when_the_new_one_fails() -> None:
    async with house() as it:
        await it.controller.select("a")
        it.faults["b"] = FAILS
        with pytest.raises(SwitchFailed) as caught:
            await it.controller.select("b")
        assert caught.value.exit_status == 5
        assert caught.value.details["result"] == Result.ROLLED_BACK
        assert caught.value.details["failure"].exit_code == 7
        assert it.serving == "a"
        assert it.hub.snapshot.selected == "a"
        it.faults["b"] = ()
        assert (await it.controller.select("b")).result is Result.SWITCHED, "a failure is not held against it"


async def test_the_old_model_comes_back_with_its_old_command_line() -> None:
    async with house() as it:
        it.faults["a"] = ("--load-seconds", "0.011")
        await it.controller.select("a")
        it.faults["a"] = ("--load-seconds", "0.022")
        it.faults["b"] = FAILS
        with pytest.raises(SwitchFailed):
            await it.controller.select("b")
        import psutil

        assert "0.011" in psutil.Process(it.pid("a")).cmdline()
        assert it.prepared == ["a", "b"], "what comes back is not checked again"


async def test_the_default_is_the_last_fallback() -> None:
    async with house(default="d") as it:
        it.faults["b"] = FAILS
        with pytest.raises(SwitchFailed) as caught:
            await it.controller.select("b")
        assert caught.value.details["result"] == Result.FELL_BACK
        assert (it.serving, it.hub.snapshot.selected) == ("d", "d")


async def test_with_nothing_left_it_says_so_and_requests_get_the_cause() -> None:
    async with house() as it:
        it.faults["b"] = FAILS
        with pytest.raises(SwitchFailed) as caught:
            await it.controller.select("b")
        assert caught.value.exit_status == 6
        assert caught.value.details["result"] == Result.NOTHING_LEFT
        assert it.serving is None
        with pytest.raises(NothingServed) as refused:
            await it.controller.admission.enter()
        assert refused.value.details["failure"].exit_code == 7


async def test_a_third_choice_ends_the_second_at_once() -> None:
    async with house() as it:
        await it.controller.select("a")
        it.faults["b"] = SLOW
        second = asyncio.create_task(it.controller.select("b"))
        await until(lambda: any(s.state is ServerState.LOADING for s in it.hub.snapshot.servers))
        assert (await it.controller.select("c")).serving == "c"
        with pytest.raises(SwitchSuperseded):
            await second


async def test_choices_in_between_never_start() -> None:
    async with house() as it:
        await it.controller.select("a")
        choices = [asyncio.create_task(it.controller.select(model)) for model in "bcd"]
        answers = await asyncio.gather(*choices, return_exceptions=True)
        assert [type(answer) for answer in answers[:2]] == [SwitchSuperseded, SwitchSuperseded]
        assert it.serving == "d"
        assert len(it.pids) == 2


async def test_a_cancel_brings_the_old_model_back() -> None:
    async with house() as it:
        await it.controller.select("a")
        it.faults["b"] = SLOW
        choice = asyncio.create_task(it.controller.select("b"))
        await until(lambda: any(s.state is ServerState.LOADING for s in it.hub.snapshot.servers))
        it.controller.cancel()
        with pytest.raises(SwitchSuperseded) as caught:
            await choice
        assert caught.value.details["result"] == Result.CANCELLED
        assert (it.serving, it.hub.snapshot.selected) == ("a", "a")


async def test_a_cancel_of_the_first_load_leaves_nothing() -> None:
    async with house() as it:
        it.faults["b"] = SLOW
        choice = asyncio.create_task(it.controller.select("b"))
        await until(lambda: any(s.state is ServerState.LOADING for s in it.hub.snapshot.servers))
        it.controller.cancel()
        with pytest.raises(SwitchSuperseded):
            await choice
        assert it.hub.snapshot.servers == ()
        assert it.hub.snapshot.selected is None


async def test_requests_wait_for_a_switch_and_running_ones_finish_first() -> None:
    async with house() as it:
        await it.controller.select("a")
        running = await it.controller.admission.enter()
        choice = asyncio.create_task(it.controller.select("b"))
        await until(
            lambda: it.hub.snapshot.switch is not None and it.hub.snapshot.switch.phase is Phase.DRAIN
        )
        waiting = asyncio.create_task(it.controller.admission.enter())
        await until(lambda: it.hub.snapshot.held == 1)
        assert it.serving == "a"
        running.leave()
        assert (await waiting).model == "b"
        assert (await choice).phases[Phase.DRAIN] > 0
        (await waiting).leave()


async def test_now_cuts_running_answers_after_the_grace() -> None:
    async with house(drain_timeout=0.05) as it:
        await it.controller.select("a")
        running = await it.controller.admission.enter()
        assert (await it.controller.select("b", cut=True)).serving == "b"
        running.leave()
        assert it.controller.admission.in_flight == {}


async def test_choosing_the_old_model_again_while_it_drains_keeps_it() -> None:
    async with house() as it:
        await it.controller.select("a")
        pid = it.pid("a")
        running = await it.controller.admission.enter()
        choice = asyncio.create_task(it.controller.select("b"))
        await until(
            lambda: it.hub.snapshot.switch is not None and it.hub.snapshot.switch.phase is Phase.DRAIN
        )
        assert (await it.controller.select("a")).serving == "a"
        with pytest.raises(SwitchSuperseded):
            await choice
        assert it.pid("a") == pid
        running.leave()


async def test_a_crash_is_followed_by_a_restart_and_requests_wait_for_it() -> None:
    async with house() as it:
        it.faults["a"] = ("--exit-after-ready", "0.05")
        await it.controller.select("a")
        first = it.pid("a")
        await until(lambda: it.hub.snapshot.servers == ())
        ticket = await it.controller.admission.enter()
        assert it.pid("a") != first
        ticket.leave()


async def test_stop_unloads_and_the_next_request_loads_again() -> None:
    async with house() as it:
        await it.controller.select("a")
        await it.controller.stop()
        await until(lambda: it.hub.snapshot.servers == ())
        assert it.hub.snapshot.selected == "a"
        ticket = await it.controller.admission.enter()
        assert ticket.model == "a"
        ticket.leave()


async def test_a_pause_holds_until_resume() -> None:
    async with house() as it:
        await it.controller.select("a")
        await it.controller.pause()
        await until(lambda: it.hub.snapshot.servers == ())
        with pytest.raises(Paused):
            await it.controller.admission.enter()
        it.controller.resume()
        await until(lambda: it.serving == "a")


async def test_a_model_chosen_without_waking_loads_on_the_first_request() -> None:
    async with house() as it:
        assert (await it.controller.select("a", wake=False)).result is Result.CHOSEN
        assert it.hub.snapshot.servers == ()
        ticket = await it.controller.admission.enter()
        assert ticket.model == "a"
        ticket.leave()


async def test_the_end_of_the_program_ends_everything() -> None:
    async with house() as it:
        await it.controller.select("a")
        it.faults["b"] = SLOW
        running = await it.controller.admission.enter()
        choice = asyncio.create_task(it.controller.select("b"))
        await until(
            lambda: it.hub.snapshot.switch is not None and it.hub.snapshot.switch.phase is Phase.DRAIN
        )
        waiting = asyncio.create_task(it.controller.admission.enter())
        await until(lambda: it.hub.snapshot.held == 1)
        await it.controller.close()
        assert it.hub.snapshot.servers == ()
        with pytest.raises(SwitchSuperseded):
            await choice
        with pytest.raises(Closing):
            await waiting
        with pytest.raises(Closing):
            await it.controller.select("a")
        running.leave()
