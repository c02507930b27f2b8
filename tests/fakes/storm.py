"""Streaming clients that go on while the model is switched again and again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx
import msgspec

BODY = {
    "messages": [{"role": "user", "content": "Hello"}],
    "stream": True,
    "max_tokens": 16,
    # Random weights know no language; the grammar keeps what they say to letters.
    "grammar": "root ::= [a-z]+",
}


@dataclass
class Storm:
    """What came of it."""

    streams: int = 0
    switches: int = 0
    problems: list[str] = field(default_factory=list)
    by_model: dict[str, int] = field(default_factory=dict)
    switch_seconds: list[float] = field(default_factory=list)
    longest_stream: float = 0.0
    seconds: float = 0.0


async def storm(address: str, models: Sequence[str], *, clients: int, switches: int, streams: int) -> Storm:
    """At least so many switches and whole streams, with `clients` at once.

    A stream is whole when it was answered with 200, ends with `[DONE]`, and every event in it names the model that
    the gateway says it went to.
    """
    result = Storm()
    begun = time.monotonic()

    def enough() -> bool:
        return result.switches >= switches and result.streams >= streams

    async def client() -> None:
        async with httpx.AsyncClient(timeout=120, trust_env=False, verify=False) as http:
            while not enough() and not result.problems:
                await _stream(http, address, result)

    async def switcher() -> None:
        async with httpx.AsyncClient(timeout=120, trust_env=False, verify=False) as http:
            while not enough() and not result.problems:
                target = models[(result.switches + 1) % len(models)]
                answer = await http.post(f"{address}/switcher/select", json={"model": target})
                if answer.is_error:
                    result.problems.append(f"switch to {target}: {answer.text}")
                    return
                result.switches += 1
                result.switch_seconds.append(answer.json()["outcome"]["seconds"])
                await asyncio.sleep(0.1)

    await asyncio.gather(switcher(), *(client() for _ in range(clients)))
    result.seconds = time.monotonic() - begun
    return result


async def _stream(http: httpx.AsyncClient, address: str, result: Storm) -> None:
    begun = time.monotonic()
    named: set[str] = set()
    last = ""
    try:
        async with http.stream("POST", f"{address}/v1/chat/completions", json=BODY) as answer:
            meant = answer.headers.get("X-Model-Switcher-Model", "")
            if answer.status_code != httpx.codes.OK:
                result.problems.append(f"{answer.status_code}: {(await answer.aread()).decode()}")
                return
            async for line in answer.aiter_lines():
                if line.startswith("data: {"):
                    named.add(msgspec.json.decode(line[6:])["model"])
                last = line or last
    except httpx.HTTPError as error:
        result.problems.append(f"{type(error).__name__}: {error}")
        return
    if last != "data: [DONE]" or named != {meant}:
        result.problems.append(f"a stream of {meant} ended with {last!r} and named {named}")
        return
    result.streams += 1
    result.by_model[meant] = result.by_model.get(meant, 0) + 1
    result.longest_stream = max(result.longest_stream, time.monotonic() - begun)
