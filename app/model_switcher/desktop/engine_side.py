"""The engine as the desktop sees it; whoever composes the program provides it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable
    from concurrent.futures import Future

    from model_switcher.domain.history import HistoryReport
    from model_switcher.domain.snapshot import Outcome, Snapshot
    from model_switcher.engine.log import LogPage


class Intentions(Protocol):
    """What a view may ask of the engine. Everything is called on the engine's loop; all coroutines raise SwitcherError."""

    async def select(self, model: str, *, cut: bool = False) -> Outcome: ...
    async def cancel(self) -> None: ...
    async def stop(self) -> None: ...
    async def pause(self) -> None: ...
    async def resume(self) -> None: ...
    async def rescan(self) -> None: ...
    async def history(self) -> HistoryReport: ...
    async def log_after(self, number: int) -> LogPage: ...
    def subscribe(self, listener: Callable[[Snapshot], None]) -> Callable[[], None]: ...


class EngineSide(Protocol):
    """The engine and its loop in a thread of their own, as the desktop sees them."""

    @property
    def loop(self) -> AbstractEventLoop:
        """The loop in that thread; the desktop touches it after `ready`."""
        ...

    @property
    def ready(self) -> Future[Intentions]:
        """Resolves once the address is served; to a SwitcherError where that is impossible."""
        ...

    @property
    def ended(self) -> Future[None]:
        """Resolves when nothing of it is left; holds the exception that ended it, if there was one."""
        ...

    def request_stop(self) -> None:
        """Tells it to end, from any thread, at any time, any number of times."""
