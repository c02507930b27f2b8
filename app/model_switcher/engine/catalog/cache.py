"""What the headers said last time, so that they need not be read again while their files stay as they are."""

from __future__ import annotations

import logging
import os
import threading
import time
import zlib
from typing import TYPE_CHECKING

import msgspec

from model_switcher.domain.catalog import Rejected
from model_switcher.engine.catalog.facts import Facts
from model_switcher.engine.catalog.projectors import folder_of
from model_switcher.engine.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from model_switcher.engine.catalog.walk import Candidate

# Raised whenever what is concluded from a header changes.
VERSION = 2

_DAY = 86_400
# A drive that is away takes its folders with it; what lay there is remembered this long.
_DAYS_WITHOUT_FOLDER = 30

_log = logging.getLogger(__name__)


class _Entry(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What a file was when its header was read, and what came of that: either facts or a rejection."""

    path: str
    size: int
    modified: int
    inode: int
    day: int
    facts: Facts | None
    rejected: Rejected | None

    @property
    def outcome(self) -> Facts | Rejected | None:
        return self.facts or self.rejected


class _File(msgspec.Struct, array_like=True, frozen=True):
    version: int
    checksum: int
    entries: msgspec.Raw


class _Version(msgspec.Struct, array_like=True, frozen=True):
    """The beginning of a file of any version."""

    version: int


_entries = msgspec.msgpack.Decoder(list[msgspec.Raw])
_entry = msgspec.msgpack.Decoder(_Entry)


class HeaderCache:
    """Outcomes of reading headers by path, size, time of the last change and inode. Fit for several threads.

    It begins empty if there is no file, or one that is damaged or of another version of this program. The file is read
    when the first header is asked for. Every method blocks.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._saving = threading.Lock()
        self._loading = threading.Lock()
        self._today = int(time.time()) // _DAY
        self._loaded: dict[str, _Entry] | None = None
        self._changed = False

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def _entries(self) -> dict[str, _Entry]:
        if self._loaded is None:
            with self._loading:
                if self._loaded is None:
                    self._loaded = {entry.path: entry for entry in _load(self._file)}
        return self._loaded

    def get(self, candidate: Candidate) -> Facts | Rejected | None:
        """What came of reading this file's header; None if that is not known, or the file was changed since."""
        entry = self._entries.get(candidate.path)
        if entry is None or (entry.size, entry.modified, entry.inode) != (
            candidate.size,
            candidate.modified,
            candidate.identity[1],
        ):
            return None
        return entry.outcome

    def put(self, candidate: Candidate, outcome: Facts | Rejected) -> None:
        """Keep what came of reading a header; `candidate` is what the file was before it was read."""
        entry = _Entry(
            path=candidate.path,
            size=candidate.size,
            modified=candidate.modified,
            inode=candidate.identity[1],
            day=self._today,
            facts=outcome if isinstance(outcome, Facts) else None,
            rejected=outcome if isinstance(outcome, Rejected) else None,
        )
        with self._lock:
            self._entries[entry.path] = entry
            self._changed = True

    def save(self) -> None:
        """Write what changed, without files that are gone. Where that is impossible, it is logged. Blocks."""
        with self._saving:
            with self._lock:
                entries, changed = list(self._entries.values()), self._changed
                self._changed = False
            kept = [entry for entry in map(self._renewed, entries) if entry is not None]
            if not changed and kept == entries:
                return
            body = msgspec.msgpack.encode(kept)
            data = msgspec.msgpack.encode(_File(VERSION, zlib.crc32(body), msgspec.Raw(body)))
            try:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                write_atomically(self._file, data)
            except OSError as error:
                _log.warning("The cache of headers could not be written to %s: %s", self._file, error)
                return
            self._forget(entries, kept)

    def _forget(self, before: list[_Entry], kept: list[_Entry]) -> None:
        """Have in memory what is on the disk, and what was put meanwhile."""
        renewed = {entry.path: entry for entry in kept}
        with self._lock:
            for entry in before:
                if self._entries.get(entry.path) is not entry:
                    continue
                if entry.path in renewed:
                    self._entries[entry.path] = renewed[entry.path]
                else:
                    del self._entries[entry.path]

    def _renewed(self, entry: _Entry) -> _Entry | None:
        """The entry with the day its file was last seen; None if there is nothing to keep it for."""
        # os.path.exists says no where Path.exists raises: on a drive that fails, in a folder that is closed.
        if os.path.exists(entry.path):  # noqa: PTH110
            return entry if entry.day == self._today else msgspec.structs.replace(entry, day=self._today)
        recent = self._today - entry.day <= _DAYS_WITHOUT_FOLDER
        return entry if recent and not os.path.exists(folder_of(entry.path)) else None  # noqa: PTH110


def _load(file: Path) -> list[_Entry]:
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        _log.warning("The cache of headers %s cannot be read: %s", file, error)
        return []
    try:
        version = msgspec.msgpack.decode(data, type=_Version).version
        if version != VERSION:
            _log.info("The cache of headers is of version %s, not %s: it is made again", version, VERSION)
            return []
        content = msgspec.msgpack.decode(data, type=_File)
        if zlib.crc32(content.entries) != content.checksum:
            _log.warning("The cache of headers %s is damaged: it is made again", file)
            return []
        # One by one: decoding a thousand at once would keep other threads from the interpreter all the time.
        return [_entry.decode(entry) for entry in _entries.decode(content.entries)]
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        _log.warning("The cache of headers %s is damaged: it is made again (%s)", file, error)
        return []
