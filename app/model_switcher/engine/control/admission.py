"""The gate in front of the models: requests pass, wait, or are refused with the reason.

The controller sets the gates; the gateway sends every request through them. Passing an open gate is one synchronous
step on the loop, so that no request can slip in behind a decision of the controller.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from model_switcher.domain.errors import HoldFull, HoldTimeout, NothingServed, SwitcherError
from model_switcher.domain.units import format_seconds
from model_switcher.engine.control.gates import Gates, Open
from model_switcher.engine.control.hold_clock import HoldClock
from model_switcher.engine.control.pulse import Signs

if TYPE_CHECKING:
    from collections.abc import Callable

_ROUNDING = 1e-3


class Ticket:
    """A request's permission to use a server, until it leaves."""

    __slots__ = ("_admission", "key", "model", "url")

    def __init__(self, admission: Admission, gate: Open) -> None:
        self.model = gate.model
        self.url = gate.url
        self.key = gate.key
        self._admission: Admission | None = admission

    def heard(self) -> None:
        """The server sent something: it lives."""
        if self._admission is not None:
            self._admission.heard[self.model] = time.monotonic()

    def leave(self) -> None:
        """The answer is finished, or given up. Safe to call twice."""
        if self._admission is not None:
            admission, self._admission = self._admission, None
            admission.left(self.model)


@dataclass(eq=False, slots=True)
class _Waiter:
    """A request that waits; `model` is None for whatever is selected by then, `deadline` is of the hold clock."""

    model: str | None
    since: float
    deadline: float
    ticket: asyncio.Future[Ticket]


class Admission:
    """Counts what is in flight and holds what has to wait. Lives on the runtime's loop.

    Args:
        limit: Requests that may wait at once.
        timeout: Seconds that a request may wait, not counting loads and leases that make progress.
        on_wanted: Called when the first request begins to wait for a model, and when the last one gave up.
        on_idle: Called when the last request leaves a model, if that matters to anybody.
        on_held: Called when the number of waiting requests changed.
    """

    def __init__(
        self,
        *,
        limit: int,
        timeout: float,
        on_wanted: Callable[[], None],
        on_idle: Callable[[], None],
        on_held: Callable[[], None],
    ) -> None:
        self.limit = limit
        self.timeout = timeout
        self.in_flight: Counter[str] = Counter()
        self.used_at: dict[str, float] = {}
        self.left_at: dict[str, float] = {}
        self.heard: dict[str, float] = {}
        self._gates = Gates()
        self._waiting: list[_Waiter] = []
        self._clock = HoldClock()
        self._timer: asyncio.TimerHandle | None = None
        self._on_wanted = on_wanted
        self._on_idle = on_idle
        self._on_held = on_held

    @property
    def held(self) -> int:
        """Requests that wait."""
        return len(self._waiting)

    @property
    def doors(self) -> tuple[Open, ...]:
        """The servers that requests pass to. Who only looks at one of them does not count as its user."""
        return tuple(self._gates.open.values())

    def wants(self) -> dict[str, float]:
        """The models that requests wait for, and since when the oldest of each."""
        first: dict[str, float] = {}
        for waiter in self._waiting:
            model = self._model_of(waiter)
            if model is not None:
                first.setdefault(model, waiter.since)
        return first

    def held_by_model(self) -> Counter[str]:
        """How many requests wait for each model."""
        return Counter(model for waiter in self._waiting if (model := self._model_of(waiter)) is not None)

    def counts(self) -> dict[str, Any]:
        """How many requests wait, as the snapshot has it."""
        return {"held": self.held, "held_by_model": dict(self.held_by_model())}

    def signs(self, model: str) -> Signs:
        """Signs of life of a model's server."""
        return Signs(self.in_flight[model], self.heard.get(model))

    def set_gates(self, gates: Gates) -> bool:
        """Let waiting requests go on, or be refused, as the new gates say, in the order in which they came.

        Returns:
            Whether any of them does not wait any more.
        """
        self._gates = gates
        clock_changed = self._clock.run(running=not gates.standing)
        before = len(self._waiting)
        if before:
            self._waiting = [waiter for waiter in self._waiting if not self._settled(waiter)]
        settled = len(self._waiting) != before
        if settled:
            self._on_held()
        if settled or clock_changed:
            self._arm()
        return settled

    async def enter(self, model: str | None = None, *, wake: bool = True) -> Ticket:
        """A ticket for a model's server, after waiting for it if need be.

        Args:
            model: Id of the model; None for the selected one.
            wake: False for a request that may neither load a model nor wait for one.

        Raises:
            NothingServed: Nothing is selected, or `wake` is False and the model is not ready.
            HoldFull: Too many wait already.
            HoldTimeout: It waited too long.
            SwitcherError: Whatever the gate refuses requests with.
        """
        verdict = self._gates.verdict(model)
        if isinstance(verdict, Open):
            return self._admit(verdict)
        if verdict is not None:
            raise copy(verdict)
        if not wake:
            wanted = self._gates.selected if model is None else model
            reason = self._gates.waiting.get(wanted or "", "The model is not loaded")
            raise NothingServed(reason, hint="A request that generates something loads the model.")
        if len(self._waiting) >= self.limit:
            raise HoldFull(
                f"{len(self._waiting)} requests wait for a model already",
                hint="Try again later, or raise [server] hold-limit.",
            )
        return await self._wait(model)

    def left(self, model: str) -> None:
        """A request of `model` is over."""
        self.left_at[model] = time.monotonic()
        self.in_flight[model] -= 1
        if self.in_flight[model] <= 0:
            del self.in_flight[model]
            if self._gates.idle_matters or model not in self._gates.open:
                self._on_idle()

    def _admit(self, gate: Open) -> Ticket:
        self.in_flight[gate.model] += 1
        self.used_at[gate.model] = time.monotonic()
        return Ticket(self, gate)

    async def _wait(self, model: str | None) -> Ticket:
        waiter = _Waiter(
            model=model,
            since=time.monotonic(),
            deadline=self._clock.now() + self.timeout,
            ticket=asyncio.get_running_loop().create_future(),
        )
        news = self._model_of(waiter) not in self.wants()
        self._waiting.append(waiter)
        self._on_held()
        if self._timer is None:
            self._arm()
        if news:
            self._on_wanted()
        try:
            return await asyncio.shield(waiter.ticket)
        except asyncio.CancelledError:
            self._withdraw(waiter)
            raise

    def _withdraw(self, waiter: _Waiter) -> None:
        """Forget a request that waits no more; a ticket that it was given in the same moment goes back."""
        if waiter in self._waiting:
            self._waiting.remove(waiter)
            waiter.ticket.cancel()
            self._on_held()
            if self._model_of(waiter) not in self.wants():
                self._on_wanted()
        elif waiter.ticket.done() and not waiter.ticket.cancelled() and waiter.ticket.exception() is None:
            waiter.ticket.result().leave()

    def _settled(self, waiter: _Waiter) -> bool:
        """Whether it needs not wait any more."""
        if waiter.ticket.done():
            return True
        verdict = self._gates.verdict(waiter.model)
        if isinstance(verdict, Open):
            waiter.ticket.set_result(self._admit(verdict))
        elif verdict is not None:
            waiter.ticket.set_exception(copy(verdict))
        return verdict is not None

    def _model_of(self, waiter: _Waiter) -> str | None:
        return self._gates.selected if waiter.model is None else waiter.model

    def _arm(self) -> None:
        """Wake up when the one that came first has waited too long: all may wait equally long."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting and self._clock.runs:
            delay = max(0.0, self._waiting[0].deadline - self._clock.now())
            self._timer = asyncio.get_running_loop().call_later(delay, self._expire)

    def _expire(self) -> None:
        self._timer = None
        now = self._clock.now() + _ROUNDING
        late = [waiter for waiter in self._waiting if waiter.deadline <= now]
        self._waiting = [waiter for waiter in self._waiting if waiter.deadline > now]
        for waiter in late:
            if not waiter.ticket.done():
                waiter.ticket.set_exception(_too_late(self.timeout))
        if late:
            self._on_held()
            self._on_wanted()
        self._arm()


def _too_late(timeout: float) -> SwitcherError:
    return HoldTimeout(
        f"The model was not ready within {format_seconds(timeout)}",
        hint="`model-switcher status` shows what it waits for; [server] hold-timeout sets the limit.",
    )
