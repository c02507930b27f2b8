"""Connections to the engines: one request at a time on each, kept for the next where that is safe."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from model_switcher.gateway.http1 import (
    LONGEST_HEAD,
    Body,
    ChunkedBody,
    EndlessBody,
    Head,
    MalformedAnswerError,
    SizedBody,
    body_of,
    parse_head,
)

if TYPE_CHECKING:
    from collections.abc import Callable

BUFFER_LIMIT = 256 * 1024
CONNECT_TIMEOUT = 10.0
# cpp-httplib, the HTTP library of llama-server, closes a connection that idles for 5 s.
IDLE_LIMIT = 3.0
IDLE_CONNECTIONS = 64
_INFORMATIONAL = 200


class ConnectionClosedError(Exception):
    """The engine closed the connection before its answer was complete, or sent something else than an answer."""


class Connection(asyncio.Protocol):
    """One connection to an engine. What it sends is decoded as it arrives, and read when the client takes it."""

    def __init__(self, on_lost: Callable[[Connection], None]) -> None:
        self._on_lost = on_lost
        self._transport: asyncio.Transport | None = None
        self._method = ""
        self._buffer = b""
        self._head: Head | None = None
        self._body: Body | None = None
        self._content: list[bytes] = []
        self._size = 0
        self._lost: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._writing_paused = False
        self._reading_paused = False
        self._spoiled = False
        self.answered = False
        self.idle_since = 0.0

    @property
    def complete(self) -> bool:
        """Whether the whole answer has arrived and was taken."""
        return self._body is not None and self._body.done and not self._content

    @property
    def sized(self) -> bool:
        """Whether the length of the answer is known from its head."""
        return isinstance(self._body, SizedBody)

    @property
    def open(self) -> bool:
        return self._lost is None and self._transport is not None and not self._transport.is_closing()

    @property
    def reusable(self) -> bool:
        """Whether a next request may use the connection.

        Never after a streamed answer: llama-server closes the connection then without saying so, and a request sent
        into that moment would be lost.
        """
        if self._spoiled or not self.complete or not self.open or self._head is None or self._body is None:
            return False
        says_close = b"close" in (self._head.get(b"connection") or b"").lower()
        return not (says_close or self._body.rest or isinstance(self._body, ChunkedBody | EndlessBody))

    def send(self, method: str, data: bytes) -> None:
        """Begin a request."""
        self._method, self._head, self._body, self.answered = method, None, None, False
        self.write(data)

    def write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    async def drain(self) -> None:
        """Wait until the engine has taken enough of what was written."""
        while self._writing_paused and self._lost is None:
            self._writer = asyncio.get_running_loop().create_future()
            await self._writer

    async def head(self) -> Head:
        """The head of the answer.

        Raises:
            ConnectionClosedError: There will be none.
        """
        while self._head is None:
            await self._wait()
        return self._head

    async def read(self) -> bytes:
        """The content that has arrived since the last call, after waiting for some; empty at the end.

        Raises:
            ConnectionClosedError: The answer breaks off here.
        """
        while not self._content:
            if self._body is not None and self._body.done:
                return b""
            await self._wait()
        return self.take()

    def take(self) -> bytes:
        """The content that has arrived since the last call; perhaps empty."""
        if not self._content:
            return b""
        content = self._content[0] if len(self._content) == 1 else b"".join(self._content)
        self._content.clear()
        self._size = 0
        if self._reading_paused and self._transport is not None:
            self._reading_paused = False
            self._transport.resume_reading()
        return content

    def spoil(self) -> None:
        """Use the connection for no further request: this one was not sent to its end."""
        self._spoiled = True

    def close(self) -> None:
        """Give the connection up at once; the engine stops working on the request."""
        if self._transport is not None:
            self._transport.abort()

    async def _wait(self) -> None:
        if self._lost is not None:
            raise ConnectionClosedError(str(self._lost)) from self._lost
        self._reader = asyncio.get_running_loop().create_future()
        await self._reader

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.answered = True
        try:
            if self._head is None:
                data = self._take_head(data)
            if data:
                self._take_body(data)
        except MalformedAnswerError as error:
            self._lost = error
            self.close()
        self._wake()

    def _take_head(self, data: bytes) -> bytes:
        """Read the head if it is whole; returns what came behind it."""
        data = self._buffer + data
        while True:
            raw, end, rest = data.partition(b"\r\n\r\n")
            if not end:
                if len(data) > LONGEST_HEAD:
                    raise MalformedAnswerError("the engine's header is too long")
                self._buffer = data
                return b""
            head = parse_head(raw)
            data = rest
            if head.status >= _INFORMATIONAL:
                break
        self._buffer = b""
        self._head = head
        self._body = body_of(head, self._method)
        return data

    def _take_body(self, data: bytes) -> None:
        if self._body is None or self._body.done:
            raise MalformedAnswerError("the engine sent more than its answer")
        if content := self._body.feed(data):
            self._content.append(content)
            self._size += len(content)
            if self._size > BUFFER_LIMIT and not self._reading_paused and self._transport is not None:
                self._reading_paused = True
                self._transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = self._lost or exc or ConnectionResetError("the engine closed the connection")
        if exc is None and isinstance(self._body, EndlessBody):
            self._body.finish()
        self._on_lost(self)
        self._wake()
        self.resume_writing()

    def pause_writing(self) -> None:
        self._writing_paused = True

    def resume_writing(self) -> None:
        self._writing_paused = False
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)


class Upstreams:
    """The connections to all engines: opened when needed, kept for a short while."""

    def __init__(self) -> None:
        self._open: set[Connection] = set()
        self._idle: dict[str, list[Connection]] = {}
        self._sweep: asyncio.TimerHandle | None = None

    async def connect(self, url: str) -> Connection:
        """A fresh connection.

        Raises:
            OSError: Nothing listens there, or it does not answer in time.
        """
        host, port = address_of(url)
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(CONNECT_TIMEOUT):
            _, connection = await loop.create_connection(lambda: Connection(self._open.discard), host, port)
        self._open.add(connection)
        return connection

    def take_idle(self, url: str) -> Connection | None:
        """A kept connection, the one used last; None if there is none."""
        kept = self._idle.get(url)
        while kept:
            connection = kept.pop()
            if connection.open:
                return connection
        return None

    def give_back(self, url: str, connection: Connection) -> None:
        """Keep the connection for the next request, or close it."""
        if not connection.reusable or len(self._idle.get(url, ())) >= IDLE_CONNECTIONS:
            connection.close()
            return
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._idle.setdefault(url, []).append(connection)
        if self._sweep is None:
            self._sweep = loop.call_later(IDLE_LIMIT / 2, self._close_old)

    def close(self) -> None:
        """Close every connection."""
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        self._idle.clear()
        for connection in tuple(self._open):
            connection.close()

    def _close_old(self) -> None:
        loop = asyncio.get_running_loop()
        oldest = loop.time() - IDLE_LIMIT / 2
        for url, kept in tuple(self._idle.items()):
            for connection in kept:
                if connection.idle_since < oldest:
                    connection.close()
            self._idle[url] = [connection for connection in kept if connection.open]
            if not self._idle[url]:
                del self._idle[url]
        self._sweep = loop.call_later(IDLE_LIMIT / 2, self._close_old) if self._idle else None


@lru_cache(maxsize=64)
def address_of(url: str) -> tuple[str, int]:
    """Host and port of `http://host:port`."""
    parts = urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or 80
