"""The router's routes: `GET /models`, `POST /models/load` and `/models/unload`, `GET /models/sse`, `GET /props`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from model_switcher.domain.errors import SwitcherError, UnknownModel
from model_switcher.gateway.answers import decoded_body, encoded_answer, json_answer
from model_switcher.gateway.router.listing import Listing, event
from model_switcher.gateway.router.statuses import Statuses, Value
from model_switcher.gateway.streams import Pending

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp import web

    from model_switcher.domain.catalog import Model
    from model_switcher.gateway.backend import Backend
    from model_switcher.gateway.errands import Errands
    from model_switcher.gateway.routing import Routing
    from model_switcher.gateway.streams import Streams

PROPS = "/props"
_TYPES = {400: "invalid_request_error", 404: "not_found_error"}


class Named(msgspec.Struct):
    """The model that is meant; whatever else a router would take is passed over."""

    model: str = ""


class RouterRoutes:
    """Handlers of the router's routes.

    Loading a model is choosing it, as in the tray: it stays the selected one. A load answers at once; how it goes on is
    told by the events and the list.

    Args:
        backend: The runtime.
        routing: Tells which model a port means.
        streams: Keeps answers going that do not end.
        errands: Keeps loads going whose callers left.
        version: Of the program.
        max_instances: Models that may be loaded at once; 0 for as many as fit.
    """

    def __init__(
        self,
        backend: Backend,
        routing: Routing,
        streams: Streams,
        errands: Errands,
        *,
        version: str,
        max_instances: int,
    ) -> None:
        self._backend = backend
        self._routing = routing
        self._streams = streams
        self._errands = errands
        self._statuses = Statuses(backend)
        self._listing = Listing()
        self._props = _props(version, max_instances)

    def begin(self) -> None:
        """Follow the runtime from now on."""
        self._statuses.begin()

    def end(self) -> None:
        """Follow it no more."""
        self._statuses.end()

    async def models(self, request: web.BaseRequest) -> web.StreamResponse:
        """Every model with its status, the selected one first; or the one of the port. `?reload=1` looks for new ones."""
        if request.rel_url.query.get("reload"):
            await self._errands.finish(self._backend.rescan())
        snapshot = self._backend.snapshot
        if (fixed := self._routing.fixed(request)) is not None:
            model = snapshot.catalog.get(fixed)
            return encoded_answer(self._listing.of([model] if model is not None else [], self._statuses.now))
        return encoded_answer(self._listing.whole(snapshot, self._statuses.now))

    async def props(self, request: web.BaseRequest) -> web.StreamResponse:  # noqa: ARG002 - a handler
        """That this is a router."""
        return json_answer(self._props)

    async def load(self, request: web.BaseRequest) -> web.StreamResponse:
        """Begin to serve a model."""
        try:
            model = await self._model(request)
        except UnknownModel as error:
            return _refusal(404, "model is not found", error.hint)
        if self._statuses.of(model.id).value is not Value.UNLOADED:
            return _refusal(400, "model is already running")
        self._errands.begin(self._load(model.id))
        return json_answer({"success": True})

    async def unload(self, request: web.BaseRequest) -> web.StreamResponse:
        """Begin to unload a model, after its running answers, or give its load up."""
        try:
            model = await self._model(request)
        except UnknownModel as error:
            return _refusal(400, "model is not found", error.hint)
        status, switch = self._statuses.of(model.id).value, self._backend.snapshot.switch
        if status is Value.UNLOADED:
            return _refusal(400, "model is not running")
        if status is Value.LOADING and switch is not None and switch.target == model.id:
            self._errands.begin(self._backend.cancel())
        else:
            self._errands.begin(self._backend.unload(model.id))
        return json_answer({"success": True})

    async def events(self, request: web.BaseRequest, ours: Mapping[str, str]) -> web.StreamResponse:
        """Every change of a status, and that the list of models is another one."""
        pending: Pending[None] = Pending(1)
        told = self._statuses.now
        catalog = self._backend.snapshot.catalog

        def put() -> None:
            pending.put(None)

        def render(_: None) -> bytes:
            nonlocal told, catalog
            before, told = told, self._statuses.now
            models, catalog = catalog, self._backend.snapshot.catalog
            reload = b"" if models.models == catalog.models else event("models_reload", "*")
            return reload + self._listing.changes(catalog, before, told)

        return await self._streams.stream(
            request,
            pending,
            render,
            subscribe=lambda: self._subscribe(put),
            ping=b": ping\n\n",
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", **ours},
        )

    def _subscribe(self, put: Callable[[], None]) -> Callable[[], None]:
        catalog = self._backend.snapshot.catalog

        def look(snapshot: Any) -> None:
            nonlocal catalog
            if snapshot.catalog is not catalog:
                catalog = snapshot.catalog
                put()

        ends = self._statuses.subscribe(put), self._backend.subscribe(look)
        put()  # what changed since the answer was begun

        def end() -> None:
            for one in ends:
                one()

        return end

    async def _model(self, request: web.BaseRequest) -> Model:
        """The model that the body names; at a port of one model there is no other.

        Raises:
            ModelError: It names none that can be served.
        """
        name = (await decoded_body(request, Named)).model
        fixed = self._routing.fixed(request)
        model = await self._backend.resolve(name)
        if fixed is not None and model.id != fixed:
            raise UnknownModel(f"This port always means {fixed}")
        return model

    async def _load(self, model: str) -> None:
        """A load that fails before the runtime says so by itself is told all the same: somebody waits for its end."""
        failures = self._statuses.failures_of(model)
        try:
            await self._backend.select(model)
        except SwitcherError:
            if self._statuses.failures_of(model) == failures:
                self._statuses.note_failure(model)


def _props(version: str, max_instances: int) -> dict[str, Any]:
    """As a router's, which has values of no meaning so that clients find what they expect of a model's server."""
    return {
        "role": "router",
        "max_instances": max_instances,
        "models_autoload": True,
        "model_alias": "llama-server",
        "model_path": "none",
        "default_generation_settings": {"params": None, "n_ctx": 0},
        "ui_settings": {},
        "build_info": f"model-switcher-{version}",
        "cors_proxy_enabled": False,
    }


def _refusal(status: int, message: str, hint: str = "") -> web.Response:
    """An error in llama-server's form."""
    error = {"code": status, "message": message, "type": _TYPES[status]}
    return json_answer({"error": error | ({"hint": hint} if hint else {})}, status=status)
