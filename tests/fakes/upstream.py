"""A gateway on real sockets, with a small backend behind it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

from fakes.http_engines import Received, ScriptedEngine, sized
from model_switcher.domain.catalog import Catalog, Model
from model_switcher.domain.errors import SwitcherError, UnknownModel
from model_switcher.domain.settings import ServerSettings
from model_switcher.domain.snapshot import Outcome, Result, ServerView, Snapshot
from model_switcher.domain.states import ServerState
from model_switcher.engine.control.admission import Admission
from model_switcher.engine.control.book import Book
from model_switcher.engine.control.gates import Gates, Open
from model_switcher.engine.control.leases import Leases
from model_switcher.engine.control.lending import Lending
from model_switcher.engine.hub import Hub
from model_switcher.engine.log import LogRing
from model_switcher.gateway.server import Gateway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from fakes.http_engines import Answer

CONTROL_KEY = "the control key"
PATIENCE = 20.0
TINY_A = Model(
    id="tiny-a", name="Tiny A", path="/models/a.gguf", files=("/models/a.gguf",), size=1, aliases=("a",)
)
TINY_B = Model(id="tiny-b", name="Tiny B", path="/models/b.gguf", files=("/models/b.gguf",), size=2)


class SmallBackend:
    """The runtime's gate, counter for leases, hub and log, with a switch that a test ends by hand."""

    def __init__(self, *, limit: int = 256) -> None:
        self.hub = Hub(Snapshot(version="1.2.3", selected=TINY_A.id, catalog=Catalog((TINY_A, TINY_B))))
        self.log = LogRing()
        self.admission = Admission(
            limit=limit,
            timeout=PATIENCE,
            on_wanted=lambda: self.calls.append("wanted"),
            on_idle=lambda: None,
            on_held=lambda: None,
        )
        self.leases = Leases(limit=1800.0)
        self.lending = Lending(post=self._post, book=Book(), leases=self.leases)
        self.hold()
        self.outcome_listeners: list[Callable[[Outcome], None]] = []
        self.calls: list[str] = []
        self.may_switch = asyncio.Event()

    @property
    def in_flight(self) -> Counter[str]:
        return self.admission.in_flight

    @property
    def snapshot(self) -> Snapshot:
        return self.hub.snapshot

    def serve(self, url: str, *, key: str = "engine key", model: str = TINY_A.id) -> None:
        """Requests that name no model, or that one, pass to that engine."""
        self.serve_all({model: url}, selected=model, key=key)

    def serve_all(self, urls: dict[str, str], *, selected: str = TINY_A.id, key: str = "engine key") -> None:
        """Requests for these models pass to their engines; those for others wait."""
        doors = {model: Open(model, url, key) for model, url in urls.items()}
        self.admission.set_gates(Gates(selected=selected, open=doors))

    def hold(self, reason: str = "The model is loading") -> None:
        """Every request waits."""
        self.admission.set_gates(Gates(selected=TINY_A.id, waiting={TINY_A.id: reason}))

    def refuse(self, error: SwitcherError) -> None:
        """No request is served."""
        self.admission.set_gates(Gates(everything=error))

    def lend(self, *models: str) -> None:
        """These models are there: whoever is first in the queue for one of them gets it."""
        self.leases.grant(models)
        self._post(lambda: None)

    def end_leases(self, reason: SwitcherError) -> None:
        """Every lease is over."""
        self._post(lambda: self.leases.end_all(reason))

    def _post(self, step: Callable[[], None]) -> None:
        """What the writer does: the step, then tell the views."""
        step()
        self.hub.update(leases=self.leases.views(lambda model: model, self.snapshot.selected))

    def subscribe(self, listener: Callable[[Snapshot], None]) -> Callable[[], None]:
        return self.hub.subscribe(listener)

    def subscribe_outcomes(self, listener: Callable[[Outcome], None]) -> Callable[[], None]:
        self.outcome_listeners.append(listener)
        return lambda: self.outcome_listeners.remove(listener)

    def end_load(self, outcome: Outcome) -> None:
        """A load has ended."""
        for listener in tuple(self.outcome_listeners):
            listener(outcome)

    async def resolve(self, name: str) -> Model:
        return self.snapshot.catalog.find(name)

    async def select(self, model: str, *, cut: bool = False) -> Outcome:
        self.calls.append(f"select {model} {'now' if cut else 'idle'}")
        found = self.snapshot.catalog.find(model)
        await self.may_switch.wait()
        self.hub.update(selected=found.id)
        return Outcome(result=Result.SWITCHED, target=found.id, serving=found.id, seconds=0.5, finished=1.0)

    async def unload(self, model: str) -> None:
        self.calls.append(f"unload {model}")

    async def cancel(self) -> None:
        self.calls.append("cancel")

    async def stop(self) -> None:
        self.calls.append("stop")

    async def pause(self) -> None:
        self.hub.update(paused=True)

    async def resume(self) -> None:
        self.hub.update(paused=False)

    async def rescan(self) -> None:
        raise UnknownModel("nothing was found")


def server_view(state: ServerState, model: str = TINY_A.id) -> ServerView:
    """A server in that state."""
    return ServerView(model=model, state=state, engine="llama-server b1")


@dataclass
class Front:
    """A gateway that runs: where it listens, and a client to ask it with; `second` is the port of one model alone."""

    gateway: Gateway
    backend: SmallBackend
    client: httpx.AsyncClient
    port: int
    asked: list[str] = field(default_factory=list)
    second: int = 0

    async def raw(self, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A bare connection on which `data` was sent."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(data)
        await writer.drain()
        return reader, writer


@contextlib.asynccontextmanager
async def open_front(
    backend: SmallBackend | None = None,
    settings: ServerSettings | None = None,
    *,
    desktop: bool = True,
    second: str | None = None,
) -> AsyncIterator[Front]:
    """A gateway on both loopback addresses, at a free port; `second` is the model of a port of its own."""
    backend = backend or SmallBackend()
    four, six = _listen_on_both()
    more = [*_listen_on_both()] if second is not None else []
    port = four.getsockname()[1]
    asked: list[str] = []
    gateway = Gateway(
        backend,
        settings or ServerSettings(),
        control_key=CONTROL_KEY,
        on_show=(lambda: asked.append("show")) if desktop else None,
        on_quit=lambda hand_over: asked.append(f"quit {hand_over}"),
        version="1.2.3",
        ports={more[0].getsockname()[1]: second} if second is not None else {},
    )
    await gateway.start([four, six, *more])
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=PATIENCE
    ) as client:
        try:
            yield Front(gateway, backend, client, port, asked, more[0].getsockname()[1] if more else 0)
        finally:
            await gateway.stop(0.0)


def _listen_on_both() -> tuple[socket.socket, socket.socket]:
    four = socket.create_server(("127.0.0.1", 0))
    six = socket.socket(socket.AF_INET6)
    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    six.bind(("::1", four.getsockname()[1]))
    six.listen()
    return four, six


async def echo(request: Received, writer: asyncio.StreamWriter) -> None:
    """Answer with the body of the request."""
    writer.write(sized(request.body))


@contextlib.asynccontextmanager
async def passing(answer: Answer = echo, **settings: object) -> AsyncIterator[tuple[Front, ScriptedEngine]]:
    """A gateway with those settings, and an engine that all requests pass to."""
    engine = ScriptedEngine(answer)
    async with engine.run(), open_front(SmallBackend(), ServerSettings(**settings)) as front:  # type: ignore[arg-type]
        front.backend.serve(engine.url)
        yield front, engine


@contextlib.asynccontextmanager
async def two_models(
    *, second: str | None = None, **settings: object
) -> AsyncIterator[tuple[Front, ScriptedEngine, ScriptedEngine]]:
    """Tiny A, which is selected, and Tiny B, each on an engine of its own that echoes; `second` has its own port."""
    a, b = ScriptedEngine(echo), ScriptedEngine(echo)
    async with (
        a.run(),
        b.run(),
        open_front(SmallBackend(), ServerSettings(**settings), second=second) as front,  # type: ignore[arg-type]
    ):
        front.backend.serve_all({TINY_A.id: a.url, TINY_B.id: b.url})
        yield front, a, b
