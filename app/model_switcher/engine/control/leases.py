"""Models that programs have borrowed, or wait to borrow: first in, first out."""

from __future__ import annotations

import secrets
import time
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from model_switcher.domain.errors import LeaseEnded
from model_switcher.domain.plan import Claim
from model_switcher.domain.snapshot import LeaseView
from model_switcher.domain.units import format_seconds
from model_switcher.engine.control.waking import Waking
from model_switcher.processes import is_same_process

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Collection, Iterator

    from model_switcher.domain.errors import SwitcherError

HEARTBEAT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Owner:
    """Who borrows: a name for people, and the process on this machine, if it is known, with its creation time."""

    name: str
    pid: int | None = None
    created: float | None = None

    @property
    def lives(self) -> bool:
        """False once its process is known to be gone."""
        return self.pid is None or self.created is None or is_same_process(self.pid, self.created)


@dataclass(eq=False, slots=True)
class Lease:
    """One claim on a model. Times are of the monotonic clock.

    Attributes:
        granted: Set when the model is there for its owner; an exception when it cannot be.
        ended: Set when the lease is over, with the reason where the owner did not end it himself.
        connected: Whether the owner's open connection shows that he lives; else he has to renew the lease.
        renewed: When he last did.
        expires: When it ends at the latest, once it is granted.
    """

    model: str
    owner: Owner
    granted: asyncio.Future[None]
    ended: asyncio.Future[SwitcherError | None]
    connected: bool = False
    renewed: float = field(default_factory=time.monotonic)
    id: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    since: float = field(default_factory=time.monotonic)
    began: float = field(default_factory=time.time)
    expires: float | None = None

    @property
    def is_granted(self) -> bool:
        return self.expires is not None


class Leases:
    """All leases that have not ended. Only the controller's writer changes them.

    Args:
        limit: Seconds that one may last.
    """

    def __init__(self, *, limit: float) -> None:
        self.limit = limit
        self._queue: list[Lease] = []
        self._waking = Waking()

    def __bool__(self) -> bool:
        return bool(self._queue)

    def __iter__(self) -> Iterator[Lease]:
        return iter(tuple(self._queue))

    @property
    def lent(self) -> bool:
        """Whether a model is lent right now."""
        return any(lease.is_granted for lease in self._queue)

    def get(self, lease_id: str) -> Lease:
        """The lease with that id.

        Raises:
            LeaseEnded: There is none, or none any more.
        """
        for lease in self._queue:
            if secrets.compare_digest(lease.id.encode(), lease_id.encode(errors="replace")):
                return lease
        raise LeaseEnded("There is no such lease, or it has ended", hint="Borrow the model again.")

    def add(self, lease: Lease) -> None:
        """Put a claim at the end of the queue."""
        self._queue.append(lease)

    def claims(self) -> tuple[Claim, ...]:
        """The queue as `plan` sees it."""
        return tuple(Claim(lease.model, lease.since, lease.is_granted) for lease in self._queue)

    def grant(self, ready: Collection[str]) -> bool:
        """Grant the first claim, and those behind it for the same model, if their model is ready; whether any was."""
        granted = False
        for lease in self._queue:
            if lease.model != self._queue[0].model or lease.model not in ready:
                break
            if not lease.is_granted:
                lease.expires = time.monotonic() + self.limit
                if not lease.granted.done():
                    lease.granted.set_result(None)
                granted = True
        return granted

    def refuse(self, model: str, error: SwitcherError) -> None:
        """The model cannot be had: tell those who wait for it."""
        for lease in tuple(self._queue):
            if lease.model == model and not lease.is_granted:
                self._queue.remove(lease)
                if not lease.granted.done():
                    lease.granted.set_exception(copy(error))
                _end(lease, None)

    def end(self, lease: Lease, reason: SwitcherError | None = None) -> bool:
        """The lease is over; `reason` unless its owner ended it. Whether it had been granted."""
        if lease not in self._queue:
            return False
        self._queue.remove(lease)
        if not lease.granted.done():
            if reason is not None:
                lease.granted.set_exception(copy(reason))
            else:
                lease.granted.cancel()
        _end(lease, reason)
        return lease.is_granted

    def end_all(self, reason: SwitcherError) -> None:
        """Every lease is over."""
        for lease in tuple(self._queue):
            self.end(lease, reason)

    def overdue(self, now: float) -> list[tuple[Lease, LeaseEnded]]:
        """Leases whose time is up, or whose owner is gone or silent, with the reason.

        Asked about once a second: where it was not, nobody could renew anything either.
        """
        missed = self._waking.missed()
        for lease in self._queue:
            lease.renewed += missed
            lease.expires = None if lease.expires is None else lease.expires + missed
        return [
            (lease, reason) for lease in self._queue if (reason := self._why_over(lease, now)) is not None
        ]

    def lent_to(self, pids: Collection[int]) -> str | None:
        """The model that one of these processes has borrowed."""
        return next(
            (lease.model for lease in self._queue if lease.is_granted and lease.owner.pid in pids), None
        )

    def _why_over(self, lease: Lease, now: float) -> LeaseEnded | None:
        name = lease.owner.name
        if lease.expires is not None and now >= lease.expires:
            return LeaseEnded(
                f"{name} had borrowed the model for {format_seconds(self.limit)}, which is the limit",
                hint="[server] lease-limit sets it.",
            )
        if not lease.connected and now - lease.renewed > HEARTBEAT_SECONDS:
            return LeaseEnded(f"{name} has not been heard of for {format_seconds(HEARTBEAT_SECONDS)}")
        if not lease.owner.lives:
            return LeaseEnded(f"{name} has ended")
        return None

    def views(self, name_of: Callable[[str], str], returns_to: str | None) -> tuple[LeaseView, ...]:
        return tuple(
            LeaseView(
                id=lease.id[:6],
                model=lease.model,
                model_name=name_of(lease.model),
                owner=lease.owner.name,
                pid=lease.owner.pid,
                since=lease.began,
                granted=lease.is_granted,
                returns_to=returns_to,
            )
            for lease in self._queue
        )


def _end(lease: Lease, reason: SwitcherError | None) -> None:
    if not lease.ended.done():
        lease.ended.set_result(reason)
