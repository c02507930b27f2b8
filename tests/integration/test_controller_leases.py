"""Borrowed models: nobody comes between, and the selected one is back afterwards, whatever happens."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest

from fakes.house import FAILS, MeasuredMemory, house
from fakes.launches import until
from model_switcher.domain.errors import (
    Closing,
    LeaseEnded,
    NothingServed,
    Paused,
    SwitchFailed,
    UnusableModel,
)
from model_switcher.domain.plan import Limits
from model_switcher.domain.snapshot import Reason
from model_switcher.engine.control import leases
from model_switcher.engine.control.leases import Owner
from model_switcher.processes import process_created


async def test_a_lease_serves_its_model_and_the_selected_one_returns_at_once() -> None:
    async with house() as it:
        await it.controller.select("a")
        lease = await it.borrow("b")
        assert it.ready == {"b"}
        assert it.hub.snapshot.selected == "a"
        (view,) = it.hub.snapshot.leases
        assert (view.model, view.owner, view.granted, view.returns_to) == ("b", "report.py", True, "a")
        assert await it.ask("b") == "b"
        it.give_back(lease)
        await until(lambda: it.ready == {"a"})
        assert it.hub.snapshot.leases == ()
        assert it.loads == [("a", Reason.CHOICE), ("b", Reason.LEASE), ("a", Reason.RETURN)]


async def test_requests_for_the_selected_model_wait_until_the_lease_ends() -> None:
    async with house(limits=Limits(starvation_bound=0.01), hold_timeout=0.1) as it:
        await it.controller.select("a")
        lease = await it.borrow("b")
        waiting = asyncio.create_task(it.ask())
        await asyncio.sleep(0.3)
        assert not waiting.done(), "neither the bound nor the time to wait counts during a lease"
        it.give_back(lease)
        assert await waiting == "a"


async def test_requests_for_the_selected_model_run_beside_a_lease_where_both_fit() -> None:
    memory = MeasuredMemory(10, a=4, b=4)
    async with house(limits=Limits(beside=True, margin=1), memory=memory) as it:
        await it.controller.select("a")
        lease = await it.borrow("b")
        assert await it.ask() == "a"
        assert it.ready == {"a", "b"}
        it.give_back(lease)


async def test_leases_are_granted_first_in_first_out() -> None:
    async with house() as it:
        await it.controller.select("a")
        order: list[str] = []

        async def use(model: str, name: str) -> None:
            lease = await it.borrow(model, name)
            order.append(name)
            await asyncio.sleep(0.01)
            assert it.ready == {model}
            it.give_back(lease)

        users = []
        for model, name in (("b", "first"), ("c", "second"), ("b", "third")):
            users.append(asyncio.create_task(use(model, name)))
            await asyncio.sleep(0)
        await asyncio.gather(*users)
        assert order == ["first", "second", "third"]
        await until(lambda: it.ready == {"a"})


async def test_two_that_borrow_the_same_model_one_after_the_other_share_it() -> None:
    async with house() as it:
        await it.controller.select("a")
        first, second = await it.borrow("b", "one"), await it.borrow("b", "two")
        it.give_back(first)
        await asyncio.sleep(0.05)
        assert it.ready == {"b"}
        it.give_back(second)
        await until(lambda: it.ready == {"a"})


async def test_a_choice_of_the_user_waits_for_the_lease() -> None:
    async with house() as it:
        await it.controller.select("a")
        lease = await it.borrow("b")
        choice = asyncio.create_task(it.controller.select("c"))
        await asyncio.sleep(0.1)
        assert it.ready == {"b"}
        it.give_back(lease)
        assert (await choice).serving == "c"


async def test_a_model_that_cannot_be_served_is_not_lent() -> None:
    async with house() as it:
        await it.controller.select("a")
        it.refused["b"] = UnusableModel.because("model-truncated", "b.gguf ends 1.0 GiB early")
        with pytest.raises(NothingServed, match=r"ends 1\.0 GiB early"):
            await it.borrow("b")
        it.faults["c"] = FAILS
        with pytest.raises(NothingServed, match="exit code 7"):
            await it.borrow("c")
        assert await it.ask() == "a"
        assert it.hub.snapshot.leases == ()


async def test_whoever_leaves_while_he_waits_has_no_claim_any_more() -> None:
    async with house() as it:
        await it.controller.select("a")
        lease = await it.borrow("b")
        second = asyncio.create_task(it.borrow("c"))
        await until(lambda: len(it.hub.snapshot.leases) == 2)
        second.cancel()
        await until(lambda: len(it.hub.snapshot.leases) == 1)
        it.give_back(lease)
        await until(lambda: it.ready == {"a"})
        assert "c" not in [model for model, _ in it.loads]


async def test_a_lease_ends_with_the_process_of_its_owner() -> None:
    async with house() as it:
        await it.controller.select("a")
        owner = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "input()", stdin=asyncio.subprocess.PIPE
        )
        lease = await it.controller.lending.borrow(
            "b", Owner("report.py", owner.pid, process_created(owner.pid)), connected=True
        )
        assert it.controller.lending.lent_to(frozenset({owner.pid, os.getpid()})) == "b"
        it.controller.refresh()
        await asyncio.sleep(0.05)
        assert it.ready == {"b"}
        owner.kill()
        await owner.wait()
        it.controller.refresh()
        await until(lambda: it.ready == {"a"})
        assert isinstance(lease.ended.result(), LeaseEnded)


async def test_a_lease_ends_when_its_owner_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "HEARTBEAT_SECONDS", 0.3)
    async with house() as it:
        await it.controller.select("a")
        lease = await it.borrow("b", connected=False)
        for _ in range(4):
            await asyncio.sleep(0.15)
            it.controller.lending.renew(lease.id)
            it.controller.refresh()
        assert it.ready == {"b"}
        await asyncio.sleep(0.35)
        it.controller.refresh()
        await until(lambda: it.ready == {"a"})
        with pytest.raises(LeaseEnded):
            it.controller.lending.renew(lease.id)


async def test_a_lease_ends_at_its_limit() -> None:
    async with house(lease_limit=0.1) as it:
        await it.controller.select("a")
        lease = await it.borrow("b")
        await asyncio.sleep(0.15)
        it.controller.refresh()
        await until(lambda: it.ready == {"a"})
        assert "the limit" in str(lease.ended.result())


async def test_a_borrowed_model_that_crashes_comes_back_for_its_owner() -> None:
    async with house() as it:
        await it.controller.select("a")
        lease = await it.borrow("b")
        os.kill(it.pid("b"), 9)
        await until(lambda: it.ready == set())
        await until(lambda: it.ready == {"b"})
        it.give_back(lease)
        await until(lambda: it.ready == {"a"})


async def test_a_pause_ends_every_lease() -> None:
    async with house() as it:
        await it.controller.select("a")
        lease = await it.borrow("b")
        waiting = asyncio.create_task(it.borrow("c"))
        await until(lambda: len(it.hub.snapshot.leases) == 2)
        await it.controller.pause()
        assert isinstance(lease.ended.result(), LeaseEnded)
        with pytest.raises(LeaseEnded):
            await waiting
        with pytest.raises(Paused):
            await it.borrow("b")


async def test_the_end_of_the_program_ends_every_lease() -> None:
    async with house() as it:
        await it.controller.select("a")
        lease = await it.borrow("b")
        await it.controller.close()
        assert isinstance(lease.ended.result(), Closing)
        with pytest.raises(Closing):
            await it.borrow("b")


async def test_a_first_choice_that_fails_does_not_keep_a_lease_waiting() -> None:
    async with house() as it:
        it.faults["a"] = FAILS
        choice = asyncio.create_task(it.controller.select("a"))
        lease = await it.borrow("b")
        with pytest.raises(SwitchFailed, match="nothing is serving"):
            await choice
        assert it.ready == {"b"}
        it.give_back(lease)
