"""Everything that clients do, at once and for long: the gateway must neither err nor grow.

    PYTHONPATH=tests python benchmarks/soak.py [--seconds 60]

Clients ask for answers whole and streamed, for bodies of a megabyte, for lists and events; some leave in the middle of a
stream, some ask for the other model, which is beside the first. Ends with 1 if there was an error, or if memory or open
files were more in the last fifth than in the second.
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
from typing import Any

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


async def soak(
    instance: Instance, seconds: float, clients: int
) -> tuple[Counter[str], list[tuple[int, int]]]:
    """How often each step was done, and memory (bytes) and open files of the instance once a second."""
    assert instance.process is not None
    process = psutil.Process(instance.process.pid)
    done: Counter[str] = Counter()
    samples: list[tuple[int, int]] = []
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
            samples.append((process.memory_info().rss, process.num_fds()))
            await asyncio.sleep(1)

    sampling = asyncio.create_task(sample())
    try:
        await asyncio.gather(*(client(number) for number in range(clients)))
    finally:
        sampling.cancel()
    return done, samples


def growth(samples: list[tuple[int, int]]) -> tuple[float, float, float, float]:
    """Memory and open files in the second fifth, then in the last: medians."""
    fifth = max(1, len(samples) // 5)
    early, late = samples[fifth : 2 * fifth], samples[-fifth:]
    return (
        statistics.median(memory for memory, _ in early), statistics.median(files for _, files in early),
        statistics.median(memory for memory, _ in late), statistics.median(files for _, files in late),
    )  # fmt: skip


async def measure(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = Path(name)
        models = list(write_demo_models(folder))
        async with Instance(settings_for(folder / "soak", models, LLAMA_SERVER, resident=True)) as instance:
            await instance.ready()
            done, samples = await soak(instance, options.seconds, options.clients)
            await instance.until(lambda s: s.held == 0 and not any(server.in_flight for server in s.servers))
            memory, files, memory_late, files_late = growth(samples)
            troubles = [line for line in instance.said().splitlines() if "Traceback" in line]
    print(
        f"{sum(done.values()):,} steps in {options.seconds:.0f} s, {len(troubles)} errors: {dict(done)}\n"
        f"memory {memory / MIB:.1f} MiB in the second fifth, {memory_late / MIB:.1f} MiB in the last; "
        f"open files {files:.0f}, {files_late:.0f}"
    )
    grew = memory_late > memory + SLACK_BYTES or files_late > files + SLACK_FILES
    return 1 if grew or troubles else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=8)
    return asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    raise SystemExit(main())
