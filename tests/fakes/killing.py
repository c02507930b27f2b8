"""Clients that ask several models by name while engines are killed at random, and what became of every request."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx
import msgspec
import psutil

ASK = {"prompt": "a", "n_predict": 24, "grammar": "root ::= [a-z] root", "stream": True}
PATIENCE = httpx.Timeout(120)
# A client sees the end of a connection a moment after the kill.
MOMENT = 0.5


@dataclass(frozen=True, slots=True)
class Kill:
    """An engine that was killed: when, on the monotonic clock."""

    at: float
    pid: int


@dataclass
class Tally:
    """What came of it.

    Attributes:
        whole: Answers that came whole, by model.
        cut: Requests that failed while an engine was killed.
        spoilt: Requests that failed otherwise, each with what was said.
        told: What those that were cut were told, by kind.
        longest: Seconds that the slowest whole answer took.
    """

    whole: Counter[str] = field(default_factory=Counter)
    cut: int = 0
    spoilt: list[str] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)
    kills: list[Kill] = field(default_factory=list)
    longest: float = 0.0


async def storm(
    address: str,
    models: Sequence[str],
    root: int,
    *,
    seconds: float,
    clients: int = 8,
    kill_every: float = 3.0,
    seed: int = 1,
) -> Tally:
    """Let clients ask for so many seconds, while engines below the process `root` are killed.

    A request that fails while an engine is killed counts as cut; every other failure is a spoilt one.
    """
    tally = Tally()
    chance = random.Random(seed)  # noqa: S311 - the same storm for everybody
    end = time.monotonic() + seconds
    failures: list[tuple[float, float, str, str]] = []

    async def client(number: int) -> None:
        mine = random.Random(f"{seed} {number}")  # noqa: S311
        async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as http:
            while time.monotonic() < end:
                model = mine.choice(models)
                begun = time.monotonic()
                problem = await _ask(http, address, model)
                now = time.monotonic()
                if problem is None:
                    tally.whole[model] += 1
                    tally.longest = max(tally.longest, now - begun)
                else:
                    failures.append((begun, now, model, problem))

    async def killer() -> None:
        while (pause := chance.expovariate(1 / kill_every)) < end - time.monotonic():
            await asyncio.sleep(pause)
            engines = _engines(root)
            if engines:
                victim = chance.choice(engines)
                tally.kills.append(Kill(time.monotonic(), victim.pid))
                victim.kill()

    await asyncio.gather(killer(), *(client(number) for number in range(clients)))
    for begun, ended, model, problem in failures:
        if any(begun <= kill.at <= ended + MOMENT for kill in tally.kills):
            tally.cut += 1
            tally.told[problem[:80]] += 1
        else:
            tally.spoilt.append(f"{model} after {ended - begun:.2f} s: {problem}")
    return tally


def _engines(root: int) -> list[psutil.Process]:
    """Processes below `root` that hold a model."""
    found = []
    for process in psutil.Process(root).children(recursive=True):
        try:
            if "--model" in process.cmdline() or "-m" in process.cmdline():
                found.append(process)
        except psutil.Error:
            continue
    return sorted(found, key=lambda process: process.pid)


async def _ask(http: httpx.AsyncClient, address: str, model: str) -> str | None:
    """Why there was no whole answer; None if there was."""
    last = ""
    try:
        async with http.stream("POST", f"{address}/completion", json={**ASK, "model": model}) as answer:
            if answer.status_code != httpx.codes.OK:
                return f"{answer.status_code}: {_message(await answer.aread())}"
            async for line in answer.aiter_lines():
                if line.startswith("event: error"):
                    return "an error event in the stream"
                last = line or last
    except httpx.HTTPError as error:
        return f"{type(error).__name__}: {error}"
    if '"stop":true' not in last.replace(" ", "") and last != "data: [DONE]":
        return f"the stream just ended: {last[:60]!r}"
    return None


def _message(body: bytes) -> str:
    try:
        error = msgspec.json.decode(body)["error"]
        return f"{error.get('code')}: {error.get('message')}"
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
        return body[:80].decode(errors="replace")
