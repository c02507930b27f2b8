"""Everything that clients do, at once and for long: the gateway must neither err nor grow.

    PYTHONPATH=tests python benchmarks/soak.py [--seconds 60]

Clients ask for answers whole and streamed, for bodies of a megabyte, for lists and events; some leave in the middle of a
stream, some ask for the other model, which is beside the first. Ends with 1 if there was an error, or if memory or open
files were more in the last fifth than in the second. The log of the engines is left out of the memory: it is kept up to
100,000 lines, which a minute or two fill.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil

from fakes.contenders import settings_for
from fakes.engines import LLAMA_SERVER
from fakes.instance import Instance
from model_switcher.domain.units import MIB
from model_switcher.engine.demo_models import write_demo_models

ALDER, BIRCH = "demo-alder", "demo-birch"
SMALL: dict[str, Any] = {"prompt": "a", "n_predict": 2, "grammar": "root ::= [a-z] root"}
# The processes' figures go up and down by themselves.
SLACK_BYTES = 4 * MIB
SLACK_FILES = 16
LINE_BYTES = 150
"""What a line of the log takes in memory beside its text."""
KEPT_LINES = 100_000
Step = Callable[[httpx.AsyncClient], Awaitable[None]]


async def whole(client: httpx.AsyncClient, model: str = ALDER) -> None:
    answer = await client.post("/completion", json={**SMALL, "model": model})
    assert (answer.status_code, answer.headers["X-Model-Switcher-Model"]) == (200, model), answer.text


async def other_model(client: httpx.AsyncClient) -> None:
    await whole(client, BIRCH)


async def streamed(client: httpx.AsyncClient) -> None:
    body = {**SMALL, "n_predict": 16, "stream": True}
    async with client.stream("POST", "/completion", json=body) as answer:
        lines = [line async for line in answer.aiter_lines() if line.startswith("data: ")]
    assert '"stop":true' in lines[-1], lines[-1:]


async def left(client: httpx.AsyncClient) -> None:
    body = {**SMALL, "n_predict": 400, "stream": True}
    async with client.stream("POST", "/completion", json=body) as answer:
        async for _ in answer.aiter_lines():
            return


async def large(client: httpx.AsyncClient) -> None:
    body = {"padding": "x" * MIB, **SMALL, "model": ALDER}
    assert (await client.post("/completion", json=body)).is_success


async def lists(client: httpx.AsyncClient) -> None:
    for path in ("/v1/models", "/props", "/health", "/switcher/state", "/metrics", "/slots"):
        assert (await client.get(path)).is_success, path


async def events(client: httpx.AsyncClient) -> None:
    for path in ("/switcher/events", "/models/sse"):
        with contextlib.suppress(httpx.ReadTimeout):
            async with client.stream("GET", path, timeout=httpx.Timeout(60, read=0.2)) as answer:
                async for _ in answer.aiter_lines():
                    break


STEPS: tuple[Step, ...] = (whole, streamed, other_model, whole, left, lists, streamed, large, events)


class FollowedLog:
    """The log as somebody sees it who follows it: how much the instance keeps of it."""

    def __init__(self) -> None:
        self._bytes = self._lines = 0

    @property
    def kept(self) -> float:
        """Bytes in memory, about."""
        lines = min(self._lines, KEPT_LINES)
        return lines * (LINE_BYTES + self._bytes / self._lines) if lines else 0

    async def follow(self, address: str) -> None:
        async with (
            httpx.AsyncClient(base_url=address, trust_env=False, timeout=60) as http,
            http.stream("GET", "/switcher/log?follow=1") as answer,
        ):
            async for data in answer.aiter_raw():
                self._bytes += len(data)
                self._lines += data.count(b"\n")


class Sample(NamedTuple):
    """What the instance took at one moment: bytes without its log, bytes of its log, open files."""

    memory: float
    log: float
    files: float


async def soak(instance: Instance, seconds: float, clients: int) -> tuple[Counter[str], list[Sample]]:
    """How often each step was done, and what the instance took, once a second."""
    assert instance.process is not None
    process = psutil.Process(instance.process.pid)
    done: Counter[str] = Counter()
    samples: list[Sample] = []
    ends = time.monotonic() + seconds

    async def client(first: int) -> None:
        async with httpx.AsyncClient(base_url=instance.address, trust_env=False, timeout=60) as http:
            for step in itertools.islice(itertools.cycle(STEPS), first, None):
                if time.monotonic() > ends:
                    return
                await step(http)
                done[step.__name__] += 1

    async def sample() -> None:
        while True:
            samples.append(Sample(process.memory_info().rss - log.kept, log.kept, process.num_fds()))
            await asyncio.sleep(1)

    log = FollowedLog()
    beside = [asyncio.create_task(log.follow(instance.address)), asyncio.create_task(sample())]
    try:
        await asyncio.gather(*(client(number) for number in range(clients)))
    finally:
        for task in beside:
            task.cancel()
    return done, samples


def fifth(samples: list[Sample], number: int) -> Sample:
    """Medians of one fifth of the time, counted from 0."""
    part = samples[len(samples) * number // 5 : len(samples) * (number + 1) // 5]
    return Sample(*(statistics.median(values) for values in zip(*part, strict=True)))


async def measure(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = Path(name)
        models = list(write_demo_models(folder))
        async with Instance(settings_for(folder / "soak", models, LLAMA_SERVER, resident=True)) as instance:
            await instance.ready()
            done, samples = await soak(instance, options.seconds, options.clients)
            await instance.until(lambda s: s.held == 0 and not any(server.in_flight for server in s.servers))
            early, late = fifth(samples, 1), fifth(samples, 4)
            troubles = [line for line in instance.said().splitlines() if "Traceback" in line]
    print(
        f"{sum(done.values()):,} steps in {options.seconds:.0f} s, {len(troubles)} errors: {dict(done)}\n"
        f"in the second fifth and in the last: memory {early.memory / MIB:.1f} and {late.memory / MIB:.1f} MiB; with it "
        f"log {early.log / MIB:.1f} and {late.log / MIB:.1f} MiB; open files {early.files:.0f} and {late.files:.0f}"
    )
    grew = late.memory > early.memory + SLACK_BYTES or late.files > early.files + SLACK_FILES
    return 1 if grew or troubles else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=8)
    return asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    raise SystemExit(main())
