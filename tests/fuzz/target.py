"""One execution: reader and catalog on one input, and what must hold whatever the input is."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from fuzz.memory import Memory
from fuzz.parts import ARRAY, parse
from model_switcher.engine.catalog.facts import facts_of, first_facts
from model_switcher.engine.gguf import HeaderError, cursor, read_header
from model_switcher.engine.gguf.beginning import read_beginning
from model_switcher.engine.gguf.short_strings import short_strings

if TYPE_CHECKING:
    from types import TracebackType

    from model_switcher.engine.gguf import Header

MAX_SECONDS = 1.0
MAX_MEMORY = 50 * 1024**2
SMALL_CHUNK = 64


class Finding(Exception):
    """Something the reader must never do."""


def memory_folder(inside: Path | None = None) -> tempfile.TemporaryDirectory[str]:
    """A new folder; unless it is to be inside of another, its files are in memory where the system has such."""
    shared = Path("/dev/shm")  # noqa: S108 - a folder of its own is made there
    return tempfile.TemporaryDirectory(prefix="fuzz-", dir=inside or (shared if shared.is_dir() else None))


class Target:
    """Gives inputs to the reader as a file in memory.

    The first byte of an input is for the file around it: its highest bit makes the reader's buffer small, so that
    small inputs reach its edges; the others let a hole of up to 2^40 zeros follow.
    """

    def __init__(self, inside: Path | None = None) -> None:
        self._folder = memory_folder(inside)
        self._path = Path(self._folder.name, "input.gguf")
        self._file = self._path.open("w+b", buffering=0)
        self._chunk = cursor.CHUNK
        short_strings(1 << 20)  # from now on it is used for few strings, too
        self._memory = Memory()
        self.executions = 0
        self.accepted = 0
        self.slowest = 0.0
        self.most_memory = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        cursor.CHUNK = self._chunk  # type: ignore[misc]
        self._file.close()
        self._memory.close()
        self._folder.cleanup()

    def run(self, data: bytes) -> Header | None:
        """The header, or None for an input that was refused.

        Raises:
            Finding: The reader raised something else, took too long or too much, or misread the input.
        """
        first, contents = (data[0], data[1:]) if data else (0, b"")
        hole = min((1 << (first & 0x7F)) - 1, 1 << 40)
        self._put(contents, hole)
        cursor.CHUNK = SMALL_CHUNK if first & 0x80 else self._chunk  # type: ignore[misc]
        self.executions += 1
        header = self._read()
        if header is not None:
            self.accepted += 1
            if not hole:
                compare(header, contents)
        return header

    def _put(self, contents: bytes, hole: int) -> None:
        self._file.seek(0)
        self._file.truncate(0)
        self._file.write(contents)
        if hole:
            self._file.truncate(len(contents) + hole)

    def _read(self) -> Header | None:
        self._memory.begin()
        begun = time.thread_time()
        try:
            said = read_beginning(self._path)
            if said is not None:
                first_facts(str(self._path), said)
            header = read_header(self._path)
            facts_of(str(self._path), header)
        except (HeaderError, OSError):
            header = None
        seconds = time.thread_time() - begun
        memory = self._memory.most()
        self.slowest = max(self.slowest, seconds)
        self.most_memory = max(self.most_memory, memory)
        if seconds > MAX_SECONDS:
            raise Finding(f"it took {seconds:.2f} s")
        if memory > MAX_MEMORY:
            raise Finding(f"it took {memory / 1024**2:.0f} MiB")
        return header


def compare(header: Header, contents: bytes) -> None:
    """Whether the reader saw what an independent parser sees.

    Raises:
        Finding: It did not.
    """
    parts, whole = parse(contents)
    if not whole:
        raise Finding("it accepted what cannot be parsed")
    names = {key.name.decode("utf-8", "replace") for key in parts.keys}
    arrays = {key.name.decode("utf-8", "replace") for key in parts.keys if key.kind == ARRAY}
    if not header.metadata.keys() | header.arrays.keys() <= names or header.arrays.keys() != arrays:
        raise Finding("it saw other keys")
    ours = [(tensor.name, list(tensor.shape), tensor.type, tensor.offset) for tensor in header.tensors]
    theirs = [(t.name.decode("utf-8", "replace"), t.shape, t.kind, t.offset) for t in parts.tensors]
    if ours != theirs:
        raise Finding("it saw other tensors")
