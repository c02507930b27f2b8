"""A gateway that lends two models, and the events of a lease as they come."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

from fakes.http_engines import Received, ScriptedEngine, sized
from fakes.upstream import TINY_A, TINY_B, Front, open_front

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

LEASES = "/switcher/leases"


@contextlib.asynccontextmanager
async def lending_front() -> AsyncIterator[Front]:
    async def answer(request: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(sized(b"{}"))

    engine = ScriptedEngine(answer)
    async with engine.run(), open_front() as front:
        front.backend.hub.update(address=f"http://127.0.0.1:{front.port}")
        front.backend.serve_all({TINY_A.id: engine.url, TINY_B.id: engine.url})
        yield front


class Events:
    """The events of a lease, as they come."""

    def __init__(self, answer: httpx.Response) -> None:
        self.lines = answer.aiter_lines()

    async def next(self) -> tuple[str, Any]:
        kind = ""
        async with asyncio.timeout(30):
            async for line in self.lines:
                name, _, value = line.partition(": ")
                if name == "event":
                    kind = value
                elif name == "data":
                    return kind, json.loads(value)
        return "", None

    async def until(self, wanted: str) -> Any:
        while True:
            kind, data = await self.next()
            assert kind, "the stream ended"
            if kind == wanted:
                return data


@contextlib.asynccontextmanager
async def following(front: Front, model: str = "tiny b", **owner: Any) -> AsyncIterator[Events]:
    body = {"model": model, "owner": owner, "stream": True}
    async with front.client.stream("POST", LEASES, json=body) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["Content-Type"] == "text/event-stream"
        yield Events(answer)
