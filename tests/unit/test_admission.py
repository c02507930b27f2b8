from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from model_switcher.domain.errors import HoldFull, HoldTimeout, NothingServed, Paused
from model_switcher.engine.control.admission import Admission, Asleep, Hold, Open, Refuse

A = Open("a", "http://127.0.0.1:1", "key-a")
B = Open("b", "http://127.0.0.1:2", "key-b")


class Gatekeeper:
    """An admission, and a record of what it told."""

    def __init__(self, *, limit: int = 10, timeout: float = 60.0) -> None:
        self.wanted = 0
        self.drained = 0
        self.held: list[int] = []
        self.admission = Admission(
            limit=limit,
            timeout=timeout,
            on_wanted=self._want,
            on_drained=self._drain,
            on_held=lambda: self.held.append(self.admission.held),
            in_flight=Counter(),
        )

    def _want(self) -> None:
        self.wanted += 1

    def _drain(self) -> None:
        self.drained += 1


async def test_an_open_gate_lets_pass_and_counts() -> None:
    keeper = Gatekeeper()
    keeper.admission.set_gate(A)
    ticket = await keeper.admission.enter()
    assert (ticket.model, ticket.url, ticket.key) == ("a", "http://127.0.0.1:1", "key-a")
    assert keeper.admission.in_flight == {"a": 1}
    ticket.leave()
    ticket.leave()
    assert keeper.admission.in_flight == {}
    assert keeper.drained == 0, "nobody waits for an open model to become idle"


async def test_the_last_to_leave_a_closed_model_says_so() -> None:
    keeper = Gatekeeper()
    keeper.admission.set_gate(A)
    first, second = await keeper.admission.enter(), await keeper.admission.enter()
    keeper.admission.set_gate(Hold("loading"))
    first.leave()
    assert keeper.drained == 0
    second.leave()
    assert keeper.drained == 1


async def test_held_requests_go_on_in_order() -> None:
    keeper = Gatekeeper()
    keeper.admission.set_gate(Hold("loading"))
    order: list[int] = []

    async def request(number: int) -> None:
        ticket = await keeper.admission.enter()
        assert ticket.model == "b"
        order.append(number)
        ticket.leave()

    tasks = [asyncio.create_task(request(number)) for number in range(5)]
    await asyncio.sleep(0)
    assert keeper.admission.held == 5
    keeper.admission.set_gate(B)
    await asyncio.gather(*tasks)
    assert order == [0, 1, 2, 3, 4]
    assert keeper.admission.in_flight == {}
    assert keeper.held[-1] == 0


async def test_a_request_wakes_a_sleeping_model() -> None:
    keeper = Gatekeeper()
    keeper.admission.set_gate(Asleep())
    task = asyncio.create_task(keeper.admission.enter())
    await asyncio.sleep(0)
    assert keeper.wanted == 1
    keeper.admission.set_gate(A)
    assert (await task).model == "a"


async def test_a_request_that_may_not_wake_is_told_at_once() -> None:
    keeper = Gatekeeper()
    for gate in (Asleep(), Hold("loading")):
        keeper.admission.set_gate(gate)
        with pytest.raises(NothingServed):
            await keeper.admission.enter(wake=False)
    assert keeper.wanted == 0


async def test_waiting_requests_get_the_reason_of_a_refusal() -> None:
    keeper = Gatekeeper()
    keeper.admission.set_gate(Hold("loading"))
    tasks = [asyncio.create_task(keeper.admission.enter()) for _ in range(2)]
    await asyncio.sleep(0)
    keeper.admission.set_gate(Refuse(Paused("The memory was freed")))
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Paused, Paused]
    assert answers[0] is not answers[1], "one exception raised twice would collect the traces of both"
    with pytest.raises(Paused):
        await keeper.admission.enter()


async def test_no_more_wait_than_may() -> None:
    keeper = Gatekeeper(limit=1)
    keeper.admission.set_gate(Hold("loading"))
    task = asyncio.create_task(keeper.admission.enter())
    await asyncio.sleep(0)
    with pytest.raises(HoldFull):
        await keeper.admission.enter()
    keeper.admission.set_gate(A)
    assert (await task).model == "a"


async def test_no_request_waits_for_ever() -> None:
    keeper = Gatekeeper(timeout=0.01)
    keeper.admission.set_gate(Hold("loading"))
    with pytest.raises(HoldTimeout):
        await keeper.admission.enter()
    assert keeper.admission.held == 0


async def test_a_client_that_leaves_while_it_waits_is_forgotten() -> None:
    keeper = Gatekeeper()
    keeper.admission.set_gate(Hold("loading"))
    task = asyncio.create_task(keeper.admission.enter())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert keeper.admission.held == 0
    keeper.admission.set_gate(A)
    assert keeper.admission.in_flight == {}


async def test_a_client_that_leaves_in_the_moment_of_its_admission_gives_the_ticket_back() -> None:
    keeper = Gatekeeper()
    keeper.admission.set_gate(Hold("loading"))
    task = asyncio.create_task(keeper.admission.enter())
    await asyncio.sleep(0)
    keeper.admission.set_gate(A)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert keeper.admission.in_flight == {}
