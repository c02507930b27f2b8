"""`GET /metrics`: our figures for Prometheus. With `?model=` it is that model's server that answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from model_switcher.engine.background import in_background
from model_switcher.gateway.engine_metrics import ask_engines
from model_switcher.gateway.upstream import Upstreams

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from model_switcher.domain.snapshot import Snapshot
    from model_switcher.gateway.backend import Backend
    from model_switcher.gateway.tally import Tally

    Exposition = Callable[[Snapshot, Tally, Mapping[str, str]], bytes]

PATH = "/metrics"


class Metrics:
    """The handler.

    Args:
        backend: The runtime, whose snapshot is told at each scrape.
        tally: What was counted so far.
    """

    def __init__(self, backend: Backend, tally: Tally) -> None:
        self._backend = backend
        self._tally = tally
        self._upstreams = Upstreams()
        self._exposition: tuple[Exposition, str] | None = None

    async def metrics(self, request: web.BaseRequest) -> web.StreamResponse:  # noqa: ARG002 - a handler
        """All metrics now."""
        if self._exposition is None:
            self._exposition = await in_background(_load)
        write, content_type = self._exposition
        engines = await ask_engines(self._backend.admission.doors, self._upstreams)
        return web.Response(
            body=write(self._backend.snapshot, self._tally, engines),
            headers={"Content-Type": content_type, "Cache-Control": "no-store"},
        )


def _load() -> tuple[Exposition, str]:
    """Prometheus' library takes as long to import as the rest of the gateway, and most people never ask for it."""
    from model_switcher.gateway.exposition import CONTENT_TYPE, exposition  # noqa: PLC0415 - see above

    return exposition, CONTENT_TYPE
