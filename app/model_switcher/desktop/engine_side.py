"""The engine as the desktop sees it; whoever composes the program provides it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

    from model_switcher.domain.engines import FoundEngine, Tried
    from model_switcher.domain.history import HistoryReport
    from model_switcher.domain.launch import Option
    from model_switcher.domain.need import Supposed
    from model_switcher.domain.option_help import OptionHelp
    from model_switcher.domain.settings_state import SettingsState
    from model_switcher.domain.snapshot import Outcome, Snapshot
    from model_switcher.engine.log import LogPage


class SettingsDesk(Protocol):
    """Where settings are looked at, tried out and changed. As the intentions are."""

    async def state(self) -> SettingsState: ...
    async def change(self, changes: Mapping[tuple[str, ...], Any]) -> SettingsState: ...
    async def reload(self, model: str) -> None: ...
    async def engines(self) -> tuple[FoundEngine, ...]: ...
    async def options(self, engine: str) -> tuple[OptionHelp, ...]: ...
    async def suppose(self, model: str, options: Mapping[str, Option], engine: str) -> Supposed: ...
    async def try_engine(self, engine: str, model: str | None = None) -> Tried: ...


class Intentions(Protocol):
    """What a view may ask of the engine. Everything is called on the engine's loop; all coroutines raise SwitcherError."""

    @property
    def desk(self) -> SettingsDesk:
        """Where settings are changed."""
        ...

    async def select(self, model: str, *, cut: bool = False) -> Outcome: ...
    async def cancel(self) -> None: ...
    async def hint(self, model: str | None) -> None: ...
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
