"""Requests that name models: each is served by its own, whatever has to come and go for that."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from fakes.house import FAILS, SLOW, MeasuredMemory, house
from fakes.launches import lives, until
from model_switcher.domain.errors import HoldTimeout, NothingServed, UnusableModel
from model_switcher.domain.plan import Limits
from model_switcher.domain.snapshot import Reason, Result

SOON_BACK = Limits(return_after=0.05, starvation_bound=0.05)
BESIDE = Limits(beside=True, margin=1, return_after=0.05)


async def test_a_request_for_another_model_is_served_by_it_and_the_selected_one_returns() -> None:
    async with house(limits=SOON_BACK) as it:
        await it.controller.select("a")
        first = it.pid("a")
        assert await it.ask("b") == "b"
        assert it.hub.snapshot.selected == "a", "a request does not change what the user chose"
        assert not lives(first)
        await until(lambda: it.ready == {"a"})
        assert it.loads == [("a", Reason.CHOICE), ("b", Reason.REQUEST), ("a", Reason.RETURN)]
        assert await it.ask() == "a"


async def test_the_selected_model_does_not_return_while_the_other_one_is_in_use() -> None:
    async with house(limits=SOON_BACK) as it:
        await it.controller.select("a")
        ticket = await it.enter("b")
        await asyncio.sleep(0.2)
        assert it.ready == {"b"}
        ticket.leave()
        await until(lambda: it.ready == {"a"})


async def test_a_busy_model_is_not_kept_waiting_for_beyond_the_bound() -> None:
    async with house(limits=SOON_BACK) as it:
        await it.controller.select("a")
        busy = await it.enter()
        wanted = asyncio.create_task(it.ask("b"))
        await until(lambda: it.hub.snapshot.servers[0].draining)
        late = asyncio.create_task(it.ask("a"))
        await until(lambda: it.hub.snapshot.held == 2)
        assert not wanted.done()
        busy.leave()
        assert await wanted == "b"
        assert await late == "a", "it waited for its turn"


async def test_within_the_bound_a_busy_model_serves_on() -> None:
    async with house(limits=Limits(starvation_bound=60)) as it:
        await it.controller.select("a")
        busy = await it.enter()
        wanted = asyncio.create_task(it.ask("b"))
        await until(lambda: it.hub.snapshot.held == 1)
        assert await it.ask("a") == "a"
        assert not it.hub.snapshot.servers[0].draining
        busy.leave()
        assert await wanted == "b"


async def test_requests_for_several_models_are_served_in_groups() -> None:
    async with house(limits=Limits(starvation_bound=60)) as it:
        await it.controller.select("a")
        busy = await it.enter()
        asked = []
        for model in ("b", "c", "b", "c", "b"):
            asked.append(asyncio.create_task(it.ask(model)))
            await asyncio.sleep(0)
        await until(lambda: it.hub.snapshot.held == 5)
        busy.leave()
        assert await asyncio.gather(*asked) == ["b", "c", "b", "c", "b"]
        assert [model for model, reason in it.loads if reason is Reason.REQUEST] == ["b", "c"]


async def test_a_model_that_cannot_be_served_is_refused_and_nothing_is_stopped() -> None:
    async with house() as it:
        await it.controller.select("a")
        pid = it.pid("a")
        it.refused["b"] = UnusableModel.because("model-truncated", "b.gguf ends 1.0 GiB early")
        with pytest.raises(NothingServed, match=r"ends 1\.0 GiB early") as caught:
            await it.ask("b")
        assert caught.value.details["failure"].cause == "model-truncated"
        assert it.pid("a") == pid
        assert await it.ask() == "a"


async def test_a_model_that_does_not_come_up_is_refused_and_the_selected_one_is_back() -> None:
    async with house() as it:
        await it.controller.select("a")
        it.faults["b"] = FAILS
        with pytest.raises(NothingServed, match="exit code 7"):
            await it.ask("b")
        assert await it.ask() == "a"
        assert [(o.target, o.result) for o in it.outcomes][1:2] == [("b", Result.NOT_LOADED)]
        prepared = it.prepared.count("b")
        with pytest.raises(NothingServed):
            await it.ask("b")
        assert it.prepared.count("b") == prepared, "it is not tried again with every request"


async def test_an_engine_that_somebody_kills_while_it_loads_is_started_again() -> None:
    async with house() as it:
        await it.controller.select("a")
        it.faults["b"] = ("--load-seconds", "0.5")
        wanted = asyncio.create_task(it.ask("b"))
        await until(lambda: any(s.model == "b" and s.progress for s in it.hub.snapshot.servers))
        os.kill(it.pid("b"), signal.SIGKILL)
        assert await wanted == "b"


async def test_a_request_whose_client_left_loads_nothing() -> None:
    async with house() as it:
        await it.controller.select("a")
        it.checked_until["b"] = asyncio.Event()
        wanted = asyncio.create_task(it.ask("b"))
        await until(lambda: "b" in it.prepared)
        wanted.cancel()
        await asyncio.wait([wanted])
        it.checked_until["b"].set()
        assert await it.ask() == "a"
        assert it.ready == {"a"}


async def test_a_load_that_nobody_waits_for_any_more_is_cancelled() -> None:
    async with house() as it:
        await it.controller.select("a")
        it.faults["b"] = SLOW
        wanted = asyncio.create_task(it.ask("b"))
        await until(lambda: any(server.model == "b" and server.pid for server in it.hub.snapshot.servers))
        pid = it.pid("b")
        wanted.cancel()
        await until(lambda: it.ready == {"a"})
        assert not lives(pid)


async def test_a_request_wakes_the_model_that_it_names_and_no_other() -> None:
    async with house(limits=SOON_BACK) as it:
        await it.controller.select("a")
        await it.controller.stop()
        assert await it.ask("b") == "b"
        await asyncio.sleep(0.2)
        assert it.ready == {"b"}
        assert await it.ask() == "a"


async def test_the_choice_of_the_user_comes_before_requests() -> None:
    async with house(limits=Limits(starvation_bound=60)) as it:
        await it.controller.select("a")
        busy = await it.enter()
        wanted = asyncio.create_task(it.ask("b"))
        await until(lambda: it.hub.snapshot.held == 1)
        choice = asyncio.create_task(it.controller.select("c"))
        await until(lambda: it.hub.snapshot.servers[0].draining)
        busy.leave()
        assert (await choice).serving == "c"
        assert await wanted == "b"
        assert [model for model, _ in it.loads] == ["a", "c", "b"]


async def test_an_idle_model_is_unloaded_and_the_next_request_loads_it_again() -> None:
    async with house(limits=Limits(unload_after_idle=0.05)) as it:
        await it.controller.select("a")
        await until(lambda: it.ready == set())
        assert not it.hub.snapshot.awake
        assert await it.ask() == "a"


async def test_one_model_is_unloaded_by_name() -> None:
    async with house(limits=BESIDE, memory=MeasuredMemory(10, a=4, b=4)) as it:
        await it.controller.select("a")
        assert await it.ask("b") == "b"
        await it.controller.unload("b")
        assert it.ready == {"a"}
        await it.controller.unload("a")
        assert it.ready == set()
        assert await it.ask() == "a"


async def test_the_time_to_wait_does_not_run_while_a_load_makes_progress() -> None:
    async with house(hold_timeout=0.2) as it:
        await it.controller.select("a")
        it.faults["b"] = ("--load-seconds", "0.6")
        assert await it.ask("b") == "b"
        busy = await it.enter("b")
        with pytest.raises(HoldTimeout):
            await it.ask("c")
        busy.leave()
