"""A running library with what it said, for tests that change what lies on the disk."""

from __future__ import annotations

import asyncio
import errno
import threading
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from model_switcher.domain.catalog import Catalog
from model_switcher.engine.catalog.walk import unreadable
from model_switcher.engine.library import CatalogReader, Library, Pace, Progress
from model_switcher.engine.stores import Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from model_switcher.domain.catalog import Rejected
    from model_switcher.engine.catalog.facts import Facts
    from model_switcher.engine.catalog.walk import Candidate

SECONDS = 20.0


class Readings(CatalogReader):
    """Counts what is read; `gate` holds whole headers back, `closed` names files that nobody may read."""

    def __init__(self, cache: Path | None = None) -> None:
        super().__init__(dict, cache)
        self.read: list[str] = []
        self.closed: set[str] = set()
        self.gate = threading.Event()
        self.gate.set()

    def full(self, candidate: Candidate) -> Facts | Rejected:
        assert self.gate.wait(SECONDS)
        name = Path(candidate.path).name
        if self.known(candidate) is None:
            self.read.append(name)
        if name in self.closed:
            return unreadable(candidate.path, PermissionError(errno.EACCES, "Permission denied"))
        return super().full(candidate)


class Running:
    """A library, and all it has said."""

    def __init__(self, stores: Sequence[Store], pace: Pace | None = None, cache: Path | None = None) -> None:
        self.stores = list(stores)
        self.reader = Readings(cache)
        self.said: list[tuple[Catalog, Progress | None]] = []
        self.news = asyncio.Event()
        self.library = Library(lambda: self.stores, self.reader, self._hear, pace)

    def _hear(self, catalog: Catalog, progress: Progress | None) -> None:
        self.said.append((catalog, progress))
        self.news.set()

    async def until(self, condition: Callable[[Catalog], bool]) -> Catalog:
        async with asyncio.timeout(SECONDS):
            while not condition(self.library.catalog):
                self.news.clear()
                await self.news.wait()
        return self.library.catalog


@asynccontextmanager
async def running(*stores: Store, pace: Pace | None = None) -> AsyncIterator[Running]:
    here = Running(stores, pace)
    here.library.start()
    try:
        async with asyncio.timeout(SECONDS):
            await here.library.complete()
        yield here
    finally:
        await here.library.close()


def folder(path: Path) -> Store:
    return Store("folder", str(path), str(path))


def names(catalog: Catalog) -> list[str]:
    return [model.id for model in catalog.models]


def reasons(catalog: Catalog) -> dict[str, str]:
    return {Path(entry.path).name: entry.reason for entry in catalog.rejected}
