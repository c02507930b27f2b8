"""Switch time through the program beside what the bare engine needs for the same, in one run.

    PYTHONPATH=tests python benchmarks/switching.py [--rounds 20] [--engine llama-server|embedded]

The floor of a switch is the bare engine's own: exit of the old process, start of the new one, first token. Both sides
use the same binary and the same two tiny models, in turn.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import httpx

from fakes.engines import EMBEDDED, LLAMA_SERVER
from fakes.instance import Instance, write_settings
from model_switcher.domain.engines import EngineBinary
from model_switcher.engine.binaries.environment import child_environment
from model_switcher.engine.demo_models import write_demo_models
from model_switcher.engine.process.child import Child
from model_switcher.engine.process.protocol import ReportsReady, parse_port, parse_state

ASK = {"prompt": "a", "n_predict": 1, "grammar": "root ::= [a-z]+"}


class BareEngine:
    """The engine by itself, started and stopped as quickly as it can be."""

    def __init__(self, binary: EngineBinary) -> None:
        self.binary = binary
        self.child: Child | None = None
        self.port = 0

    async def start(self, model: Path) -> None:
        ready = asyncio.Event()
        self.port = 0

        def hear(stream: int, line: str) -> None:
            self.port = self.port or parse_port(line) or 0
            if stream == 1 and isinstance(parse_state(line), ReportsReady):
                ready.set()

        command = [*self.binary.command, "--model", str(model), "--host", "127.0.0.1", "--port", "0"]
        self.child = await Child.spawn(
            command, environment=child_environment(self.binary, key="bare"), on_line=hear
        )
        await ready.wait()
        while not self.port:
            await asyncio.sleep(0)

    async def stop(self) -> None:
        assert self.child is not None
        self.child.close_stdin()
        await self.child.wait(10)
        self.child.close()


async def first_token(client: httpx.AsyncClient, address: str, key: str = "") -> None:
    answer = await client.post(
        f"{address}/completion", json=ASK, headers={"Authorization": f"Bearer {key}"} if key else None
    )
    answer.raise_for_status()


async def measure(rounds: int, binary: EngineBinary) -> tuple[list[float], list[float]]:
    bare: list[float] = []
    ours: list[float] = []
    with tempfile.TemporaryDirectory(prefix="switching-") as folder:
        models = write_demo_models(Path(folder))
        settings = write_settings(Path(folder), models, engine=binary)
        engine = BareEngine(binary)
        async with Instance(settings) as instance, httpx.AsyncClient(timeout=60, trust_env=False) as client:
            await instance.ready()
            await engine.start(models[0])
            await first_token(client, f"http://127.0.0.1:{engine.port}", "bare")
            for number in range(1, rounds + 1):
                target = models[number % 2]
                begun = time.perf_counter()
                await engine.stop()
                await engine.start(target)
                await first_token(client, f"http://127.0.0.1:{engine.port}", "bare")
                bare.append(time.perf_counter() - begun)
                begun = time.perf_counter()
                choice = asyncio.create_task(
                    client.post(f"{instance.address}/switcher/select", json={"model": str(target)})
                )
                (await choice).raise_for_status()
                await first_token(client, instance.address)
                ours.append(time.perf_counter() - begun)
            await engine.stop()
    return bare, ours


def row(name: str, seconds: list[float]) -> str:
    ordered = sorted(seconds)
    return (
        f"{name:<34} median {statistics.median(ordered) * 1000:7.1f} ms   "
        f"min {ordered[0] * 1000:7.1f}   max {ordered[-1] * 1000:7.1f}   ({len(ordered)} switches)"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--engine", choices=["llama-server", "embedded"], default="llama-server")
    options = parser.parse_args()
    binary = EMBEDDED if options.engine == "embedded" else LLAMA_SERVER
    bare, ours = asyncio.run(measure(options.rounds, binary))
    print(f"Switch between two tiny models, {options.engine}, to the first token:")
    print(row("bare: exit + start + first token", bare))
    print(row("through Model Switcher", ours))
    added = statistics.median(ours) - statistics.median(bare)
    print(f"{'added by Model Switcher':<34} median {added * 1000:7.1f} ms")


if __name__ == "__main__":
    main()
