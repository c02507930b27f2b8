"""What the controller asks about memory, and what it is told where nobody knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from model_switcher.domain.launch import Launch
    from model_switcher.domain.plan import Span
    from model_switcher.engine.control.server import Server


class Memory(Protocol):
    """Memory as the controller sees it, in bytes. None is: nobody knows."""

    def room(self, servers: Iterable[Server]) -> int | None:
        """What is free right now, on the device that counts; `servers` are all that run."""
        ...

    def need(self, launch: Launch) -> Span | None:
        """What a start takes."""
        ...

    def held(self, server: Server) -> int | None:
        """What a server holds, and so gives back when it ends."""
        ...

    async def released(self, server: Server) -> None:
        """Return once it is proven that the memory of a server that ended is free again, or when that took too long."""
        ...


class UnknownMemory:
    """Where nothing can be read: models take turns, and an ended process is all there is to know."""

    def room(self, servers: Iterable[Server]) -> int | None:
        del servers
        return None

    def need(self, launch: Launch) -> Span | None:
        del launch
        return None

    def held(self, server: Server) -> int | None:
        del server
        return None

    async def released(self, server: Server) -> None:
        """A process that has ended holds nothing."""
