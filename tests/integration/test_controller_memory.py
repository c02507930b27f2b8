"""Models beside each other: while they fit, what has to go when they do not, and nothing before memory is free."""

from __future__ import annotations

import asyncio

import pytest

from fakes.house import FAILS, MeasuredMemory, house
from fakes.launches import lives, until
from model_switcher.domain.errors import NothingServed, SwitchFailed, UnusableModel
from model_switcher.domain.need import Fit, FitKind
from model_switcher.domain.plan import Limits
from model_switcher.domain.snapshot import Phase, Reason, Result
from model_switcher.domain.states import ServerState

BESIDE = Limits(beside=True, margin=1)


async def test_a_model_starts_beside_the_old_one_where_it_fits() -> None:
    async with house(limits=BESIDE, memory=MeasuredMemory(10, a=4, b=4)) as it:
        await it.controller.select("a")
        busy = await it.enter()
        first = it.pid("a")
        outcome = await it.controller.select("b")
        assert outcome.result is Result.SWITCHED
        assert Phase.STOP not in outcome.phases
        assert it.ready == {"a", "b"}
        assert lives(first), "its answers run on"
        busy.leave()
        assert await it.ask() == "b"


async def test_requests_go_on_at_the_old_model_while_the_new_one_comes_up_beside_it() -> None:
    async with house(limits=BESIDE, memory=MeasuredMemory(10, a=4, b=4)) as it:
        await it.controller.select("a")
        it.faults["b"] = ("--load-seconds", "0.5")
        choice = asyncio.create_task(it.controller.select("b"))
        await until(lambda: len(it.hub.snapshot.servers) == 2)
        assert await it.ask() == "a", "no downtime at all"
        assert not choice.done()
        await choice
        assert await it.ask() == "b"


async def test_going_back_to_a_resident_model_loads_nothing() -> None:
    async with house(limits=BESIDE, memory=MeasuredMemory(10, a=4, b=4)) as it:
        await it.controller.select("a")
        first = it.pid("a")
        await it.controller.select("b")
        outcome = await it.controller.select("a")
        assert (outcome.result, it.pid("a")) == (Result.SWITCHED, first)
        assert Phase.START not in outcome.phases


async def test_going_back_to_a_resident_model_asks_nothing_of_its_file() -> None:
    async with house(limits=BESIDE, memory=MeasuredMemory(10, a=4, b=4)) as it:
        await it.controller.select("a")
        await it.controller.select("b")
        it.refused["a"] = UnusableModel("its drive is away")
        it.prepared.clear()
        outcome = await it.controller.select("a")
        assert (outcome.result, it.prepared) == (Result.SWITCHED, [])


async def test_the_longest_unused_one_goes_when_there_is_no_room() -> None:
    async with house(limits=BESIDE, memory=MeasuredMemory(10, a=4, b=4, c=4)) as it:
        for model in ("a", "b"):
            await it.controller.select(model)
        await it.ask("a")
        await it.controller.select("c")
        assert it.ready == {"a", "c"}


async def test_what_other_programs_took_meanwhile_counts() -> None:
    memory = MeasuredMemory(10, a=4, b=4)
    async with house(limits=BESIDE, memory=memory) as it:
        await it.controller.select("a")
        memory.others = 2
        await it.controller.select("b")
        assert it.ready == {"b"}


async def test_a_pinned_model_stays() -> None:
    async with house(limits=BESIDE, memory=MeasuredMemory(10, a=4, b=4, c=4, d=7)) as it:
        it.pinned.add("a")
        await it.controller.select("a")
        await it.controller.select("b")
        await it.controller.select("c")
        assert it.ready == {"a", "c"}
        with pytest.raises(SwitchFailed, match="while a stay") as caught:
            await it.controller.select("d")
        assert caught.value.details["result"] == Result.REFUSED
        assert it.ready == {"a", "c"}, "nothing was stopped for it"


async def test_a_model_that_fits_nowhere_is_refused_with_what_is_missing() -> None:
    async with house(memory=MeasuredMemory(10 << 30, a=4 << 30, b=13 << 30)) as it:
        await it.controller.select("a")
        pid = it.pid("a")
        with pytest.raises(SwitchFailed, match=r"needs 13\.0 GiB, and 10\.0 GiB would be free: 3\.0 GiB"):
            await it.controller.select("b")
        with pytest.raises(NothingServed, match=r"3\.0 GiB"):
            await it.ask("b")
        assert it.pid("a") == pid
        assert it.hub.snapshot.selected == "a"


async def test_a_model_that_does_not_fit_is_refused_with_what_would() -> None:
    memory = MeasuredMemory(10, a=4, b=13)
    memory.fits["b"] = Fit(kind=FitKind.SHORT, ctx_size=8192)
    async with house(memory=memory) as it:
        with pytest.raises(SwitchFailed) as caught:
            await it.controller.select("b")
        assert caught.value.hint == "With ctx-size 8192 it would fit."
        assert caught.value.details["failure"].action.ctx_size == 8192


async def test_nothing_starts_before_the_memory_of_the_old_model_is_proven_free() -> None:
    memory = MeasuredMemory(10, a=6, b=6)
    async with house(memory=memory) as it:
        await it.controller.select("a")
        memory.proven.clear()
        pid = it.pid("a")
        choice = asyncio.create_task(it.controller.select("b"))
        await until(lambda: not lives(pid))
        await asyncio.sleep(0.1)
        assert [server.model for server in it.hub.snapshot.servers] == ["a"]
        memory.proven.set()
        assert (await choice).serving == "b"


async def test_one_at_a_time_means_that_also_where_more_would_fit() -> None:
    async with house(memory=MeasuredMemory(100, a=4, b=4)) as it:
        await it.controller.select("a")
        await it.controller.select("b")
        assert it.ready == {"b"}


async def test_the_old_model_was_never_gone_when_the_new_one_fails_beside_it() -> None:
    async with house(limits=BESIDE, memory=MeasuredMemory(10, a=4, b=4)) as it:
        await it.controller.select("a")
        pid = it.pid("a")
        it.faults["b"] = FAILS
        with pytest.raises(SwitchFailed) as caught:
            await it.controller.select("b")
        assert caught.value.details["result"] == Result.ROLLED_BACK
        assert (it.pid("a"), await it.ask()) == (pid, "a")


async def test_the_selected_model_returns_beside_the_other_as_soon_as_there_is_room() -> None:
    memory = MeasuredMemory(10, a=4, b=4)
    async with house(limits=BESIDE, memory=memory) as it:
        memory.others = 3
        await it.controller.select("a")
        assert await it.ask("b") == "b"
        assert it.ready == {"b"}
        memory.others = 0
        it.controller.refresh()
        await until(lambda: it.ready == {"a", "b"})
        assert it.loads[-1] == ("a", Reason.RETURN)


async def test_a_pause_unloads_them_all() -> None:
    async with house(limits=BESIDE, memory=MeasuredMemory(10, a=4, b=4)) as it:
        it.pinned.add("a")
        for model in ("a", "b"):
            await it.controller.select(model)
        await it.controller.pause()
        assert not [s for s in it.hub.snapshot.servers if s.state is not ServerState.STOPPED]
        it.controller.resume()
        await until(lambda: it.ready == {"b"})
