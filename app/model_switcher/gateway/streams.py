"""Answers that go on: the state as server-sent events, and the log as it is written."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import deque
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from aiohttp import web

from model_switcher.domain import wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from model_switcher.domain.snapshot import Snapshot
    from model_switcher.gateway.backend import Backend

PING_EVERY = 15.0
PENDING_LOG_LINES = 20_000
KEPT_SNAPSHOTS = 256
RETRY_MILLISECONDS = 1000

T = TypeVar("T")


class Pending(Generic[T]):
    """What a reader has not taken yet: at most `limit` items, the oldest are dropped first."""

    def __init__(self, limit: int) -> None:
        self._items: deque[T] = deque(maxlen=limit)
        self._changed = asyncio.Event()
        self.ended = False

    def put(self, item: T) -> None:
        self._items.append(item)
        self._changed.set()

    def end(self) -> None:
        """Nothing more will come."""
        self.ended = True
        self._changed.set()

    async def take(self, patience: float) -> list[T]:
        """All that is there, after waiting up to `patience` seconds for some; empty if nothing came."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._changed.wait()
        self._changed.clear()
        items = list(self._items)
        self._items.clear()
        return items


class Streams:
    """The endless answers of one gateway."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._open: set[Pending[Any]] = set()
        self._encoded: tuple[Snapshot, bytes] | None = None
        self._ended = False
        self._kept: deque[Snapshot] = deque(maxlen=KEPT_SNAPSHOTS)
        # Numbers begin anew with each instance: an id of another one means nothing here.
        self._instance = secrets.token_hex(4)
        self._forget: Callable[[], None] = lambda: None

    def begin(self) -> None:
        """Begin to keep the last states, for readers who come back."""
        self._forget = self._backend.subscribe(self._kept.append)

    def end(self) -> None:
        """End them all, in order."""
        self._ended = True
        self._forget()
        self._forget = lambda: None
        for pending in self._open:
            pending.end()

    def state_json(self, snapshot: Snapshot) -> bytes:
        """The snapshot's wire form; encoded once for however many ask."""
        if self._encoded is None or self._encoded[0] is not snapshot:
            self._encoded = (snapshot, wire.encode(wire.state(snapshot)))
        return self._encoded[1]

    async def events(self, request: web.BaseRequest, ours: Mapping[str, str]) -> web.StreamResponse:
        """The current state, then one event for each change; a slow reader gets only the newest.

        A reader who says which event he had last (`Last-Event-ID`) gets those that he missed instead of the current
        state, as far as they are kept.
        """
        pending: Pending[Snapshot] = Pending(1)
        missed = self._missed_since(request.headers.get("Last-Event-ID", ""))
        newest = missed[-1].number if missed else -1

        def put(snapshot: Snapshot) -> None:
            if snapshot.number > newest:
                pending.put(snapshot)

        return await self.stream(
            request,
            pending,
            self._event,
            subscribe=lambda: self._backend.subscribe(put),
            ping=b": ping\n\n",
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", **ours},
            first=b"retry: %d\n\n" % RETRY_MILLISECONDS + b"".join(map(self._event, missed[1:])),
        )

    def _event(self, snapshot: Snapshot) -> bytes:
        number = f"{self._instance}-{snapshot.number}".encode()
        return b"id: %b\ndata: %b\n\n" % (number, self.state_json(snapshot))

    def _missed_since(self, last: str) -> list[Snapshot]:
        """The kept states from the one of that event on; none if it is not kept."""
        kept = [snapshot for snapshot in self._kept if f"{self._instance}-{snapshot.number}" == last]
        return [snapshot for snapshot in self._kept if kept and snapshot.number >= kept[0].number]

    async def log(self, request: web.BaseRequest, ours: Mapping[str, str]) -> web.StreamResponse:
        """The kept log lines of one model (`?model=`) or all; with `?follow=1` also those to come.

        Plain text, or server-sent events for those who ask for them.
        """
        query = request.rel_url.query
        model = query.get("model")
        as_events = "text/event-stream" in request.headers.get("Accept", "")
        kind = "text/event-stream" if as_events else "text/plain; charset=utf-8"
        headers = {"Content-Type": kind, "Cache-Control": "no-store", **ours}

        def render(line: str) -> bytes:
            if as_events:  # a carriage return, as progress bars have them, ends a line there too
                line = "data: " + line.replace("\r", "\ndata: ") + "\n"
            return f"{line}\n".encode()

        kept = [line.text for line in self._backend.log.lines(model)]
        if query.get("follow", "") in {"", "0", "false"}:
            return web.Response(body=b"".join(map(render, kept)), headers=headers)
        pending: Pending[str] = Pending(PENDING_LOG_LINES)
        for line in kept:
            pending.put(line)

        return await self.stream(
            request,
            pending,
            render,
            subscribe=lambda: self._backend.log.subscribe(
                lambda line: pending.put(line.text) if model in {None, line.model} else None
            ),
            ping=b": ping\n\n" if as_events else b"",
            headers=headers,
        )

    async def stream(
        self,
        request: web.BaseRequest,
        pending: Pending[T],
        render: Callable[[T], bytes],
        *,
        subscribe: Callable[[], Callable[[], None]],
        ping: bytes,
        headers: Mapping[str, str],
        first: bytes = b"",
        last: bytes = b"",
    ) -> web.StreamResponse:
        """An answer that goes on until its reader leaves, until nothing more is to come, or until the program ends.

        Args:
            request: What it answers.
            pending: What is to be sent.
            render: Its bytes.
            subscribe: Begins to put things there; returns what ends that.
            ping: Sent after a while without anything.
            headers: Of the answer.
            first: Sent at the beginning.
            last: Sent when the program ends it.
        """
        response = web.StreamResponse(headers=headers)
        response.force_close()  # it ends only when one side leaves
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        if first:
            await response.write(first)
        self._open.add(pending)
        unsubscribe = subscribe()
        try:
            while not (pending.ended or self._ended):
                items = await pending.take(PING_EVERY)
                over = pending.ended or self._ended
                data = b"".join(map(render, items)) or (b"" if over else ping)
                if self._ended:
                    data += last
                if data:
                    await response.write(data)
                if not over:
                    # Wait until the reader has taken it: what changes meanwhile is merged into the newest.
                    await request.writer.drain()
        finally:
            unsubscribe()
            self._open.discard(pending)
        return response
