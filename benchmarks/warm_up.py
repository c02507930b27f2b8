"""What reading a model's file ahead gains: the engine's time from start to ready with the file cold, warmed up, and warm.

    PYTHONPATH=tests python benchmarks/warm_up.py [--rounds 5] [--folder DIR] [--engine llama-server|embedded]

A cold file is one whose pages were dropped from the page cache (Linux only); warmed up is the same file after
`engine.warm_up` has read it; warm is the load that follows. Rounds in which the system took the file back are left out. The folder decides which disk is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from fakes.cold_files import forget
from fakes.engines import EMBEDDED, LLAMA_SERVER
from model_switcher.domain.catalog import Model
from model_switcher.domain.engines import EngineBinary
from model_switcher.domain.units import MIB
from model_switcher.engine.binaries.environment import child_environment
from model_switcher.engine.demo_models import write_llama
from model_switcher.engine.page_cache import cached_part
from model_switcher.engine.process.child import Child
from model_switcher.engine.process.protocol import ReportsReady, parse_state
from model_switcher.engine.warm_up import WarmUp

LOOK_AGAIN = 0.005
NEARLY_ALL = 0.95


async def load_seconds(binary: EngineBinary, model: Path) -> float:
    """From the start of the engine until it is ready; it is ended afterwards."""
    ready = asyncio.Event()

    def hear(stream: int, line: str) -> None:
        if stream == 1 and isinstance(parse_state(line), ReportsReady):
            ready.set()

    begun = time.perf_counter()
    child = await Child.spawn(
        [*binary.command, "--model", str(model), "--host", "127.0.0.1", "--port", "0"],
        environment=child_environment(binary, key="bare"),
        on_line=hear,
    )
    await ready.wait()
    seconds = time.perf_counter() - begun
    child.close_stdin()
    if await child.wait(10) is None:
        child.kill()
        await child.wait(10)
    child.close()
    return seconds


async def warm_up_seconds(path: Path) -> float:
    """How long the program reads ahead."""
    warm_up = WarmUp(enabled=True, pids=lambda: (), on_change=lambda _: None)
    begun = time.perf_counter()
    warm_up.begin(Model(id="a", name="a", path=str(path), files=(str(path),), size=0))
    while warm_up.state is not None:
        await asyncio.sleep(LOOK_AGAIN)
    return time.perf_counter() - begun


async def measure(rounds: int, binary: EngineBinary, path: Path) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {
        "cold": [],
        "reading ahead": [],
        "warmed up": [],
        "warm": [],
        "taken back": [],
    }
    await load_seconds(binary, path)  # the engine's own libraries are in the cache from here on
    while len(found["warm"]) < rounds:
        forget(path)
        assert cached_part([str(path)]) == 0, "the file cannot be made cold here"
        cold = await load_seconds(binary, path)
        forget(path)
        ahead = await warm_up_seconds(path)
        if (cached_part([str(path)]) or 0) < NEARLY_ALL:
            found["taken back"].append(ahead)  # the system wanted the memory: this round says nothing
            continue
        found["cold"].append(cold)
        found["reading ahead"].append(ahead)
        found["warmed up"].append(await load_seconds(binary, path))
        found["warm"].append(await load_seconds(binary, path))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--folder", type=Path, help="where the model is written; the folder for temporary files if left out"
    )
    parser.add_argument("--engine", choices=["llama-server", "embedded"], default="llama-server")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="warm-up-", dir=options.folder) as folder:
        path = write_llama(
            Path(folder, "model.gguf"),
            name="Warm",
            seed=1,
            embedding_length=1024,
            block_count=12,
            feed_forward_length=2816,
        )
        binary = EMBEDDED if options.engine == "embedded" else LLAMA_SERVER
        found = asyncio.run(measure(options.rounds, binary, path))
        size = path.stat().st_size / MIB
    print(f"A model of {size:.0f} MiB, {options.engine}, from start to ready ({options.rounds} rounds):")
    for name, seconds in found.items():
        if not seconds:
            continue
        print(
            f"{name:<14} median {statistics.median(seconds) * 1000:8.0f} ms   "
            f"min {min(seconds) * 1000:8.0f}   max {max(seconds) * 1000:8.0f}   ({len(seconds)})"
        )


if __name__ == "__main__":
    main()
