"""What becomes of a lease, told to its owner as server-sent events."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from model_switcher.domain import wire
from model_switcher.domain.errors import Closing, SwitcherError
from model_switcher.gateway.streams import Pending

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from model_switcher.domain.leases import LeaseForm
    from model_switcher.domain.snapshot import Snapshot
    from model_switcher.engine.control.leases import Lease
    from model_switcher.gateway.backend import Backend

PENDING_EVENTS = 64


class LeaseEvents:
    """The events of one lease.

        waiting    {"model", "ahead"}        how many claims come before it
        progress   {"target", "phase", …}    the switch under way, for whomever it is
        granted    {"lease": {…}}            the model is there
        ended      {"error": {…} or null}    the lease is over, or was not to be had; null if its owner ended it

    Args:
        backend: The runtime.
        claim: Puts in the claim.
        granted: Returns when a claim is granted, and raises when it cannot be.
        form: A granted lease as its owner sees it.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        claim: Callable[[], Lease],
        granted: Callable[[Lease], Awaitable[None]],
        form: Callable[[Lease], LeaseForm],
    ) -> None:
        self.pending: Pending[bytes] = Pending(PENDING_EVENTS)
        self._backend = backend
        self._claim = claim
        self._granted = granted
        self._form = form
        self._told: dict[str, object] = {}

    def begin(self) -> Callable[[], None]:
        """Put in the claim and begin to tell; returns what ends both."""
        lease = self._claim()
        unsubscribe = self._backend.subscribe(lambda snapshot: self._look(lease, snapshot))
        telling = asyncio.create_task(self._tell(lease), name="lease")

        def end() -> None:
            unsubscribe()
            telling.cancel()
            self._backend.lending.give_back(lease)

        return end

    @property
    def closing(self) -> bytes:
        """What is told last when the program ends."""
        return _event("ended", wire.error_body(Closing("The program is shutting down")))

    async def _tell(self, lease: Lease) -> None:
        reason: SwitcherError | None
        try:
            await self._granted(lease)
            self.pending.put(_event("granted", {"lease": self._form(lease)}))
            await asyncio.wait([lease.ended])
            reason = lease.ended.result()
        except SwitcherError as error:
            reason = error
        self.pending.put(_event("ended", {"error": None} if reason is None else wire.error_body(reason)))
        self.pending.end()

    def _look(self, lease: Lease, snapshot: Snapshot) -> None:
        if lease.granted.done():
            return
        ahead = next((at for at, view in enumerate(snapshot.leases) if lease.id.startswith(view.id)), None)
        if ahead is not None:
            self._put("waiting", {"model": lease.model, "ahead": ahead})
        if (switch := snapshot.switch) is not None:
            self._put("progress", wire.plain(switch))

    def _put(self, kind: str, value: dict[str, Any]) -> None:
        """Tell what was not told last."""
        if self._told.get(kind) != value:
            self._told[kind] = value
            self.pending.put(_event(kind, value))


def _event(kind: str, value: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), wire.encode(value))
