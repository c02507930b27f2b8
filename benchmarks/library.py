"""How long the catalog of many models takes, and how long it keeps the event loop waiting.

    python benchmarks/library.py [FOLDER] [--files 1000] [--times 3]

The models in FOLDER are copied until there are so many: header and size of each are real, the weights are a hole. Without
a folder there are models of three made-up kinds, with the vocabularies of `headers.py`.
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
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from delays import HEAD, measured
from headers import SHAPES, write_sparse

from model_switcher.domain.settings import Settings
from model_switcher.domain.snapshot import Snapshot
from model_switcher.domain.units import KIB, MIB
from model_switcher.engine.catalog import scan
from model_switcher.engine.catalog.headers import HeaderReader
from model_switcher.engine.catalog.scan import catalog_of, read_all, with_places
from model_switcher.engine.catalog.walk import Candidate, Walk
from model_switcher.engine.collection import Collection
from model_switcher.engine.gguf import HeaderError, read_header
from model_switcher.engine.hub import Hub
from model_switcher.engine.interpreter import give_way
from model_switcher.places import places

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_switcher.domain.catalog import Catalog

# What the catalog with all its stores is made of, and what reads headers elsewhere.
OURS = "model_switcher.engine.library, model_switcher.engine.stores"
THEIRS = "gguf"


def copies(source: Path, folder: Path, count: int) -> None:
    """Fill `folder` with `count` files that have the headers and the sizes of those in `source`."""
    headers: list[tuple[str, bytes, int]] = []
    for path in sorted(source.glob("*.gguf")):
        try:
            end = read_header(path).data_offset
        except (HeaderError, OSError):
            continue
        with path.open("rb") as file:
            headers.append((path.stem, file.read(end), path.stat().st_size))
    for number in range(count):
        stem, header, size = headers[number % len(headers)]
        path = folder / f"collection-{number // 100:03}" / f"{number // len(headers):03}-{stem}.gguf"
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as file:
            file.write(header)
            file.truncate(size)


def made_up(folder: Path) -> Path:
    """A folder with a model of each kind that `headers.py` measures."""
    for number, shape in enumerate(SHAPES):
        write_sparse(folder / f"kind-{number}.gguf", shape)
    return folder


class Used:
    """Wall and processor time of what stands in the `with`, in milliseconds; `children`: of processes that ended."""

    def __enter__(self) -> Self:
        self._began, self._used, self._others = time.perf_counter(), time.process_time(), _children()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall = (time.perf_counter() - self._began) * 1000
        self.processor = (time.process_time() - self._used) * 1000
        self.children = (_children() - self._others) * 1000


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


# As it runs in the program.


async def start(what: str, folder: str, cache: Path) -> list[str]:
    """One start of the collection, until the catalog is complete; prints its times, returns the rows of delays."""
    hub = Hub(Snapshot())
    settings = Settings(model_folders=(folder,), stores=())
    collection = Collection(settings, replace(places(None), cache=cache), hub)
    gc.collect()
    async with measured() as delays:
        with Used() as used:
            began = time.perf_counter()
            collection.start()
            await collection.listed()
            listed = time.perf_counter() - began
            await hub.wait_for(lambda snapshot: not snapshot.scanning)
            complete = time.perf_counter() - began
            await collection.close()
    figures = (listed * 1000, complete * 1000, used.processor, used.children)
    cells = " | ".join(f"{one:,.0f} ms" for one in figures)
    print(f"| {what} | {cells} | {len(hub.snapshot.catalog.models)} |", flush=True)
    return delays.rows(what)


async def starts(folder: str, times: int) -> None:
    print("\n| start | names and sizes | all headers | processor | the other process' | models |")
    print("|---|---:|---:|---:|---:|---:|")
    rows: list[str] = []
    for _ in range(times):
        with tempfile.TemporaryDirectory() as place:
            rows += await start("cold", folder, Path(place))
            rows += await start("warm", folder, Path(place))
    print("\n" + "\n".join([HEAD, *rows]))


# What each pass costs by itself.


def quick_pass(folder: str, cache: Path | None) -> Catalog:
    """Names, sizes and dimensions: what the library does first."""
    reader = HeaderReader(cache)
    walk = Walk(lambda: False)
    found, rejected = read_all(walk.through([folder]), reader.quick)
    return catalog_of(with_places(found, walk.places), rejected)


def passes(folder: str, times: int) -> None:
    print("\n| pass | wall, best | wall, median | processor, best | processor, median | models |")
    print("|---|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as place:
        cache = Path(place, "headers")

        def cold() -> Catalog:
            reader = HeaderReader(cache)
            catalog = scan([folder], reader=reader)
            reader.save()
            return catalog

        repeat("quick pass: the beginning of each", lambda: quick_pass(folder, None), 5 * times)
        repeat("cold scan: every whole header", cold, 1)
        repeat("warm catalog, out of the cache", lambda: quick_pass(folder, cache), 5 * times)
        size = cache.stat().st_size
    print(f"\nThe cache takes {size / MIB:.1f} MiB.")


def repeat(what: str, run: Callable[[], Catalog], times: int) -> None:
    results: list[Used] = []
    for _ in range(times):
        gc.collect()
        with Used() as used:
            catalog = run()
        results.append(used)
    wall, processor = [one.wall for one in results], [one.processor for one in results]
    figures = (min(wall), statistics.median(wall), min(processor), statistics.median(processor))
    cells = " | ".join(f"{one:,.0f} ms" for one in figures)
    print(f"| {what} | {cells} | {len(catalog.models)} |", flush=True)


# One file at a time.


def bytes_read(folder: Path) -> None:
    paths = sorted(folder.rglob("*.gguf"))
    before = _read_so_far()
    for path in paths:
        HeaderReader().quick(_candidate(path))
    quick = (_read_so_far() - before) / len(paths)
    headers = [read_header(path) for path in paths]
    full = [header.bytes_read for header in headers]
    header = sum(header.data_offset for header in headers) / len(headers)
    print(
        f"\nBytes read per file: {quick / KIB:.0f} KiB in the quick pass; {sum(full) / len(full) / MIB:.2f} MiB in the full "
        f"one ({min(full) / KIB:.0f} KiB to {max(full) / MIB:.1f} MiB), of headers of {header / MIB:.2f} MiB on average."
    )


def _candidate(path: Path) -> Candidate:
    status = path.stat()
    return Candidate(str(path), (status.st_dev, status.st_ino), status.st_size, status.st_mtime_ns)


def _read_so_far() -> int:
    """`rchar` of proc_pid_io(5)."""
    return int(Path("/proc/self/io").read_text(encoding="ascii").split()[1])


def import_times() -> None:
    ours, theirs = (min(_import_time(modules) for _ in range(5)) for modules in (OURS, THEIRS))
    print(f"Import, processor time: the catalog with all its stores {ours:.0f} ms, `gguf` {theirs:.0f} ms.")


def _import_time(modules: str) -> float:
    program = (
        f"import time; t = time.process_time(); import {modules}; print((time.process_time() - t) * 1000)"
    )
    return float(subprocess.check_output([sys.executable, "-c", program]))


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
        f"The first {count} files, one after the other: `gguf.GGUFReader` {theirs.wall / count:,.0f} ms each, this program "
        f"{ours.wall / count:,.1f} ms each ({theirs.wall / ours.wall:,.0f} times faster)."
    )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--times", type=int, default=2)
    parser.add_argument(
        "--others", type=int, default=5, help="files that gguf.GGUFReader reads, some 8 s each"
    )
    parser.add_argument("--place", type=Path, help="where the copies are made, and left")
    options = parser.parse_args()
    place = options.place or Path(tempfile.mkdtemp(prefix="library-"))
    place.mkdir(exist_ok=True)
    try:
        if not any(place.iterdir()):
            with tempfile.TemporaryDirectory() as folder:
                copies(options.folder or made_up(Path(folder)), place, options.files)
        count = sum(1 for _ in place.rglob("*.gguf"))
        print(
            f"{count:,} files, Python {sys.version.split()[0]}, {os.cpu_count()} processors, warm file cache"
        )
        give_way()  # as the program does
        asyncio.run(starts(str(place), options.times))
        passes(str(place), options.times)
        bytes_read(place)
        import_times()
        if options.others:
            beside_gguf_reader(place, options.others)
    finally:
        if options.place is None:
            shutil.rmtree(place)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
