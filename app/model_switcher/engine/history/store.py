"""The file of the history: one table in SQLite, with a version, bounded, and begun anew where it is damaged.

All of it blocks; `History` calls it in the background. The file is opened for each call and closed again: a switch is
a rare thing, and a file that is closed is whole on the disk.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import msgspec

from model_switcher.domain.history import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

KEPT = 10_000
BUSY_SECONDS = 5.0

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
_PRIMARY = 0xFF  # the lower byte of an extended result code
# SQLITE_ERROR: our statements are right, so the table is not what its version says.
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}

_log = logging.getLogger(__name__)


class HistoryStore:
    """Reads and writes one file of the history.

    Args:
        path: The file; the first record makes it.
        kept: How many records are kept: the newest.
        migrations: What makes a file of this version out of an older one.
    """

    def __init__(self, path: Path, *, kept: int = KEPT, migrations: Sequence[str] = MIGRATIONS) -> None:
        self._path = path
        self._kept = kept
        self._migrations = migrations

    def add(self, records: Sequence[Record]) -> None:
        """Keep these, and drop what is beyond the bound. A damaged file is set aside and another one begun.

        Raises:
            OSError: It cannot be written, or was written by a newer version.
        """
        try:
            self._add(records)
        except _Damaged as error:
            self._set_aside(error)
            self._add(records)

    def read(self, limit: int | None = None, *, repair: bool = False) -> list[Record]:
        """The newest `limit` records in the order of time; none if there is no file, or a damaged one.

        Args:
            limit: How many; None for all.
            repair: Set a damaged file aside.

        Raises:
            OSError: It cannot be read, or was written by a newer version.
        """
        if not self._path.exists():
            return []
        try:
            with self._opened() as connection:
                rows = connection.execute(_SELECT, (-1 if limit is None else limit,)).fetchall()
        except _Damaged as error:
            if repair:
                self._set_aside(error)
            else:
                _log.warning("The history %s is damaged (%s)", self._path, error)
            return []
        return [record for row in reversed(rows) if (record := _record(row)) is not None]

    def _add(self, records: Sequence[Record]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._opened() as connection, _transaction(connection):
            connection.executemany(_INSERT, map(_row, records))
            connection.execute(_DELETE, (self._kept,))

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """A connection to a file of this version.

        Raises:
            _Damaged: The file is none, or not whole.
            OSError: It cannot be used.
        """
        try:
            # Transactions are begun where they are needed, not by the module.
            connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)
            try:
                connection.text_factory = _text
                self._migrate(connection)
                yield connection
            finally:
                connection.close()
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", None)
            if code is not None and code & _PRIMARY in _DAMAGED:
                raise _Damaged(str(error)) from error
            raise OSError(f"{self._path}: {error}") from error

    def _migrate(self, connection: sqlite3.Connection) -> None:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(self._migrations):
            raise OSError(f"{self._path} was written by a newer version of this program")
        if version == len(self._migrations):
            return
        # Readers and a writer do not wait for each other then; the mode stays with the file.
        connection.execute("PRAGMA journal_mode = WAL")
        with _transaction(connection):
            for migration in self._migrations[version:]:
                connection.execute(migration)
            connection.execute(f"PRAGMA user_version = {len(self._migrations)}")

    def _set_aside(self, why: _Damaged) -> None:
        aside = self._path.with_name(f"{self._path.name}.damaged")
        _log.warning(
            "The history %s is damaged (%s): it is kept as %s and begun anew", self._path, why, aside.name
        )
        self._path.replace(aside)
        for suffix in ("-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)


class _Damaged(Exception):
    """The file is no database, not whole, or not the table that its version says."""


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


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


def _text(data: bytes) -> str:
    return data.decode(errors="replace")
