"""The gateway's own routes: what runs, and what to change about it."""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

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
    from collections.abc import Awaitable, Callable, Coroutine, Iterable

    from aiohttp import web

    from model_switcher.domain.catalog import Model
    from model_switcher.domain.snapshot import Outcome, Snapshot
    from model_switcher.gateway.backend import Backend
    from model_switcher.gateway.routing import Routing
    from model_switcher.gateway.streams import Streams

T = TypeVar("T")

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
        on_show: Shows the panel; None where there is no desktop.
        on_quit: Begins the end of the program; True if another instance takes over.
    """

    def __init__(
        self,
        backend: Backend,
        streams: Streams,
        routing: Routing,
        *,
        on_show: Callable[[], None] | None,
        on_quit: Callable[[bool], None],
    ) -> None:
        self._backend = backend
        self._routing = routing
        self._streams = streams
        self._on_show = on_show
        self._on_quit = on_quit
        self._running: set[asyncio.Task[Any]] = set()
        self._models: tuple[Snapshot, bytes] | None = None
        self._begun = int(time.time())

    async def close(self) -> None:
        """Give up what callers left running."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

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

    async def v1_models(self, request: web.BaseRequest) -> web.StreamResponse:
        """Every model, in OpenAI's form with llama.cpp's `status`, the selected one first; or the one of the port."""
        snapshot = self._backend.snapshot
        if (model := self._routing.fixed(request)) is not None:
            return json_answer(_openai_list(snapshot, [snapshot.catalog.get(model)], self._begun))
        if self._models is None or self._models[0] is not snapshot:
            models = sorted(snapshot.catalog.models, key=lambda model: model.id != snapshot.selected)
            self._models = (snapshot, wire.encode(_openai_list(snapshot, models, self._begun)))
        return encoded_answer(self._models[1])

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
        outcome: Outcome = await self._keep_running(self._backend.select(body.model, cut=body.when == "now"))
        return json_answer({"outcome": outcome})

    def command(
        self, name: Literal["cancel", "stop", "pause", "resume", "rescan"]
    ) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
        """The handler that calls the backend's method of that name, and answers with the state after it."""

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            await read_at_most(request.content, LONGEST_CONTROL_BODY)
            method: Callable[[], Coroutine[Any, Any, None]] = getattr(self._backend, name)
            await self._keep_running(method())
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

    async def _keep_running(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for `work`, which goes on if the caller leaves meanwhile."""
        task = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # the caller has heard of it, unless he left


def _openai_list(snapshot: Snapshot, models: Iterable[Model | None], created: int) -> dict[str, Any]:
    listed = [_openai_model(model, snapshot, created) for model in models if model is not None]
    return {"object": "list", "data": listed}


def _openai_model(model: Model, snapshot: Snapshot, created: int) -> dict[str, Any]:
    """`created` (seconds since the epoch) is when this instance began to offer its models."""
    states = {server.state for server in snapshot.servers if server.model == model.id}
    coming_up = bool(states & COMING_UP)
    status = "loaded" if ServerState.READY in states else "loading" if coming_up else "unloaded"
    return {
        "id": model.id,
        "aliases": list(model.aliases),
        "object": "model",
        "created": created,
        "owned_by": "llamacpp",
        "status": {"value": status},
    }
