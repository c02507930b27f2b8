"""The engines' own figures, in llama.cpp's words, each with the model that it is about."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from model_switcher.gateway.http1 import request_head
from model_switcher.gateway.upstream import ConnectionClosedError, address_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model_switcher.gateway.backend import Door
    from model_switcher.gateway.upstream import Upstreams

PATIENCE = 1.0
LONGEST_ANSWER = 1024 * 1024
_OK = 200


async def ask_engines(doors: Sequence[Door], upstreams: Upstreams) -> dict[str, str]:
    """What each engine says at `GET /metrics`, by model; those that say nothing in time are left out.

    Engines are asked past the gate: a scrape is no use of a model, and keeps none from being unloaded.
    """
    answers = await asyncio.gather(*(_ask(door, upstreams) for door in doors))
    return {door.model: answer for door, answer in zip(doors, answers, strict=True) if answer}


async def _ask(door: Door, upstreams: Upstreams) -> str:
    host, port = address_of(door.url)
    request = request_head(
        "GET",
        b"/metrics",
        host=f"{host}:{port}".encode(),
        key=door.key,
        fields=(),
        length=None,
        chunked=False,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            connection = await upstreams.connect(door.url)
            try:
                connection.send("GET", request)
                head = await connection.head()
                answer = bytearray()
                while len(answer) < LONGEST_ANSWER and (piece := await connection.read()):
                    answer += piece
            finally:
                connection.close()
    except (OSError, ConnectionClosedError):  # TimeoutError among them
        return ""
    return answer.decode(errors="replace") if head.status == _OK else ""
