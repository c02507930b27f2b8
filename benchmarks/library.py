"""How long the catalog of a folder takes, and how long it keeps the event loop waiting.

    python benchmarks/library.py FOLDER

Run it on a quiet machine: what else runs there delays the loop too, as the first line shows.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from model_switcher.engine.library import CatalogReader, Library
from model_switcher.engine.stores import Store


class Delays:
    """Measures by how much sleeps of 2 ms are late, in milliseconds."""

    async def __aenter__(self) -> list[float]:
        self._late: list[float] = []
        self._task = asyncio.create_task(self._measure())
        return self._late

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _measure(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await asyncio.sleep(0.002)
            self._late.append((loop.time() - began - 0.002) * 1000)


def show(what: str, late: list[float]) -> None:
    ordered = sorted(late)
    parts = [
        f"{share:g} %: {ordered[min(int(len(ordered) * share / 100), len(ordered) - 1)]:.1f}"
        for share in (50, 99, 100)
    ]
    print(f"  loop late by ms, {what}: {', '.join(parts)}")


async def measure(folder: str, cache: Path, what: str) -> None:
    library = Library(
        lambda: [Store("folder", folder, folder)],
        CatalogReader(dict, cache),
        lambda _catalog, _progress: None,
    )
    began = time.perf_counter()
    async with Delays() as late:
        library.start()
        await library.listed()
        listed = time.perf_counter() - began
        await library.complete()
        complete = time.perf_counter() - began
    models = len(library.catalog.models)
    print(
        f"{what}: names and sizes {listed * 1000:.0f} ms, headers {complete * 1000:.0f} ms, {models} models"
    )
    show("meanwhile", late)
    used = time.process_time()
    await asyncio.sleep(5)
    print(f"  processor while nothing happens: {(time.process_time() - used) / 5:.2%}")
    await library.close()


async def main() -> None:
    async with Delays() as late:
        await asyncio.sleep(2)
    show("at rest", late)
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "headers"
        await measure(sys.argv[1], cache, "cold")
        await measure(sys.argv[1], cache, "warm")


if __name__ == "__main__":
    asyncio.run(main())
