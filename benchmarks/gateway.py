"""What the gateway costs: requests per second and added time beside the same engine asked directly and its router mode.

    PYTHONPATH=tests python benchmarks/gateway.py [--seconds 2] [--rounds 3] [--clients 1,16,64]

All ask the same binary with the same model of 256 KB. The tray is measured with its panel open, while somebody types into
the filter of a thousand models ten times a second. Within a round they take turns, so that whatever else the machine
does meets all of them. The clients run in this process, and cost as much as they cost for everybody.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from fakes.contenders import Router, Switcher, settings_for
from fakes.engines import LLAMA_SERVER
from fakes.filtering_tray import MODELS, TYPED
from fakes.http_engines import real_engine, until
from fakes.instance import Instance
from fakes.load import Load, load, quantile, request
from model_switcher.engine.demo_models import write_demo_models

MODEL = "demo-alder"
SMALL: dict[str, Any] = {"model": MODEL, "prompt": "a", "n_predict": 1, "grammar": "root ::= [a-z] root"}
STREAM: dict[str, Any] = {**SMALL, "n_predict": 64, "stream": True, "ignore_eos": True}
DIRECT = "llama-server, directly"
STREAMS = 64
LEAVINGS = 30


@dataclass(frozen=True)
class Target:
    """Who is asked: the process that listens at `url`, and the key that it wants."""

    url: str
    pid: int
    key: str = ""

    def processor_seconds(self) -> float:
        """What that process has used so far; its engine is another."""
        times = psutil.Process(self.pid).cpu_times()
        return times.user + times.system


async def compare(targets: dict[str, Target], body: dict[str, Any], options: argparse.Namespace) -> None:
    """Print what each of the targets does with that request."""
    for clients in map(int, options.clients.split(",")):
        found = {name: Load(clients) for name in targets}
        used = dict.fromkeys(targets, 0.0)
        for number in range(-1, options.rounds):
            for name, target in targets.items():
                data = request(target.url, body, key=target.key)
                before = target.processor_seconds()
                one = await load(
                    target.url, data, clients=clients, seconds=options.seconds if number >= 0 else 0.5
                )
                if number >= 0:
                    found[name].add(one)
                    used[name] += target.processor_seconds() - before
        for name, result in found.items():
            print(row(name, result, found[DIRECT], used[name], streams=body is STREAM))


def row(name: str, result: Load, direct: Load, used: float, *, streams: bool) -> str:
    times, theirs = (result.gaps, direct.gaps) if streams else (result.latencies, direct.latencies)
    middle, worst = quantile(times, 0.5), quantile(times, 0.99)
    added = middle - quantile(theirs, 0.5), worst - quantile(theirs, 0.99)
    return (
        f"| {name} | {result.clients} | {result.rate:,.1f} | {result.rate / direct.rate:.0%} | "
        f"{middle * 1000:.2f} ms | {added[0] * 1000:+.2f} ms | {worst * 1000:.2f} ms | {added[1] * 1000:+.2f} ms | "
        f"{used / len(result.latencies) * 1000:.2f} ms | {len(result.problems)} |"
    )


def pid_of(instance: Instance) -> int:
    assert instance.process is not None
    return instance.process.pid


@asynccontextmanager
async def tray_of(settings: Path) -> AsyncIterator[Instance]:
    """The tray program, its panel open, with somebody who types into the filter of a thousand models."""
    program = (sys.executable, "-m", "fakes.filtering_tray")
    environment = {"QT_QPA_PLATFORM": "offscreen", "PYTHONPATH": "tests"}
    async with Instance(settings, "tray", program=program, environment=environment) as instance:
        await instance.until(
            lambda snapshot: snapshot.served is not None and snapshot.served.state == "ready"
        )
        async with httpx.AsyncClient(base_url=instance.address, trust_env=False) as client:
            (await client.post("/switcher/show")).raise_for_status()
            assert len((await client.get("/v1/models")).json()["data"]) == MODELS
        await until(lambda: TYPED in instance.said())
        yield instance


async def leaving(name: str, target: Target) -> None:
    """How long an engine works on after the client of a stream has left, as its slots tell; looked at all the time."""
    headers = {"Authorization": f"Bearer {target.key}"} if target.key else {}
    times: list[float] = []
    async with httpx.AsyncClient(base_url=target.url, trust_env=False, headers=headers, timeout=60) as client:
        for _ in range(LEAVINGS):
            body = {**STREAM, "n_predict": 4000}
            async with client.stream("POST", "/completion", json=body) as answer:
                await anext(answer.aiter_bytes())
                began = time.perf_counter()
            while any(slot["is_processing"] for slot in (await client.get("/slots")).json()):
                pass
            times.append(time.perf_counter() - began)
    print(
        f"| {name} | {quantile(times, 0.5) * 1000:.1f} ms | {quantile(times, 0.9) * 1000:.1f} ms | "
        f"{max(times) * 1000:.1f} ms |"
    )


async def memory(folder: Path, models: list[Path]) -> None:
    """What each open stream takes in the gateway, with as many as the engine answers at once."""
    many = f"[launch]\nparallel = {STREAMS}\nctx-size = {STREAMS * 256}"
    async with Switcher(settings_for(folder / "memory", models, LLAMA_SERVER, more=many)) as ours:
        process = psutil.Process(pid_of(ours.instance))
        url = ours.instance.address
        data = request(url, {**STREAM, "n_predict": 96})
        await load(url, data, clients=1, seconds=0.1)
        before = process.memory_info().rss
        streaming = asyncio.create_task(load(url, data, clients=STREAMS, seconds=0.1))
        during: list[int] = []
        while not streaming.done():
            during.append(process.memory_info().rss)
            await asyncio.sleep(0.05)
        print(
            f"\nMemory of the gateway: {before / 2**20:.1f} MiB, with {STREAMS} open streams up to "
            f"{max(during) / 2**20:.1f} MiB: {(max(during) - before) / STREAMS / 1024:.1f} KiB a stream"
        )


async def measure(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="gateway-") as name:
        folder = Path(name)
        (folder / "models").mkdir()
        models = list(write_demo_models(folder / "models"))
        async with AsyncExitStack() as stack:
            engine = await stack.enter_async_context(real_engine(models[0]))
            ours = await stack.enter_async_context(
                Switcher(settings_for(folder / "ours", models, LLAMA_SERVER))
            )
            router = await stack.enter_async_context(Router(LLAMA_SERVER, folder / "models"))
            await router.switch(models[0])
            tray = await stack.enter_async_context(
                tray_of(settings_for(folder / "tray", models, LLAMA_SERVER))
            )
            targets = {
                DIRECT: Target(engine.url, engine.process.pid, engine.key),
                "Model Switcher, serve": Target(ours.instance.address, pid_of(ours.instance)),
                "Model Switcher, tray": Target(tray.address, pid_of(tray)),
                "llama-server's router mode": Target(router.address, router.pid),
            }
            print(
                "| one token | clients | requests/s | of direct | median | added | 99 % | added | processor time | errors |"
            )
            print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
            await compare(targets, SMALL, options)
            print(
                "\n| streams of 64 tokens | clients | streams/s | of direct | between tokens | added | 99 % | added | processor time | errors |"
            )
            print("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|")
            await compare(targets, STREAM, options)
            print("\n| a client leaves its stream, the engine is free after | median | 90 % | most |")
            print("|---|---:|---:|---:|")
            for title, target in targets.items():
                if "router" not in title:  # it has no slots of its own to look at
                    await leaving(title, target)
        await memory(folder, models)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--clients", default="1,16,64")
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
