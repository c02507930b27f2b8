"""The gate in front of the served model: requests pass, wait, or are refused with the reason.

The controller sets the gate; the gateway sends every request through it. Passing an open gate is one synchronous
step on the loop, so that no request can slip in behind a decision of the controller.
"""

from __future__ import annotations

import asyncio
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_switcher.domain.errors import HoldFull, HoldTimeout, NothingServed, SwitcherError
from model_switcher.domain.units import format_seconds

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Open:
    """Requests pass to this server."""

    model: str
    url: str
    key: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Requests wait: the model is on its way. `reason` is for those who may not wait."""

    reason: str


@dataclass(frozen=True, slots=True)
class Asleep:
    """Nothing is loaded; a request wakes the selected model and waits for it."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Requests are refused with this error."""

    error: SwitcherError


Gate = Open | Hold | Asleep | Refuse


class Ticket:
    """A request's permission to use a server, until it leaves."""

    __slots__ = ("_admission", "key", "model", "url")

    def __init__(self, admission: Admission, gate: Open) -> None:
        self.model = gate.model
        self.url = gate.url
        self.key = gate.key
        self._admission: Admission | None = admission

    def leave(self) -> None:
        """The answer is finished, or given up. Safe to call twice."""
        if self._admission is not None:
            admission, self._admission = self._admission, None
            admission.left(self.model)


class Admission:
    """Counts what is in flight and holds what has to wait. Lives on the runtime's loop.

    Args:
        limit: Requests that may wait at once.
        timeout: Seconds that a request may wait.
        on_wanted: Called when a request waits while the gate is asleep.
        on_drained: Called when the last request leaves a model that admits nothing new.
        on_held: Called when the number of waiting requests changed.
        in_flight: Counts the requests that use each model's server.
    """

    def __init__(
        self,
        *,
        limit: int,
        timeout: float,
        on_wanted: Callable[[], None],
        on_drained: Callable[[], None],
        on_held: Callable[[], None],
        in_flight: Counter[str],
    ) -> None:
        self.limit = limit
        self.timeout = timeout
        self.in_flight = in_flight
        self._gate: Gate = Refuse(NothingServed("No model is selected yet"))
        self._waiting: list[asyncio.Future[Ticket]] = []
        self._on_wanted = on_wanted
        self._on_drained = on_drained
        self._on_held = on_held

    @property
    def held(self) -> int:
        """Requests that wait."""
        return len(self._waiting)

    def set_gate(self, gate: Gate) -> None:
        """Let the waiting requests go on, or be refused, as the new gate says."""
        self._gate = gate
        if isinstance(gate, Hold) or not self._waiting:
            return
        if isinstance(gate, Asleep):
            self._on_wanted()  # what waits already is as good a reason to load the model as a new request
            return
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if waiter.done():
                continue
            if isinstance(gate, Open):
                waiter.set_result(self._admit(gate))
            else:
                waiter.set_exception(copy(gate.error))
        self._on_held()

    async def enter(self, *, wake: bool = True) -> Ticket:
        """A ticket for the served model, after waiting for it if need be.

        Args:
            wake: False for a request that may neither load a model nor wait for one.

        Raises:
            NothingServed: Nothing is selected, or `wake` is False and nothing is ready.
            HoldFull: Too many wait already.
            HoldTimeout: It waited too long.
            SwitcherError: Whatever the gate refuses requests with.
        """
        gate = self._gate
        if isinstance(gate, Open):
            return self._admit(gate)
        if isinstance(gate, Refuse):
            raise copy(gate.error)
        if not wake:
            reason = gate.reason if isinstance(gate, Hold) else "No model is loaded"
            raise NothingServed(reason, hint="A request that generates something loads the model.")
        if len(self._waiting) >= self.limit:
            raise HoldFull(
                f"{len(self._waiting)} requests wait for a model already",
                hint="Try again later, or raise [server] hold-limit.",
            )
        return await self._wait(asleep=isinstance(gate, Asleep))

    def left(self, model: str) -> None:
        """A request of `model` is over."""
        self.in_flight[model] -= 1
        if self.in_flight[model] <= 0:
            del self.in_flight[model]
            if not (isinstance(self._gate, Open) and self._gate.model == model):
                self._on_drained()

    def _admit(self, gate: Open) -> Ticket:
        self.in_flight[gate.model] += 1
        return Ticket(self, gate)

    async def _wait(self, *, asleep: bool) -> Ticket:
        waiter: asyncio.Future[Ticket] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._on_held()
        if asleep:
            self._on_wanted()
        try:
            async with asyncio.timeout(self.timeout):
                return await asyncio.shield(waiter)
        except TimeoutError:
            self._withdraw(waiter)
            raise HoldTimeout(
                f"The model was not ready within {format_seconds(self.timeout)}",
                hint="`model-switcher status` shows what it waits for; [server] hold-timeout sets the limit.",
            ) from None
        except asyncio.CancelledError:
            self._withdraw(waiter)
            raise

    def _withdraw(self, waiter: asyncio.Future[Ticket]) -> None:
        """Forget a request that waits no more; a ticket that it was given in the same moment goes back."""
        if waiter in self._waiting:
            self._waiting.remove(waiter)
            self._on_held()
            waiter.cancel()
        elif waiter.done() and not waiter.cancelled() and waiter.exception() is None:
            waiter.result().leave()
