"""Borrowing models: a claim on a model for a while, that nobody comes between."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from model_switcher.domain.errors import Closing, Paused
from model_switcher.engine.control.leases import Lease

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_switcher.domain.errors import LeaseEnded, SwitcherError
    from model_switcher.engine.control.book import Book
    from model_switcher.engine.control.leases import Leases, Owner


class Lending:
    """The controller's counter for leases. Everything is carried out by the writer, in order.

    Args:
        post: Has a step done by the writer.
        book: What was chosen and what failed.
        leases: The queue.
    """

    def __init__(self, *, post: Callable[[Callable[[], None]], None], book: Book, leases: Leases) -> None:
        self._post = post
        self._book = book
        self._leases = leases

    async def borrow(self, model: str, owner: Owner, *, connected: bool) -> Lease:
        """A lease, once the model is ready for its owner and nobody comes between any more.

        Args:
            model: Its id.
            owner: Who borrows it.
            connected: Whether the owner's connection shows that he lives; else he has to renew the lease.

        Raises:
            SwitcherError: The model cannot be served, or the lease ended before it was granted.
        """
        lease = self.claim(model, owner, connected=connected)
        try:
            await asyncio.shield(lease.granted)
        except asyncio.CancelledError:
            self.give_back(lease)
            raise
        return lease

    def claim(self, model: str, owner: Owner, *, connected: bool) -> Lease:
        """As `borrow`, without waiting: the lease's `granted` and `ended` tell what becomes of it."""
        loop = asyncio.get_running_loop()
        lease = Lease(model, owner, loop.create_future(), loop.create_future(), connected=connected)
        lease.granted.add_done_callback(_heed)
        self._post(lambda: self._enqueue(lease))
        return lease

    def entrust(self, lease: Lease) -> None:
        """The connection that showed that the owner lives ends here: from now on he has to renew the lease."""
        lease.connected = False
        lease.renewed = time.monotonic()

    def renew(self, lease_id: str) -> Lease:
        """Its owner lives.

        Raises:
            LeaseEnded: There is no such lease any more.
        """
        lease = self._leases.get(lease_id)
        lease.renewed = time.monotonic()
        return lease

    def lent_to(self, pids: frozenset[int]) -> str | None:
        """The model that one of these processes has borrowed."""
        return self._leases.lent_to(pids)

    @property
    def lent(self) -> bool:
        """Whether any model is lent right now."""
        return self._leases.lent

    def give_back(self, lease: Lease, reason: LeaseEnded | None = None) -> None:
        """The lease is over; `reason` unless its owner says so himself."""
        self._post(lambda: self._give_back(lease, reason))

    def end_overdue(self) -> None:
        """End leases whose time is up, or whose owner is gone or silent."""
        for lease, reason in self._leases.overdue(time.monotonic()):
            self.give_back(lease, reason)

    def end_all(self, reason: SwitcherError) -> None:
        """Every lease is over. For the writer."""
        self._leases.end_all(reason)

    def _enqueue(self, lease: Lease) -> None:
        if lease.granted.done():
            return
        if self._book.closing:
            lease.granted.set_exception(Closing("The program is shutting down"))
        elif self._book.paused:
            lease.granted.set_exception(
                Paused(
                    "The memory was freed by the user", hint="`model-switcher resume` loads the model again."
                )
            )
        else:
            self._leases.add(lease)

    def _give_back(self, lease: Lease, reason: LeaseEnded | None) -> None:
        if self._leases.end(lease, reason):
            self._book.returning = True


def _heed(granted: asyncio.Future[None]) -> None:
    """Whoever asked may have left: then nobody is there to hear of the error."""
    if not granted.cancelled():
        granted.exception()
