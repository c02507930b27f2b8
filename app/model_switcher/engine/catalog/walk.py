"""Walking folders for files that are called models."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model_switcher.domain.catalog import Reject, Rejected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SUFFIX = ".gguf"
_MAX_DEPTH = 64

Identity = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A regular file that is called a model, and its identity (device and inode)."""

    path: str
    identity: Identity


class Walk:
    """One walk through folders. Every folder and every file is visited once, however many links lead to it."""

    def __init__(self, should_stop: Callable[[], bool]) -> None:
        self._should_stop = should_stop
        self._seen: set[Identity] = set()

    def through(self, folders: Sequence[str | os.PathLike[str]]) -> Iterator[Candidate | Rejected]:
        """Candidates, and what could not be looked at, in the order of their names."""
        # Last in, first out: turned round, so that the first of equal files is the one that was named first.
        waiting = [(absolute(folder), 0) for folder in reversed(folders)]
        while waiting and not self._should_stop():
            path, depth = waiting.pop()
            try:
                status = Path(path).stat()
            except (OSError, ValueError) as error:
                yield unreadable(path, error)
                continue
            if not stat.S_ISDIR(status.st_mode):
                yield from self._file(path, status)
            elif self._is_new(status):
                if depth > _MAX_DEPTH:
                    yield _rejected(path, Reject.UNREADABLE, "the folder lies too deep to be searched")
                    continue
                below: list[str] = []
                yield from self._folder(path, below)
                waiting += [(folder, depth + 1) for folder in reversed(below)]

    def file(self, path: str) -> Candidate | Rejected | None:
        """What lies at `path`; None if that file was visited before."""
        try:
            status = Path(path).stat()
        except (OSError, ValueError) as error:
            return unreadable(path, error)
        return next(self._file(path, status), None)

    def _folder(self, folder: str, below: list[str]) -> Iterator[Candidate | Rejected]:
        """The files in a folder; the folders in it are added to `below`."""
        try:
            with os.scandir(folder) as entries:
                found = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield unreadable(folder, error)
            return
        for entry in found:
            named = entry.name.lower().endswith(SUFFIX)
            try:
                is_folder = entry.is_dir()
                status = Path(entry.path).stat() if named and not is_folder else None
            except OSError as error:
                if named:
                    yield unreadable(entry.path, error)
                continue
            if is_folder:
                below.append(entry.path)
            elif status is not None:
                yield from self._file(entry.path, status)

    def _file(self, path: str, status: os.stat_result) -> Iterator[Candidate | Rejected]:
        if not self._is_new(status):
            return
        if not stat.S_ISREG(status.st_mode):
            yield _rejected(path, Reject.NOT_A_FILE, f"it is {_kind(status)}, not a file")
        elif printable(path) != path:
            yield _rejected(path, Reject.UNREADABLE, "its path is not valid Unicode text; rename it")
        else:
            yield Candidate(path, (status.st_dev, status.st_ino))

    def _is_new(self, status: os.stat_result) -> bool:
        """Whether it was not visited before. Some file systems number nothing: there, everything is new."""
        identity = (status.st_dev, status.st_ino)
        if not status.st_ino:
            return True
        if identity in self._seen:
            return False
        self._seen.add(identity)
        return True


def absolute(path: str | os.PathLike[str]) -> str:
    """`path` from the root on; links in it stay, for people know a model by the link."""
    return os.path.abspath(path)  # noqa: PTH100 - Path.resolve() would follow links


def printable(path: str) -> str:
    """`path` as text that can be sent to others: bytes that are no text are replaced."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def unreadable(path: str, error: OSError | ValueError) -> Rejected:
    """Why the file or folder at `path` cannot be looked at."""
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.ENOENT and Path(path).is_symlink():
        return _rejected(path, Reject.NOT_A_FILE, "it is a link to something that does not exist")
    if number == errno.ENOENT:
        return _rejected(path, Reject.UNREADABLE, "it does not exist")
    if number == errno.ELOOP:
        return _rejected(path, Reject.UNREADABLE, "it is a link that leads back to itself")
    if isinstance(error, PermissionError):
        return _rejected(path, Reject.UNREADABLE, "this user may not read it; check its permissions")
    detail = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return _rejected(path, Reject.UNREADABLE, f"it cannot be read: {detail}")


def _kind(status: os.stat_result) -> str:
    if stat.S_ISDIR(status.st_mode):
        return "a folder"
    return "a pipe" if stat.S_ISFIFO(status.st_mode) else "a device or a socket"


def _rejected(path: str, code: Reject, reason: str) -> Rejected:
    return Rejected(path=printable(path), code=code, reason=reason)
