"""What the gateway needs from the runtime behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from model_switcher.domain.catalog import Model
    from model_switcher.domain.history import HistoryReport
    from model_switcher.domain.snapshot import Outcome, Snapshot
    from model_switcher.engine.control.leases import Lease, Owner
    from model_switcher.engine.log import LogLine


class Door(Protocol):
    """A server that requests for `model` pass to."""

    @property
    def model(self) -> str: ...

    @property
    def url(self) -> str: ...

    @property
    def key(self) -> str: ...


class Ticket(Door, Protocol):
    """A request's permission to use the server of `model`, until it leaves."""

    def heard(self) -> None:
        """The server sent something."""
        ...

    def leave(self) -> None:
        """The answer is finished, or given up. Safe to call twice."""
        ...


class Admission(Protocol):
    """The gate in front of the models."""

    @property
    def doors(self) -> Sequence[Door]:
        """The servers that requests pass to. Who only looks at one of them does not count as its user."""
        ...

    async def enter(self, model: str | None = None, *, wake: bool = True) -> Ticket:
        """A ticket for the model of that id, or for the selected one, after waiting for it if need be.

        `wake=False` neither loads a model nor waits for one.

        Raises:
            SwitcherError: The request cannot be served.
        """
        ...


class Lending(Protocol):
    """The counter where models are borrowed."""

    @property
    def lent(self) -> bool:
        """Whether any model is lent right now."""
        ...

    def lent_to(self, pids: frozenset[int]) -> str | None:
        """The model that one of these processes has borrowed."""
        ...

    def claim(self, model: str, owner: Owner, *, connected: bool) -> Lease:
        """A claim on a model; the lease's `granted` and `ended` tell what becomes of it."""
        ...

    def entrust(self, lease: Lease) -> None:
        """From now on the owner has to renew the lease."""
        ...

    def renew(self, lease_id: str) -> Lease:
        """Its owner lives.

        Raises:
            LeaseEnded: There is no such lease any more.
        """
        ...

    def give_back(self, lease: Lease) -> None:
        """Its owner needs it no more."""
        ...


class Log(Protocol):
    """The last lines that the engines wrote."""

    def lines(self, model: str | None = None) -> Sequence[LogLine]: ...

    def subscribe(self, listener: Callable[[LogLine], None]) -> Callable[[], None]: ...


class Backend(Protocol):
    """The runtime as the gateway sees it. All of it lives on the gateway's own loop."""

    @property
    def admission(self) -> Admission: ...

    @property
    def lending(self) -> Lending: ...

    @property
    def snapshot(self) -> Snapshot: ...

    @property
    def log(self) -> Log: ...

    def subscribe(self, listener: Callable[[Snapshot], None]) -> Callable[[], None]:
        """Call `listener` at once and at every change; returns what ends that."""
        ...

    def subscribe_outcomes(self, listener: Callable[[Outcome], None]) -> Callable[[], None]:
        """Call `listener` whenever a load has ended, whoever wanted it; returns what ends that."""
        ...

    async def resolve(self, name: str) -> Model:
        """The model that a person or a program calls `name`.

        Raises:
            UnknownModel, AmbiguousModel, UnusableModel: It names no model that can be served, or several.
        """
        ...

    async def select(self, model: str, *, cut: bool = False) -> Outcome: ...

    async def unload(self, model: str) -> None:
        """Unload one model, by its id; returns when it is gone."""
        ...

    async def cancel(self) -> None: ...

    async def stop(self) -> None: ...

    async def pause(self) -> None: ...

    async def resume(self) -> None: ...

    async def rescan(self) -> None: ...

    async def history(self, limit: int | None = None) -> HistoryReport:
        """Every load that is kept, the newest `limit` one by one."""
        ...
