"""What the controller asks about memory, and what it is told where nobody knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from model_switcher.domain.states import Cause, Failure

if TYPE_CHECKING:
    from collections.abc import Iterable

    from model_switcher.domain.launch import Launch
    from model_switcher.domain.need import Fit
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

    def fit(self, model: str) -> Fit | None:
        """What of a model would fit now, where it does not as a whole."""
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

    def fit(self, model: str) -> Fit | None:
        del model
        return None

    async def released(self, server: Server) -> None:
        """A process that has ended holds nothing."""


def with_what_fits(failure: Failure, memory: Memory, model: str) -> Failure:
    """The failure of a model that memory did not suffice for, with the context or the layers that would fit."""
    if failure.cause not in (Cause.SHORT_OF_MEMORY, Cause.OUT_OF_MEMORY):
        return failure
    fit = memory.fit(model)
    return (
        failure if fit is None else failure.with_fitting(ctx_size=fit.ctx_size, n_gpu_layers=fit.n_gpu_layers)
    )
