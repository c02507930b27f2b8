"""The gateway: listening sockets, and which handler answers what."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from types import MappingProxyType
from typing import TYPE_CHECKING

from aiohttp import web

from model_switcher.domain.errors import SwitcherError
from model_switcher.domain.leases import LEASES
from model_switcher.gateway import patience
from model_switcher.gateway.answers import PassedAnswer, PlainError, error_answer, plain_error, wrong_method
from model_switcher.gateway.callers import Callers
from model_switcher.gateway.control import Control
from model_switcher.gateway.errands import Errands
from model_switcher.gateway.guards import Guards
from model_switcher.gateway.lending import LendingRoutes
from model_switcher.gateway.metrics import PATH as METRICS
from model_switcher.gateway.metrics import Metrics
from model_switcher.gateway.openapi import PATH as OPENAPI
from model_switcher.gateway.openapi import Description
from model_switcher.gateway.page import told
from model_switcher.gateway.proxy import Proxy, target_of
from model_switcher.gateway.router.routes import PROPS, RouterRoutes
from model_switcher.gateway.routing import Routing, query_names_a_model
from model_switcher.gateway.streams import Streams
from model_switcher.gateway.tally import Tally

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from model_switcher.domain.settings import ServerSettings
    from model_switcher.gateway.backend import Backend

    Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
    StreamHandler = Callable[[web.BaseRequest, Mapping[str, str]], Awaitable[web.StreamResponse]]

BACKLOG = 512
CUT_TIMEOUT = 0.1
CLIENT_GONE = 499  # seen by nobody
LONGEST_HEADER_LINE = 64 * 1024
OUR_PREFIX = "/switcher/"

_log = logging.getLogger(__name__)
# What somebody sent that is no HTTP is answered; a traceback of it in the user's terminal helps nobody.
_http_log = logging.getLogger(f"{__name__}.http")
_http_log.addFilter(lambda _: _log.isEnabledFor(logging.DEBUG))


class Gateway:
    """The HTTP front at the stable address.

    Args:
        backend: The runtime behind it, on the same loop.
        settings: The `[server]` table.
        control_key: Opens every route whatever the settings say.
        on_show: Shows the panel; None where there is no desktop.
        on_quit: Begins the end of the program; True if another instance takes over.
        version: Of the program.
        ports: Ports that always mean one model, with what the settings call it.
        max_instances: Models that may be loaded at once; 0 for as many as fit.
    """

    def __init__(
        self,
        backend: Backend,
        settings: ServerSettings,
        *,
        control_key: str,
        on_show: Callable[[], None] | None,
        on_quit: Callable[[bool], None],
        version: str,
        ports: Mapping[int, str] = MappingProxyType({}),
        max_instances: int = 0,
    ) -> None:
        self._control_key = control_key
        self._guards = Guards(settings, control_key)
        callers = Callers()
        routing = Routing(backend, unknown=settings.unknown_model, ports=ports, callers=callers)
        self._routing = routing
        self._tally = Tally(backend)
        self._proxy = Proxy(backend.admission, routing, self._tally, hold_bytes=settings.hold_bytes)
        self._streams = Streams(backend)
        self._lending = LendingRoutes(backend, self._streams, callers)
        self._routing = routing
        self._errands = Errands()
        self._control = Control(
            backend, self._streams, routing, self._errands, on_show=on_show, on_quit=on_quit
        )
        self._router = router = RouterRoutes(
            backend, routing, self._streams, self._errands, version=version, max_instances=max_instances
        )
        self._server: web.Server | None = None
        self._name = f"model-switcher/{version}"
        self._listeners: list[asyncio.Server] = []
        self._busy: set[web.RequestHandler] = set()
        self._quiet = asyncio.Event()
        self._last_used = time.monotonic()
        control = self._control
        # Everything that the gateway answers itself; all else goes to the models.
        self._routes: dict[str, dict[str, Handler]] = {
            "/health": {"GET": control.health},
            "/v1/health": {"GET": control.health},
            "/models": {"GET": router.models},
            "/v1/models": {"GET": router.models},
            "/models/load": {"POST": router.load},
            "/models/unload": {"POST": router.unload},
            PROPS: {"GET": router.props},
            METRICS: {"GET": Metrics(backend, self._tally).metrics},
            "/switcher/state": {"GET": control.state},
            "/switcher/models": {"GET": control.models},
            "/switcher/history": {"GET": control.history},
            OPENAPI: {"GET": Description(version).answer},
            "/switcher/select": {"POST": control.select},
            "/switcher/cancel": {"POST": control.command("cancel")},
            "/switcher/stop": {"POST": control.command("stop")},
            "/switcher/pause": {"POST": control.command("pause")},
            "/switcher/resume": {"POST": control.command("resume")},
            "/switcher/rescan": {"POST": control.command("rescan")},
            "/switcher/show": {"POST": control.show},
            "/switcher/quit": {"POST": control.quit},
        }
        self._stream_routes: dict[str, StreamHandler] = {
            "/switcher/events": self._streams.events,
            "/switcher/log": self._streams.log,
            "/models/sse": router.events,
        }

    def apply(self, settings: ServerSettings) -> None:
        """Go by these keys, origins and limits from now on; where it listens stays as it is."""
        self._guards = Guards(settings, self._control_key)
        self._routing.strict = settings.unknown_model == "error"
        self._proxy.held.limit = settings.hold_bytes

    @property
    def idle_seconds(self) -> float:
        """Seconds since the last request ended; 0.0 while one is under way."""
        return 0.0 if self._busy else time.monotonic() - self._last_used

    async def start(self, sockets: Sequence[socket.socket]) -> None:
        """Answer on these sockets, which listen already."""
        self._streams.begin()
        self._router.begin()
        self._tally.begin()
        self._server = web.Server(
            self._handle,
            handler_cancellation=True,  # a client that leaves ends its request, up to the engine
            access_log=None,
            logger=_http_log,
            auto_decompress=False,
            keepalive_timeout=patience.HEADER_SECONDS,
            max_line_size=LONGEST_HEADER_LINE,
            max_field_size=LONGEST_HEADER_LINE,
        )
        loop = asyncio.get_running_loop()
        for listening in sockets:
            self._listeners.append(await loop.create_server(self._server, sock=listening, backlog=BACKLOG))

    async def stop_accepting(self) -> None:
        """Close the listeners and idle connections at once, and end the event streams; running requests go on."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        self._proxy.closing = True
        self._streams.end()
        self._router.end()
        self._tally.end()
        # Not `Server.pre_shutdown`: it would also stop reading the bodies of requests that are still coming in.
        for connection in self._server.connections if self._server is not None else ():
            if connection not in self._busy:
                connection.force_close()
        self._note_quiet()

    async def stop(self, grace: float) -> None:
        """Stop accepting, give running requests `grace` seconds, then cut them."""
        await self.stop_accepting()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self._quiet.wait()
        if self._server is not None:
            await self._server.shutdown(CUT_TIMEOUT)
            self._server = None
        await self._errands.close()
        self._proxy.close()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self._busy.add(request.protocol)
        try:
            response = await self._dispatch(request)
            if self._proxy.closing:
                response.force_close()
            return response
        finally:
            self._busy.discard(request.protocol)
            self._last_used = time.monotonic()
            self._note_quiet()

    def _note_quiet(self) -> None:
        if self._proxy.closing and not self._busy:
            self._quiet.set()

    async def _dispatch(self, request: web.BaseRequest) -> web.StreamResponse:
        ours: dict[str, str] = {"Server": self._name}
        try:
            origin = self._guards.check_caller(request.headers)
            cors = self._guards.cors(origin)
            ours |= cors
            target = target_of(request)
            path = target.partition("?")[0]
            if request.method == "OPTIONS":
                return self._guards.options_answer(origin, request.headers, self._methods_of(path))
            if self._guards.needs_key(request.method, path):
                self._guards.check_key(request.headers)
            if self._is_for_a_model(request, path, target):
                return await self._proxy.forward(request, cors)
            response = await self._answer(request, path, ours)
        except SwitcherError as error:
            response = told(error, request)
        except PlainError as error:
            response = plain_error(error.status, error.code, error.message)
        except Exception as error:
            if isinstance(error, ConnectionError) and (
                request.transport is None or request.transport.is_closing()
            ):
                return PassedAnswer(CLIENT_GONE, keep_alive=False)
            _log.exception("The gateway failed on %s", request.raw_path)
            if request.writer.output_size:
                raise
            response = error_answer(SwitcherError("The gateway failed; its log says how"))
        if not response.prepared:
            response.headers.update(ours)
        return response

    def _is_for_a_model(self, request: web.BaseRequest, path: str, target: str) -> bool:
        if path == METRICS:
            return query_names_a_model(target)
        if path == PROPS:
            read = request.method in {"GET", "HEAD"}
            return not read or query_names_a_model(target) or self._routing.fixed(request) is not None
        ours = path in self._routes or path in self._stream_routes or path.startswith(OUR_PREFIX)
        return not ours

    async def _answer(
        self, request: web.BaseRequest, path: str, ours: Mapping[str, str]
    ) -> web.StreamResponse:
        method = "GET" if request.method == "HEAD" else request.method
        if path in self._stream_routes and method == "GET":
            return await self._stream_routes[path](request, ours)
        if _is_lease(path):
            return await self._lending.answer(request, path, ours)
        handlers = self._routes.get(path, {})
        if method in handlers:
            return await handlers[method](request)
        if methods := self._methods_of(path):
            return wrong_method(path, request.method, methods)
        return plain_error(404, "not-found", f"There is nothing at {path}")

    def _methods_of(self, path: str) -> tuple[str, ...] | None:
        """The methods that a route of ours knows, none for one that we have not; None for one of the engines'."""
        if _is_lease(path):
            return self._lending.methods(path)
        known = {"GET"} if path in self._stream_routes else set(self._routes.get(path, ()))
        if not known or path == PROPS:
            return () if path.startswith(OUR_PREFIX) else None
        return (*sorted(known), *({"HEAD"} if "GET" in known else ()), "OPTIONS")


def _is_lease(path: str) -> bool:
    return path == LEASES or path.startswith(f"{LEASES}/")
