from __future__ import annotations

import asyncio

import pytest

from model_switcher.domain.errors import HoldFull, HoldTimeout, NothingServed, Paused
from model_switcher.engine.control.admission import Admission
from model_switcher.engine.control.gates import Gates, Open

A = Open("a", "http://127.0.0.1:1", "key-a")
B = Open("b", "http://127.0.0.1:2", "key-b")
OPEN_A = Gates(selected="a", open={"a": A})
OPEN_B = Gates(selected="b", open={"b": B})
BOTH = Gates(selected="a", open={"a": A, "b": B})
HOLD = Gates(selected="b", waiting={"b": "The model is loading"})


class Gatekeeper:
    """An admission, and a record of what it told."""

    def __init__(self, *, limit: int = 10, timeout: float = 60.0) -> None:
        self.wanted: list[set[str]] = []
        self.idle = 0
        self.held: list[int] = []
        self.admission = Admission(
            limit=limit,
            timeout=timeout,
            on_wanted=lambda: self.wanted.append(set(self.admission.wants())),
            on_idle=self._idle,
            on_held=lambda: self.held.append(self.admission.held),
        )
        self.set = self.admission.set_gates

    def _idle(self) -> None:
        self.idle += 1


async def test_an_open_gate_lets_pass_and_counts() -> None:
    keeper = Gatekeeper()
    keeper.set(OPEN_A)
    ticket = await keeper.admission.enter()
    assert (ticket.model, ticket.url, ticket.key) == ("a", "http://127.0.0.1:1", "key-a")
    assert keeper.admission.in_flight == {"a": 1}
    ticket.leave()
    ticket.leave()
    assert keeper.admission.in_flight == {}
    assert keeper.idle == 0, "nobody waits for an open model to become idle"


async def test_the_last_to_leave_a_closed_model_says_so() -> None:
    keeper = Gatekeeper()
    keeper.set(OPEN_A)
    first, second = await keeper.admission.enter(), await keeper.admission.enter()
    keeper.set(HOLD)
    first.leave()
    assert keeper.idle == 0
    second.leave()
    assert keeper.idle == 1


async def test_the_last_to_leave_an_open_model_says_so_if_somebody_waits_for_that() -> None:
    keeper = Gatekeeper()
    keeper.set(Gates(selected="a", open={"a": A}, idle_matters=True))
    (await keeper.admission.enter()).leave()
    assert keeper.idle == 1


async def test_a_request_goes_to_the_model_that_it_names() -> None:
    keeper = Gatekeeper()
    keeper.set(BOTH)
    assert [(await keeper.admission.enter(model)).model for model in (None, "a", "b")] == ["a", "a", "b"]


async def test_requests_wait_each_for_their_own_model() -> None:
    keeper = Gatekeeper()
    keeper.set(OPEN_A)
    named = [asyncio.create_task(keeper.admission.enter(model)) for model in ("b", "c", "b")]
    await asyncio.sleep(0)
    assert (await keeper.admission.enter()).model == "a", "others pass"
    assert keeper.wanted == [{"b"}, {"b", "c"}], "told once for each model"
    assert list(keeper.admission.wants()) == ["b", "c"], "in the order of the first of each"
    assert keeper.admission.held_by_model() == {"b": 2, "c": 1}
    keeper.set(OPEN_B)
    assert [(await named[0]).model, (await named[2]).model] == ["b", "b"]
    assert keeper.admission.held_by_model() == {"c": 1}
    named[1].cancel()


async def test_what_waits_for_the_selected_model_follows_the_selection() -> None:
    keeper = Gatekeeper()
    keeper.set(Gates(selected="a"))
    waiting = asyncio.create_task(keeper.admission.enter())
    await asyncio.sleep(0)
    assert list(keeper.admission.wants()) == ["a"]
    keeper.set(Gates(selected="b"))
    assert list(keeper.admission.wants()) == ["b"]
    keeper.set(OPEN_B)
    assert (await waiting).model == "b"


async def test_a_refused_model_does_not_refuse_the_others() -> None:
    keeper = Gatekeeper()
    keeper.set(Gates(selected="a", open={"a": A}, refused={"b": NothingServed("b is damaged")}))
    with pytest.raises(NothingServed, match="b is damaged"):
        await keeper.admission.enter("b")
    assert (await keeper.admission.enter()).model == "a"


async def test_the_time_of_those_that_wait_stands_still_while_something_makes_progress() -> None:
    keeper = Gatekeeper(timeout=0.01)
    keeper.set(Gates(selected="a", standing=True))
    waiting = asyncio.create_task(keeper.admission.enter())
    await asyncio.sleep(0.05)
    assert not waiting.done()
    keeper.set(Gates(selected="a"))
    with pytest.raises(HoldTimeout):
        await waiting


async def test_held_requests_go_on_in_order() -> None:
    keeper = Gatekeeper()
    keeper.set(HOLD)
    order: list[int] = []

    async def request(number: int) -> None:
        ticket = await keeper.admission.enter()
        assert ticket.model == "b"
        order.append(number)
        ticket.leave()

    tasks = [asyncio.create_task(request(number)) for number in range(5)]
    await asyncio.sleep(0)
    assert keeper.admission.held == 5
    keeper.set(OPEN_B)
    await asyncio.gather(*tasks)
    assert order == [0, 1, 2, 3, 4]
    assert keeper.admission.in_flight == {}
    assert keeper.held[-1] == 0


async def test_a_request_that_waits_is_told_of() -> None:
    keeper = Gatekeeper()
    keeper.set(HOLD)
    task = asyncio.create_task(keeper.admission.enter())
    await asyncio.sleep(0)
    assert keeper.wanted == [{"b"}]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert keeper.wanted == [{"b"}, set()], "and that nobody waits any more"


async def test_a_request_that_may_not_wake_is_told_at_once() -> None:
    keeper = Gatekeeper()
    keeper.set(HOLD)
    with pytest.raises(NothingServed, match="is loading"):
        await keeper.admission.enter(wake=False)
    with pytest.raises(NothingServed, match="not loaded"):
        await keeper.admission.enter("a", wake=False)
    assert keeper.wanted == []


async def test_waiting_requests_get_the_reason_of_a_refusal() -> None:
    keeper = Gatekeeper()
    keeper.set(HOLD)
    tasks = [asyncio.create_task(keeper.admission.enter()) for _ in range(2)]
    await asyncio.sleep(0)
    keeper.set(Gates(everything=Paused("The memory was freed")))
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Paused, Paused]
    assert answers[0] is not answers[1], "one exception raised twice would collect the traces of both"
    with pytest.raises(Paused):
        await keeper.admission.enter()


async def test_no_more_wait_than_may() -> None:
    keeper = Gatekeeper(limit=1)
    keeper.set(HOLD)
    task = asyncio.create_task(keeper.admission.enter())
    await asyncio.sleep(0)
    with pytest.raises(HoldFull):
        await keeper.admission.enter()
    keeper.set(OPEN_A)
    assert (await task).model == "a"


async def test_no_request_waits_for_ever() -> None:
    keeper = Gatekeeper(timeout=0.01)
    keeper.set(HOLD)
    with pytest.raises(HoldTimeout):
        await keeper.admission.enter()
    assert keeper.admission.held == 0


async def test_a_client_that_leaves_while_it_waits_is_forgotten() -> None:
    keeper = Gatekeeper()
    keeper.set(HOLD)
    task = asyncio.create_task(keeper.admission.enter())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert keeper.admission.held == 0
    keeper.set(OPEN_A)
    assert keeper.admission.in_flight == {}


async def test_a_client_that_leaves_in_the_moment_of_its_admission_gives_the_ticket_back() -> None:
    keeper = Gatekeeper()
    keeper.set(HOLD)
    task = asyncio.create_task(keeper.admission.enter())
    await asyncio.sleep(0)
    keeper.set(OPEN_A)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert keeper.admission.in_flight == {}
