"""How long the catalog of many models takes, and how long it keeps the event loop waiting.

    python benchmarks/library.py FOLDER [--files 1000] [--times 3]

The models in FOLDER are copied until there are so many: header and size of each are real, the weights are a hole. Run it
on a quiet machine: what else runs there delays the loop too, as the line "at rest" shows.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from model_switcher.domain.units import MIB
from model_switcher.engine.catalog import scan
from model_switcher.engine.catalog.headers import HeaderReader
from model_switcher.engine.catalog.scan import catalog_of, read_all, with_places
from model_switcher.engine.catalog.walk import Walk
from model_switcher.engine.gguf import HeaderError, read_header
from model_switcher.engine.library import CatalogReader, Library
from model_switcher.engine.stores import Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from model_switcher.domain.catalog import Catalog
    from model_switcher.engine.catalog.walk import Candidate

PROBE_SECONDS = 0.001
MODULES = "model_switcher.engine.library, model_switcher.engine.collection"


def copies(source: Path, folder: Path, count: int) -> int:
    """Fill `folder` with `count` files that have the headers and sizes of those in `source`; returns bytes of headers."""
    headers: list[tuple[str, bytes, int]] = []
    for path in sorted(source.glob("*.gguf")):
        try:
            end = read_header(path).data_offset
        except (HeaderError, OSError):
            continue
        with path.open("rb") as file:
            headers.append((path.stem, file.read(end), path.stat().st_size))
    written = 0
    for number in range(count):
        stem, header, size = headers[number % len(headers)]
        path = folder / f"collection-{number // 100:03}" / f"{number // len(headers):03}-{stem}.gguf"
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as file:
            file.write(header)
            file.truncate(size)
        written += len(header)
    return written


class Used:
    """Wall and processor time of what stands in the `with`, in milliseconds; `children` of processes that ended in it."""

    def __enter__(self) -> Used:
        self._began, self._used, self._others = time.perf_counter(), time.process_time(), _children()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall = (time.perf_counter() - self._began) * 1000
        self.processor = (time.process_time() - self._used) * 1000
        self.children = (_children() - self._others) * 1000


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@asynccontextmanager
async def probe(late: list[float]) -> AsyncIterator[None]:
    """By how much sleeps of a millisecond are late, in milliseconds, while something else runs on the loop."""

    async def measure() -> None:
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await asyncio.sleep(PROBE_SECONDS)
            late.append((loop.time() - began - PROBE_SECONDS) * 1000)

    task = asyncio.create_task(measure())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def spread(late: list[float]) -> str:
    ordered = sorted(late)
    at = {share: ordered[min(int(len(ordered) * share / 100), len(ordered) - 1)] for share in (50, 99, 99.9, 100)}
    over = sum(1 for one in ordered if one >= 5)
    return " | ".join(f"{value:.1f} ms" for value in at.values()) + f" | {over} of {len(ordered):,}"


async def library_run(folder: str, cache: Path) -> tuple[str, str]:
    """One start of the library, until the catalog is complete; returns a line of times and one of delays."""
    library = Library(
        lambda: [Store("folder", folder, folder)], CatalogReader(dict, cache), lambda _catalog, _progress: None
    )
    late: list[float] = []
    gc.collect()
    with Used() as used:
        async with probe(late):
            began = time.perf_counter()
            library.start()
            await library.listed()
            listed = (time.perf_counter() - began) * 1000
            await library.complete()
            complete = (time.perf_counter() - began) * 1000
        await library.close()
    models = len(library.catalog.models)
    times = f"{listed:,.0f} ms | {complete:,.0f} ms | {used.processor:,.0f} ms | {used.children:,.0f} ms | {models}"
    return times, spread(late)


async def loop_delays(folder: str, times: int) -> None:
    rest: list[float] = []
    async with probe(rest):
        await asyncio.sleep(3)
    delays = [("at rest", spread(rest))]
    print("\n| library | names and sizes | all headers | processor | child's processor | models |")
    print("|---|---:|---:|---:|---:|---:|")
    for _ in range(times):
        with tempfile.TemporaryDirectory() as place:
            cache = Path(place) / "headers"
            for what in ("cold", "warm"):
                line, spreads = await library_run(folder, cache)
                print(f"| {what} | {line} |", flush=True)
                delays.append((what, spreads))
    print("\n| loop late | 50 % | 99 % | 99.9 % | most | 5 ms or more |\n|---|---:|---:|---:|---:|---:|")
    for what, line in delays:
        print(f"| {what} | {line} |")


# The same without a loop: what each pass costs by itself.


def quick_pass(folder: str, cache: Path | None) -> Catalog:
    """Names and sizes: what the library does first."""
    reader = HeaderReader(cache)
    walk = Walk(lambda: False)
    found, rejected = read_all(walk.through([folder]), reader.quick)
    return catalog_of(with_places(found, walk.places), rejected)


def passes(folder: str, times: int) -> None:
    print("\n| pass | wall, best | wall, median | processor, best | processor, median | models |")
    print("|---|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as place:
        cache = Path(place) / "headers"

        def cold() -> Catalog:
            reader = HeaderReader(cache)
            catalog = scan([folder], reader=reader)
            reader.save()
            return catalog

        _pass("quick pass: first 64 KiB of each", lambda: quick_pass(folder, None), 3 * times)
        _pass("cold scan: every whole header", cold, 1)
        _pass("warm catalog out of the cache", lambda: quick_pass(folder, cache), 3 * times)
        print(f"\nThe cache takes {cache.stat().st_size / MIB:.1f} MiB.")


def _pass(what: str, run: Callable[[], Catalog], times: int) -> None:
    results: list[Used] = []
    for _ in range(times):
        gc.collect()
        with Used() as used:
            catalog = run()
        results.append(used)
    wall, processor = [one.wall for one in results], [one.processor for one in results]
    figures = (min(wall), statistics.median(wall), min(processor), statistics.median(processor))
    print(f"| {what} | {' | '.join(f'{one:,.0f} ms' for one in figures)} | {len(catalog.models)} |", flush=True)


def per_file(folder: Path) -> None:
    reads, headers, first = [], [], []
    for path in sorted(folder.rglob("*.gguf")):
        header = read_header(path)
        reads.append(header.bytes_read)
        headers.append(header.data_offset)
        first.append(min(64 * 1024, path.stat().st_size))
    mean = sum(reads) / len(reads)
    print(
        f"\nBytes read per file: {sum(first) / len(first) / 1024:.0f} KiB in the quick pass, {mean / MIB:.2f} MiB in the "
        f"full one (least {min(reads) / 1024:.0f} KiB, most {max(reads) / MIB:.1f} MiB; headers: {sum(headers) / len(headers) / MIB:.2f} MiB "
        "on average)."
    )


def imports() -> None:
    program = f"import time; t = time.perf_counter(); import {MODULES}; print((time.perf_counter() - t) * 1000)"
    ours = min(float(subprocess.check_output([sys.executable, "-c", program])) for _ in range(5))
    other = program.replace(MODULES, "gguf")
    theirs = min(float(subprocess.check_output([sys.executable, "-c", other])) for _ in range(5))
    print(f"Import time: the catalog with all its stores {ours:.0f} ms, `gguf` {theirs:.0f} ms.")


def beside_gguf_reader(folder: Path, count: int) -> None:
    import gguf  # noqa: PLC0415 - so that it does not count as ours

    logging.disable()
    chosen = sorted(folder.rglob("*.gguf"))[:count]
    with Used() as theirs:
        for path in chosen:
            gguf.GGUFReader(path)
    with Used() as ours:
        for path in chosen:
            read_header(path)
    print(
        f"`gguf.GGUFReader`, {count} of these files, one after the other: {theirs.wall / count:,.0f} ms each; this program: "
        f"{ours.wall / count:,.1f} ms each ({theirs.wall / ours.wall:,.0f} times faster)."
    )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--others", type=int, default=5, help="files that gguf.GGUFReader reads, some 8 s each")
    parser.add_argument("--place", type=Path, help="where the copies are made, and left")
    options = parser.parse_args()
    place = options.place or Path(tempfile.mkdtemp(prefix="library-"))
    place.mkdir(exist_ok=True)
    try:
        if not any(place.iterdir()):
            copies(options.folder, place, options.files)
        number = sum(1 for _ in place.rglob("*.gguf"))
        print(f"{number:,} files, Python {sys.version.split()[0]}, {os.cpu_count()} processors, warm file cache")
        asyncio.run(loop_delays(str(place), options.times))
        passes(str(place), options.times)
        per_file(place)
        imports()
        if options.others:
            beside_gguf_reader(place, options.others)
    finally:
        if options.place is None:
            shutil.rmtree(place)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
