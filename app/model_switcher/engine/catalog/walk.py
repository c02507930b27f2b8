"""Walking folders for files that are called models."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model_switcher.domain.catalog import Reject, Rejected
from model_switcher.engine.catalog.partial import is_partial_model, may_be_partial, so_far

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SUFFIX = ".gguf"
_MAX_DEPTH = 64

Identity = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A regular file that is called a model.

    Attributes:
        path: Where it was found.
        identity: Device and inode; some file systems number nothing, there the inode is 0.
        size: Bytes.
        modified: When its content last changed, in nanoseconds since the epoch.
        store: Where it was found: "folder", or the name of a store as the settings spell it.
        title: What the store calls it ("llama3.2:3b"); None where the file's own name says it.
        projector: Path of the mmproj file that the store says belongs to it.
    """

    path: str
    identity: Identity
    size: int = 0
    modified: int = 0
    store: str = "folder"
    title: str | None = None
    projector: str | None = None

    @property
    def key(self) -> Identity | str:
        """Equal for two paths of the same bytes."""
        return self.identity if self.identity[1] else self.path


@dataclass(frozen=True, slots=True)
class Listing:
    """What lies in one folder, or at one path that is a file.

    Attributes:
        entries: Candidates, and what cannot be served, in the order of their names.
        folders: Paths of the folders in it, in the order of their names.
        identity: Of the folder; None if it is none, or could not be looked at.
        modified: When something in the folder was last added, renamed or removed; as in `Candidate`.
        error: `errno` of what kept it from being looked at.
    """

    entries: tuple[Candidate | Rejected, ...] = ()
    folders: tuple[str, ...] = ()
    identity: Identity | None = None
    modified: int = 0
    error: int | None = None


class Walk:
    """One walk through folders. Every folder and every file is visited once, however many links lead to it.

    Attributes:
        places: All paths that led to each file, the first one first.
    """

    def __init__(self, should_stop: Callable[[], bool]) -> None:
        self._should_stop = should_stop
        self._folders: set[Identity] = set()
        self.places: dict[Identity | str, list[str]] = {}

    def through(self, folders: Sequence[str | os.PathLike[str]]) -> Iterator[Candidate | Rejected]:
        """Candidates, and what could not be looked at, in the order of their names."""
        for folder in folders:
            for entry in through(absolute(folder), look, self._folders, self._should_stop):
                if not isinstance(entry, Candidate) or self._is_new(entry):
                    yield entry

    def file(self, path: str) -> Candidate | Rejected | None:
        """What lies at `path`; None if that file was visited before."""
        try:
            status = _stat(path)
        except (OSError, ValueError) as error:
            return unreadable(path, error)
        entry = _entry(path, status)
        return entry if not isinstance(entry, Candidate) or self._is_new(entry) else None

    def _is_new(self, candidate: Candidate) -> bool:
        paths = self.places.setdefault(candidate.key, [])
        if candidate.path not in paths:  # a path that is named twice is visited once, too
            paths.append(candidate.path)
            return len(paths) == 1
        return False


def through(
    root: str,
    look_at: Callable[[str], Listing],
    seen: set[Identity] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[Candidate | Rejected]:
    """Everything in the folder `root` and below, in the order of the names; every folder once.

    Args:
        root: An absolute path of a folder, or of a single file.
        look_at: Says what lies in a folder; it may remember what it said before.
        seen: Folders that were visited already; those visited now are added.
        should_stop: Asked before each folder.
    """
    seen = set() if seen is None else seen
    waiting = [(root, 0)]  # last in, first out
    while waiting and not should_stop():
        path, depth = waiting.pop()
        listing = look_at(path)
        if listing.identity is not None and listing.identity[1]:
            if listing.identity in seen:
                continue
            seen.add(listing.identity)
        if depth > _MAX_DEPTH:
            yield rejected(path, Reject.UNREADABLE, "the folder lies too deep to be searched")
            continue
        yield from listing.entries
        waiting += [(folder, depth + 1) for folder in reversed(listing.folders)]


def look(path: str) -> Listing:
    """What lies in the folder at `path`, or what the file there is. Blocks: for a worker thread."""
    try:
        status = _stat(path)
        if not stat.S_ISDIR(status.st_mode):
            return Listing(entries=(_entry(path, status),))
        with os.scandir(path) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except (OSError, ValueError) as error:
        number = error.errno if isinstance(error, OSError) else errno.EINVAL
        return Listing(entries=(unreadable(path, error),), error=number)
    listed: list[Candidate | Rejected] = []
    folders: list[str] = []
    for entry in found:
        named = entry.name.lower().endswith(SUFFIX)
        try:
            if entry.is_dir():
                folders.append(entry.path)
            elif named and not may_be_partial(entry.name):
                listed.append(_entry(entry.path, _stat(entry.path)))
            elif may_be_partial(entry.name) and (partial := _partial(entry.path)) is not None:
                listed.append(partial)
        except OSError as error:
            if named:
                listed.append(unreadable(entry.path, error))
    return Listing(tuple(listed), tuple(folders), (status.st_dev, status.st_ino), status.st_mtime_ns)


def _stat(path: str) -> os.stat_result:
    # The entries of a folder know less: no inode on Windows. Path.stat() takes twice as long, for thousands of files.
    return os.stat(path)  # noqa: PTH116


def _partial(path: str) -> Rejected | None:
    status = _stat(path)
    return rejected(path, Reject.PARTIAL, so_far(path, status)) if is_partial_model(path, status) else None


def _entry(path: str, status: os.stat_result) -> Candidate | Rejected:
    if not stat.S_ISREG(status.st_mode):
        return rejected(path, Reject.NOT_A_FILE, f"it is {_kind(status)}, not a file")
    if printable(path) != path:
        return rejected(path, Reject.UNREADABLE, "its path is not valid Unicode text; rename it")
    return Candidate(path, (status.st_dev, status.st_ino), status.st_size, status.st_mtime_ns)


def absolute(path: str | os.PathLike[str]) -> str:
    """`path` from the root on; links in it stay, for people know a model by the link."""
    return os.path.abspath(path)  # noqa: PTH100 - Path.resolve() would follow links


def printable(path: str) -> str:
    """`path` as text that can be sent to others: what is no text is replaced."""
    try:
        data = path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # halves of characters, which names of Windows may have
        data = path.encode("utf-8", "replace")
    return data.decode("utf-8", "replace")


def unreadable(path: str, error: OSError | ValueError) -> Rejected:
    """Why the file or folder at `path` cannot be looked at."""
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.ENOENT and Path(path).is_symlink():
        return rejected(path, Reject.NOT_A_FILE, "it is a link to something that does not exist")
    if number == errno.ENOENT:
        return rejected(path, Reject.UNREADABLE, "it does not exist")
    if number == errno.ELOOP:
        return rejected(path, Reject.UNREADABLE, "it is a link that leads back to itself")
    if isinstance(error, PermissionError):
        return rejected(path, Reject.UNREADABLE, "this user may not read it; check its permissions")
    detail = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return rejected(path, Reject.UNREADABLE, f"it cannot be read: {detail}")


def _kind(status: os.stat_result) -> str:
    if stat.S_ISDIR(status.st_mode):
        return "a folder"
    return "a pipe" if stat.S_ISFIFO(status.st_mode) else "a device or a socket"


def rejected(path: str, code: Reject, reason: str) -> Rejected:
    """A rejected entry whose path can be sent to others."""
    return Rejected(path=printable(path), code=code, reason=reason)
