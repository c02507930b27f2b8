"""The gateway's own routes: what runs, and what to change about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from model_switcher.domain import wire
from model_switcher.domain.errors import UsageError
from model_switcher.domain.states import COMING_UP, ServerState
from model_switcher.gateway.answers import (
    LONGEST_CONTROL_BODY,
    decoded_body,
    encoded_answer,
    json_answer,
    read_at_most,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from aiohttp import web

    from model_switcher.domain.snapshot import Outcome
    from model_switcher.gateway.backend import Backend
    from model_switcher.gateway.errands import Errands
    from model_switcher.gateway.routing import Routing
    from model_switcher.gateway.streams import Streams

_COUNT = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectBody:
    """What to serve, and whether to wait for running answers ("idle") or to cut them ("now")."""

    model: str
    when: Literal["idle", "now"] = "idle"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuitBody:
    """Whether another instance is about to take over."""

    hand_over: bool = False


class Control:
    """Handlers of the control routes.

    Args:
        backend: The runtime.
        streams: Shares the encoded state with the event streams.
        routing: Tells which model a port means.
        errands: Keeps going what callers have begun.
        on_show: Shows the panel; None where there is no desktop.
        on_quit: Begins the end of the program; True if another instance takes over.
    """

    def __init__(
        self,
        backend: Backend,
        streams: Streams,
        routing: Routing,
        errands: Errands,
        *,
        on_show: Callable[[], None] | None,
        on_quit: Callable[[bool], None],
    ) -> None:
        self._backend = backend
        self._routing = routing
        self._streams = streams
        self._errands = errands
        self._on_show = on_show
        self._on_quit = on_quit

    async def health(self, request: web.BaseRequest) -> web.StreamResponse:
        """What llama-server says: 200 when it can answer, 503 while it loads or nothing is served."""
        snapshot, fixed = self._backend.snapshot, self._routing.fixed(request)
        model = snapshot.selected if fixed is None else fixed
        if any(server.model == model and server.state is ServerState.READY for server in snapshot.servers):
            return json_answer({"status": "ok"})
        coming = {server.model for server in snapshot.servers if server.state in COMING_UP}
        if snapshot.switch is not None:
            coming.add(snapshot.switch.target)
        loading = bool(coming) if fixed is None else fixed in coming
        message = "Loading model" if loading else "No model is loaded"
        return json_answer(
            {"error": {"code": 503, "message": message, "type": "unavailable_error"}},
            status=503,
            headers={"Retry-After": "1" if loading else "5"},
        )

    async def state(self, request: web.BaseRequest) -> web.StreamResponse:  # noqa: ARG002 - a handler
        return encoded_answer(self._streams.state_json(self._backend.snapshot))

    async def models(self, request: web.BaseRequest) -> web.StreamResponse:  # noqa: ARG002 - a handler
        return json_answer(wire.models(self._backend.snapshot))

    async def history(self, request: web.BaseRequest) -> web.StreamResponse:
        """Every load that is kept; with `?limit=N` only the newest N of them one by one."""
        limit = request.rel_url.query.get("limit")
        if limit is not None and not _COUNT.fullmatch(limit):
            raise UsageError(f"limit={limit} means nothing here: it is a whole number")
        return json_answer(await self._backend.history(int(limit) if limit is not None else None))

    async def select(self, request: web.BaseRequest) -> web.StreamResponse:
        """Switch, and answer with the outcome. The switch goes on if the caller leaves."""
        body = await decoded_body(request, SelectBody)
        outcome: Outcome = await self._errands.finish(
            self._backend.select(body.model, cut=body.when == "now")
        )
        return json_answer({"outcome": outcome})

    def command(
        self, name: Literal["cancel", "stop", "pause", "resume", "rescan"]
    ) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
        """The handler that calls the backend's method of that name, and answers with the state after it."""

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            await read_at_most(request.content, LONGEST_CONTROL_BODY)
            method: Callable[[], Coroutine[Any, Any, None]] = getattr(self._backend, name)
            await self._errands.finish(method())
            return await self.state(request)

        return handle

    async def show(self, request: web.BaseRequest) -> web.StreamResponse:
        """Bring up the panel."""
        await read_at_most(request.content, LONGEST_CONTROL_BODY)
        if self._on_show is None:
            raise UsageError(
                "This instance runs without a desktop",
                hint="`model-switcher` on a desktop takes over from it.",
            )
        self._on_show()
        return await self.state(request)

    async def quit(self, request: web.BaseRequest) -> web.StreamResponse:
        """Begin the end; the answer comes before it."""
        body = await decoded_body(request, QuitBody, empty=QuitBody())
        self._on_quit(body.hand_over)
        return await self.state(request)
