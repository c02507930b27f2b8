"""`GET /metrics`: our figures for Prometheus. With `?model=` it is that model's server that answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from model_switcher.engine.background import in_background

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_switcher.domain.snapshot import Snapshot
    from model_switcher.gateway.backend import Backend

PATH = "/metrics"


class Metrics:
    """The handler.

    Args:
        backend: The runtime, whose snapshot is told at each scrape.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._exposition: tuple[Callable[[Snapshot], bytes], str] | None = None

    async def metrics(self, request: web.BaseRequest) -> web.StreamResponse:  # noqa: ARG002 - a handler
        """All metrics now."""
        if self._exposition is None:
            self._exposition = await in_background(_load)
        write, content_type = self._exposition
        return web.Response(
            body=write(self._backend.snapshot),
            headers={"Content-Type": content_type, "Cache-Control": "no-store"},
        )


def _load() -> tuple[Callable[[Snapshot], bytes], str]:
    """Prometheus' library takes as long to import as the rest of the gateway, and most people never ask for it."""
    from model_switcher.gateway.exposition import CONTENT_TYPE, exposition  # noqa: PLC0415 - see above

    return exposition, CONTENT_TYPE
