"""The file of the history: one table, bounded. All of it blocks; `History` calls it in the background."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

import msgspec

from model_switcher.domain.history import Record
from model_switcher.engine.database import Database

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence
    from pathlib import Path

KEPT = 10_000

# Each makes a file of the next version out of one of the version before; `user_version` counts those that were done.
MIGRATIONS = (
    """
    CREATE TABLE switches (
        id INTEGER PRIMARY KEY,
        finished REAL NOT NULL,
        model TEXT NOT NULL,
        result TEXT NOT NULL,
        seconds REAL NOT NULL,
        reason TEXT NOT NULL,
        serving TEXT,
        phases TEXT NOT NULL,
        size INTEGER,
        engine TEXT,
        load_seconds REAL,
        cold INTEGER,
        cause TEXT,
        sentence TEXT
    )
    """,
)

_NAMES = tuple(field.name for field in fields(Record))
_INSERT = f"INSERT INTO switches ({', '.join(_NAMES)}) VALUES ({', '.join('?' for _ in _NAMES)})"  # noqa: S608 - our own names
_SELECT = f"SELECT {', '.join(_NAMES)} FROM switches ORDER BY id DESC LIMIT ?"  # noqa: S608 - the same
_DELETE = "DELETE FROM switches WHERE id <= (SELECT max(id) FROM switches) - ?"


class HistoryStore:
    """Reads and writes one file of the history.

    Args:
        path: The file; the first record makes it.
        kept: How many records are kept: the newest.
        migrations: What makes a file of this version out of an older one.
    """

    def __init__(self, path: Path, *, kept: int = KEPT, migrations: Sequence[str] = MIGRATIONS) -> None:
        self._database = Database(path, "the history", migrations)
        self._kept = kept

    def add(self, records: Sequence[Record]) -> None:
        """Keep these, and drop what is beyond the bound. A damaged file is set aside and another one begun.

        Raises:
            OSError: It cannot be written, or was written by a newer version.
        """

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(_INSERT, map(_row, records))
            connection.execute(_DELETE, (self._kept,))

        self._database.write(work)

    def read(self, limit: int | None = None, *, repair: bool = False) -> list[Record]:
        """The newest `limit` records in the order of time; none if there is no file, or a damaged one.

        Args:
            limit: How many; None for all.
            repair: Set a damaged file aside.

        Raises:
            OSError: It cannot be read, or was written by a newer version.
        """

        def work(connection: sqlite3.Connection) -> list[Any]:
            return connection.execute(_SELECT, (-1 if limit is None else limit,)).fetchall()

        rows = self._database.read(work, repair=repair) or []
        return [record for row in reversed(rows) if (record := _record(row)) is not None]


def _row(record: Record) -> tuple[Any, ...]:
    values = (getattr(record, name) for name in _NAMES)
    return tuple(
        msgspec.json.encode(value).decode()
        if isinstance(value, dict)
        # A name on the disk may be none in UTF-8.
        else value.encode(errors="replace").decode()
        if isinstance(value, str)
        else value
        for value in values
    )


def _record(row: Sequence[Any]) -> Record | None:
    """None for a row that another version wrote in its own way."""
    form = dict(zip(_NAMES, row, strict=True))
    try:
        form["phases"] = msgspec.json.decode(form["phases"])
        form["cold"] = None if form["cold"] is None else bool(form["cold"])
        return msgspec.convert(form, Record)
    except msgspec.MsgspecError:
        return None
