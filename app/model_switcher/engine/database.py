"""A small SQLite file with a version, that is begun anew where it is damaged.

All of it blocks: for a background thread. The file is opened for each use and closed again, for uses are rare, and a
file that is closed is whole on the disk.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

T = TypeVar("T")

BUSY_SECONDS = 5.0
_PRIMARY = 0xFF  # the lower byte of an extended result code
# SQLITE_ERROR: our statements are right, so a table is not what its version says.
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}

_log = logging.getLogger(__name__)


class Database:
    """One file.

    Args:
        path: The file; the first `write` makes it.
        name: What it is, for a person ("the history").
        migrations: Each makes a file of the next version out of one of the version before; `user_version` counts
            those that were done.
    """

    def __init__(self, path: Path, name: str, migrations: Sequence[str]) -> None:
        self._path = path
        self._name = name
        self._migrations = migrations

    def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do `work` as one transaction. A damaged file is set aside and another one begun.

        Raises:
            OSError: It cannot be written, or was written by a newer version.
        """
        try:
            return self._write(work)
        except _DamagedError as error:
            self._set_aside(error)
            return self._write(work)

    def read(self, work: Callable[[sqlite3.Connection], T], *, repair: bool = False) -> T | None:
        """What `work` reads; None if there is no file, or a damaged one.

        Args:
            work: Reads.
            repair: Set a damaged file aside.

        Raises:
            OSError: It cannot be read, or was written by a newer version.
        """
        if not self._path.exists():
            return None
        try:
            with self._opened() as connection:
                return work(connection)
        except _DamagedError as error:
            if repair:
                self._set_aside(error)
            else:
                _log.warning("%s %s is damaged (%s)", self._name.capitalize(), self._path, error)
            return None

    def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._opened() as connection, _transaction(connection):
            return work(connection)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        """A connection to a file of this version.

        Raises:
            _DamagedError: The file is none, or not whole.
            OSError: It cannot be used.
        """
        try:
            # Transactions are begun where they are needed, not by the module.
            connection = sqlite3.connect(self._path, timeout=BUSY_SECONDS, isolation_level=None)
            try:
                connection.text_factory = lambda data: data.decode(errors="replace")
                self._migrate(connection)
                yield connection
            finally:
                connection.close()
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", None)
            if code is not None and code & _PRIMARY in _DAMAGED:
                raise _DamagedError(str(error)) from error
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

    def _set_aside(self, why: _DamagedError) -> None:
        aside = self._path.with_name(f"{self._path.name}.damaged")
        _log.warning(
            "%s %s is damaged (%s): it is kept as %s and begun anew",
            *(self._name.capitalize(), self._path, why, aside.name),
        )
        self._path.replace(aside)
        for suffix in ("-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)


class _DamagedError(Exception):
    """The file is no database, not whole, or not the tables that its version says."""


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
