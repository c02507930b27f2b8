"""Clients that ask one server again and again, each on a connection that it keeps where it may."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from model_switcher.gateway.upstream import Connection, ConnectionClosedError, Upstreams, address_of


def request(url: str, body: Mapping[str, Any], *, path: str = "/completion", key: str = "") -> bytes:
    """A POST of that body, to its last byte."""
    host, port = address_of(url)
    data = json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}:{port}", "Content-Type: application/json"]
    lines += [f"Content-Length: {len(data)}", *([f"Authorization: Bearer {key}"] if key else [])]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


@dataclass
class Load:
    """What became of the requests of one round; times in seconds.

    Attributes:
        clients: How many asked at once.
        seconds: How long.
        latencies: From the first byte of a request to the last of its answer.
        gaps: Between the pieces of an answer that streams.
        pieces: How many of these there were, `data: ` lines.
        problems: What was no answer.
    """

    clients: int
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    pieces: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.latencies) / self.seconds

    def add(self, other: Load) -> None:
        """Another round of the same."""
        self.seconds += other.seconds
        self.latencies += other.latencies
        self.gaps += other.gaps
        self.pieces += other.pieces
        self.problems += other.problems


def quantile(values: list[float], part: float) -> float:
    """The value below which that part of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


async def load(url: str, data: bytes, *, clients: int, seconds: float) -> Load:
    """So many clients for so long, each with its next request as soon as the last was answered."""
    result = Load(clients)
    upstreams = Upstreams()
    begun = time.perf_counter()

    async def client() -> None:
        kept: Connection | None = None
        while time.perf_counter() - begun < seconds:
            if kept is None or not kept.reusable:
                if kept is not None:
                    kept.close()
                kept = await upstreams.connect(url)
            try:
                await _ask(kept, data, result)
            except ConnectionClosedError as error:
                result.problems.append(str(error))
                kept = None

    await asyncio.gather(*(client() for _ in range(clients)))
    result.seconds = time.perf_counter() - begun
    upstreams.close()
    return result


async def _ask(connection: Connection, data: bytes, result: Load) -> None:
    asked = time.perf_counter()
    connection.send("POST", data)
    head = await connection.head()
    streams = (head.get(b"content-type") or b"").startswith(b"text/event-stream")
    last = 0.0
    while piece := await connection.read():
        if streams:
            now = time.perf_counter()
            if last:
                result.gaps.append(now - last)
            last = now
            result.pieces += piece.count(b"data: ")
    if head.status == 200:
        result.latencies.append(time.perf_counter() - asked)
    else:
        result.problems.append(head.status_line.decode())
