"""What the gateway needs from the runtime behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from model_switcher.domain.snapshot import Outcome, Snapshot
    from model_switcher.engine.log import LogLine


class Ticket(Protocol):
    """A request's permission to use the server of `model`, until it leaves."""

    @property
    def model(self) -> str: ...

    @property
    def url(self) -> str: ...

    @property
    def key(self) -> str: ...

    def leave(self) -> None:
        """The answer is finished, or given up. Safe to call twice."""
        ...


class Admission(Protocol):
    """The gate in front of the served model."""

    async def enter(self, *, wake: bool = True) -> Ticket:
        """A ticket, after waiting for the model if need be; `wake=False` never waits for a load.

        Raises:
            SwitcherError: The request cannot be served.
        """
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
    def snapshot(self) -> Snapshot: ...

    @property
    def log(self) -> Log: ...

    def subscribe(self, listener: Callable[[Snapshot], None]) -> Callable[[], None]:
        """Call `listener` at once and at every change; returns what ends that."""
        ...

    async def select(self, model: str, *, cut: bool = False) -> Outcome: ...

    async def cancel(self) -> None: ...

    async def stop(self) -> None: ...

    async def pause(self) -> None: ...

    async def resume(self) -> None: ...

    async def rescan(self) -> None: ...
