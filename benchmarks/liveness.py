"""How soon the catalog shows what happens on the disk, at the library's own pace.

    PYTHONPATH=tests python benchmarks/liveness.py [--rounds 10] [--models 1000]

Each change is made beside so many other models; the time runs from its end (of a copy: from the last byte) until the
catalog that the runtime is given shows it, with all that the header says.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from fakes.gguf_files import write_model
from model_switcher.engine.library import CatalogReader, Library
from model_switcher.engine.stores import Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_switcher.domain.catalog import Catalog, Model

AIM_SECONDS = 2.0
GIVE_UP_SECONDS = 30.0


class Watching:
    """A library over `folders`, and how long it takes until its catalog shows something."""

    def __init__(self, folders: list[Path], cache: Path) -> None:
        self.told = asyncio.Event()
        self.library = Library(
            lambda: [Store("folder", str(folder), str(folder)) for folder in folders],
            CatalogReader(dict, cache),
            lambda _catalog, _progress: self.told.set(),
        )

    async def until(self, shows: Callable[[Catalog], bool]) -> float:
        begun = time.perf_counter()
        async with asyncio.timeout(GIVE_UP_SECONDS):
            while not shows(self.library.catalog):
                self.told.clear()
                await self.told.wait()
        return time.perf_counter() - begun


def the(catalog: Catalog, path: Path) -> Model | None:
    return next((model for model in catalog.models if model.path == str(path)), None)


def is_read(path: Path) -> Callable[[Catalog], bool]:
    def shows(catalog: Catalog) -> bool:
        model = the(catalog, path)
        return model is not None and model.available and model.parameters is not None

    return shows


def is_gone(path: Path) -> Callable[[Catalog], bool]:
    return lambda catalog: the(catalog, path) is None


def is_away(path: Path) -> Callable[[Catalog], bool]:
    def shows(catalog: Catalog) -> bool:
        model = the(catalog, path)
        return model is not None and not model.available

    return shows


async def changes(place: Path, rounds: int) -> dict[str, list[float]]:
    """Seconds of each change, by what it is."""
    models, drive, odd = place / "models", place / "drive" / "inside", place / "odd"
    source = write_model(place / "elsewhere" / "source.gguf", general__name="Source")
    other = write_model(place / "elsewhere" / "other.gguf", general__name="Other", llama__context_length=77)
    write_model(drive / "d.gguf")
    if sys.platform == "linux":  # a name that is no text, which nobody can watch
        write_model(odd / os.fsdecode(b"\xff") / "o.gguf")
    odd.mkdir(exist_ok=True)
    here = Watching([models, drive, odd], place / "headers")
    here.library.start()
    await here.library.complete()
    taken: dict[str, list[float]] = {}

    async def until(what: str, shows: Callable[[Catalog], bool]) -> None:
        taken.setdefault(what, []).append(await here.until(shows))
        await asyncio.sleep(0.7)  # the next change is one of its own

    for number in range(rounds):
        new, renamed = models / f"new-{number}.gguf", models / "collection-000" / f"renamed-{number}.gguf"
        shutil.copy(source, new)
        await until("copied in", is_read(new))
        new.rename(renamed)
        await until("renamed, into another folder", is_read(renamed))
        shutil.copy(other, renamed)
        await until("replaced", lambda catalog, path=renamed: the(catalog, path).context_length == 77)  # type: ignore[misc, union-attr]
        renamed.unlink()
        await until("deleted", is_gone(renamed))
        part = new.with_name(new.name + ".part")
        shutil.copy(source, part)
        await here.until(lambda catalog, path=part: any(e.path == str(path) for e in catalog.rejected))  # type: ignore[misc]
        part.rename(new)
        await until("finished downloading", is_read(new))
        new.unlink()
        await here.until(is_gone(new))
        drive.parent.rename(place / "unplugged")
        await until("drive unplugged", is_away(drive / "d.gguf"))
        (place / "unplugged").rename(drive.parent)
        await until("drive plugged in again", is_read(drive / "d.gguf"))
        if sys.platform == "linux":
            shutil.copy(source, odd / new.name)
            await until("copied in where nothing can be watched", is_read(odd / new.name))
    await here.library.close()
    return taken


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--models", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="liveness-") as folder:
        place = Path(folder)
        source = write_model(place / "source.gguf")
        for number in range(options.models):
            path = place / "models" / f"collection-{number // 100:03}" / f"m{number:04}.gguf"
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, path)
        taken = asyncio.run(changes(place, options.rounds))
    print(f"| change, beside {options.models:,} other models | median | most | aim |")
    print("|---|---:|---:|---:|")
    for what, seconds in taken.items():
        print(f"| {what} | {statistics.median(seconds):.2f} s | {max(seconds):.2f} s | {AIM_SECONDS:.0f} s |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
