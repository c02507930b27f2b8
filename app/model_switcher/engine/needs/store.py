"""What is known of needs beyond the rules: what engines said, what was measured. Kept over restarts.

Each need belongs to files, options, an engine with its version, and GPUs: if any of them changes, it does not count.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import msgspec

from model_switcher.domain.need import Need, Source
from model_switcher.engine.background import in_background, in_spare_thread
from model_switcher.engine.database import Database

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

FILE = "needs.sqlite"
KEPT = 5000
CLOSE_SECONDS = 2.0

MIGRATIONS = (
    """
    CREATE TABLE needs (
        source TEXT NOT NULL,
        files TEXT NOT NULL,
        options TEXT NOT NULL,
        engine TEXT NOT NULL,
        gpus TEXT NOT NULL,
        ctx_size INTEGER NOT NULL,
        layers INTEGER NOT NULL,
        need TEXT,
        noted REAL NOT NULL,
        PRIMARY KEY (source, files, options, engine, gpus, ctx_size, layers)
    )
    """,
)
_ALL_LAYERS = -1  # in the file, for a key may not be null there
_INSERT = "INSERT OR REPLACE INTO needs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_SELECT = "SELECT * FROM needs ORDER BY noted"
_DELETE = "DELETE FROM needs WHERE rowid NOT IN (SELECT rowid FROM needs ORDER BY noted DESC LIMIT ?)"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """What a need belongs to.

    Attributes:
        files: Paths, sizes and times of change of the model's files.
        options: Those of its launch options that matter, without context and layers, which the need has itself.
        engine: With its version.
        gpus: Those that the engine uses; empty for none.
    """

    files: str
    options: str
    engine: str
    gpus: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing known: the need, or None where the engine did not say."""

    key: Key
    source: Source
    ctx_size: int
    layers: int | None
    need: Need | None
    noted: float = 0.0


class NeedStore:
    """In memory, and in a file that is written in the background. Lives on the runtime's loop.

    A file that cannot be used is told once; what is learned then lasts as long as the program.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, "the file of measured needs", MIGRATIONS)
        self._entries: dict[Key, dict[tuple[Source, int, int | None], Entry]] = {}
        self._drivers: dict[str, int] = {}
        self._writing: set[asyncio.Future[None]] = set()
        self._told = False

    async def open(self) -> None:
        """Remember what the file tells of earlier runs."""
        await in_background(self.load, repair=True)

    def load(self, *, repair: bool = False) -> None:
        """The same, blocking.

        Args:
            repair: Set a damaged file aside.
        """
        try:
            entries = self._database.read(_read, repair=repair) or []
        except OSError as error:
            self._complain(error)
            return
        for entry in entries:
            self.remember(entry)

    async def keep(self, entry: Entry) -> None:
        """Keep something that was learned; it counts at once."""
        entry = replace(entry, noted=time.time())
        self.remember(entry)
        writing = in_spare_thread(lambda: self._database.write(lambda connection: _write(connection, entry)))
        self._writing.add(writing)
        writing.add_done_callback(self._written)
        await asyncio.wait({writing})

    async def close(self) -> None:
        """Wait for what is being written; a disk that does not answer is not waited for."""
        if self._writing:
            await asyncio.wait(self._writing, timeout=CLOSE_SECONDS)

    def measured(self, key: Key, *, ctx_size: int, layers: int | None) -> Need | None:
        """What a server with that context and those layers took."""
        entry = self._entries.get(key, {}).get((Source.MEASURED, ctx_size, layers))
        return entry.need if entry else None

    def said(self, key: Key, *, layers: int | None) -> list[Need]:
        """What the engine said for contexts with those layers, the smallest first."""
        entries = tuple(self._entries.get(key, {}).values())  # a thread may ask
        needs = [entry.need for entry in entries if entry.source is Source.ENGINE and entry.layers == layers]
        return sorted((need for need in needs if need is not None), key=lambda need: need.ctx_size)

    def was_asked(self, key: Key, *, ctx_size: int, layers: int | None) -> bool:
        """Whether the engine was asked for that, be it in vain."""
        return (Source.ENGINE, ctx_size, layers) in self._entries.get(key, {})

    def all_measured(self, files: str) -> list[Entry]:
        """Everything that servers with these files took, the newest last."""
        entries = [
            entry
            for key, known in self._entries.items()
            for entry in known.values()
            if key.files == files and entry.source is Source.MEASURED
        ]
        return sorted(entries, key=lambda entry: entry.noted)

    def driver(self, gpus: str) -> int | None:
        """What the driver of these GPUs held for a process when that was last measured."""
        return self._drivers.get(gpus)

    def remember(self, entry: Entry) -> None:
        """Know something for as long as the program runs."""
        place = (entry.source, entry.ctx_size, entry.layers)
        self._entries.setdefault(entry.key, {})[place] = entry
        if entry.source is Source.MEASURED and entry.need is not None and entry.need.driver is not None:
            self._drivers[entry.key.gpus] = entry.need.driver

    def _written(self, writing: asyncio.Future[None]) -> None:
        self._writing.discard(writing)
        if not writing.cancelled() and (error := writing.exception()) is not None:
            self._complain(error)

    def _complain(self, error: BaseException) -> None:
        if not self._told:
            self._told = True
            _log.warning("Measured needs cannot be kept: %s", error)


def _read(connection: sqlite3.Connection) -> list[Entry]:
    return [entry for row in connection.execute(_SELECT) if (entry := _entry(row)) is not None]


def _write(connection: sqlite3.Connection, entry: Entry) -> None:
    connection.execute(
        _INSERT,
        (
            entry.source,
            entry.key.files,
            entry.key.options,
            entry.key.engine,
            entry.key.gpus,
            entry.ctx_size,
            _ALL_LAYERS if entry.layers is None else entry.layers,
            None if entry.need is None else msgspec.json.encode(entry.need).decode(),
            entry.noted,
        ),
    )
    connection.execute(_DELETE, (KEPT,))


def _entry(row: tuple[object, ...]) -> Entry | None:
    """None for a row that another version wrote in its own way."""
    source, files, options, engine, gpus, ctx_size, layers, need, noted = row
    try:
        return Entry(
            key=msgspec.convert({"files": files, "options": options, "engine": engine, "gpus": gpus}, Key),
            source=Source(str(source)),
            ctx_size=msgspec.convert(ctx_size, int),
            layers=None if layers == _ALL_LAYERS else msgspec.convert(layers, int),
            need=None if need is None else msgspec.json.decode(str(need), type=Need),
            noted=msgspec.convert(noted, float),
        )
    except (msgspec.MsgspecError, ValueError):
        return None
