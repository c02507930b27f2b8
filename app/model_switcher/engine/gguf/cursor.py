"""Reading a file front to back, through one small buffer, without ever trusting it.

The file is not mapped into memory: a mapped file that another program cuts short kills the process that reads it.
"""

from __future__ import annotations

import functools
import os
import stat
import struct
import sys
from typing import TYPE_CHECKING

from model_switcher.domain.reject import Reject
from model_switcher.engine.gguf.header import HeaderError
from model_switcher.engine.gguf.short_strings import AT_ONCE, short_strings

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Final

CHUNK: Final = 256 * 1024
# Of a small model that is the whole header; of all others the vocabulary begins in it.
FIRST: Final = 48 * 1024
# The largest vocabularies take some 30 MiB; what goes on longer is no header.
MAX_HEADER: Final = 256 * 1024**2

_LITTLE: Callable[[bytes, int], tuple[int]] = struct.Struct("<Q").unpack_from
_BIG: Callable[[bytes, int], tuple[int]] = struct.Struct(">Q").unpack_from
# Of numbers in a fixed form there are a dozen; that of an array depends on its length.
_form = functools.lru_cache(32)(struct.Struct)

if sys.platform == "win32":
    # Without O_BINARY a byte 0x1A would end the file.
    _OPEN_FLAGS = os.O_RDONLY | os.O_BINARY | os.O_NOINHERIT

    def _read_at(descriptor: int, count: int, position: int) -> bytes:
        os.lseek(descriptor, position, os.SEEK_SET)
        return os.read(descriptor, count)
else:
    # O_NONBLOCK: opening a FIFO that nobody writes to would wait for ever.
    _OPEN_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    _read_at = os.pread


def open_regular(path: str | os.PathLike[str]) -> tuple[int, int]:
    """A descriptor of the regular file at `path`, to be closed by the caller, and its size in bytes.

    Raises:
        HeaderError: It is a folder, a pipe, a device.
        OSError: It cannot be opened.
    """
    descriptor = os.open(path, _OPEN_FLAGS)
    try:
        return descriptor, _size(descriptor)
    except BaseException:
        os.close(descriptor)
        raise


class Cursor:
    """A position in an open file that moves forward only.

    Every method raises `HeaderError` where the file ends, or the header's limit lies, before what was asked for.
    """

    def __init__(self, descriptor: int, size: int) -> None:
        self.size = size
        self.bytes_read = 0
        self._descriptor = descriptor
        self._base = 0
        self._buffer = b""
        self._offset = 0
        self._order = "<"
        self._unpack_length = _LITTLE

    def set_big_endian(self) -> None:
        """Numbers are read most significant byte first from here on."""
        self._order = ">"
        self._unpack_length = _BIG

    @property
    def position(self) -> int:
        """Bytes from the beginning of the file."""
        return self._base + self._offset

    def peek(self, count: int) -> bytes:
        """The next bytes, `count` of them or as many as there are, without moving."""
        self._require(min(count, self.size - self.position))
        return self._buffer[self._offset : self._offset + count]

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if self._offset + count > len(self._buffer):
            self._require(count)
        start = self._offset
        self._offset = end = start + count
        return self._buffer[start:end]

    def numbers(self, letters: str) -> tuple[int, ...]:
        """Unsigned integers in the form of `struct` letters, unaligned."""
        form = _form(self._order + letters)
        if self._offset + form.size > len(self._buffer):
            self._require(form.size)
        start = self._offset
        self._offset = start + form.size
        return form.unpack_from(self._buffer, start)

    def values(self, letter: str, count: int) -> tuple[bool | int | float, ...]:
        """`count` numbers of one kind."""
        form = f"{self._order}{count}{letter}"
        return struct.unpack(form, self.take(struct.calcsize(form)))

    def length(self) -> int:
        """A length or count of 64 bits."""
        if self._offset + 8 > len(self._buffer):
            self._require(8)
        value: int = self._unpack_length(self._buffer, self._offset)[0]
        self._offset += 8
        return value

    def skip(self, count: int) -> None:
        """Pass over `count` bytes; they are read only if they lie in the buffer already."""
        self._check(self.position + count)
        self._offset += count

    def skip_strings(self, count: int) -> None:
        """Pass over `count` strings. This is where the time goes: a vocabulary has some 100,000 of them."""
        self.check_count(count, 8)
        skip_short = short_strings(count) if self._order == "<" else None
        while count:
            self._require(8)
            if skip_short and count >= AT_ONCE and (end := skip_short(self._buffer, self._offset)):
                self._offset = end
                count -= AT_ONCE
            else:
                count -= self._walk_strings(min(count, AT_ONCE))

    def _walk_strings(self, count: int) -> int:
        """Pass over strings one by one, up to `count` or to the end of the buffer; returns how many."""
        unpack, buffer, offset = self._unpack_length, self._buffer, self._offset
        last = len(buffer) - 8
        passed = 0
        while passed < count and offset <= last:
            offset += 8 + unpack(buffer, offset)[0]
            passed += 1
        self._check(self._base + offset)
        self._offset = offset
        return passed

    def check_count(self, count: int, element_size: int) -> None:
        """Refuse a number of elements that the rest of the file cannot hold."""
        self._check(self.position + count * element_size)

    def _check(self, position: int) -> None:
        if position > MAX_HEADER:
            raise HeaderError(Reject.DAMAGED, "its header has impossible lengths; download it again")
        if position > self.size:
            raise _ended()

    def _require(self, count: int) -> None:
        """Have the next `count` bytes in the buffer."""
        if self._offset + count <= len(self._buffer):
            return
        self._check(self.position + count)
        # The few bytes left in the buffer are read again: cheaper than putting them before the next ones.
        self._base += self._offset
        self._offset = 0
        self._buffer = b""
        while len(self._buffer) < count:
            have = len(self._buffer)
            least = CHUNK if self.bytes_read else min(FIRST, CHUNK)
            part = _read_at(self._descriptor, max(least, count) - have, self._base + have)
            if not part:  # the file became shorter while it was read
                raise _ended()
            self._buffer = self._buffer + part if have else part
            self.bytes_read += len(part)


def _size(descriptor: int) -> int:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise HeaderError(Reject.NOT_A_FILE, "it is not a regular file")
    return status.st_size


def _ended() -> HeaderError:
    return HeaderError(Reject.TRUNCATED, "the file ends in the middle of its header; download it again")
