"""What part of a file lies in the system's page cache, and so need not come from the disk.

Linux tells by `mincore(2)`. Elsewhere nobody is asked: it is None, and what was loaded before decides.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from model_switcher.engine.background import in_background

if TYPE_CHECKING:
    from collections.abc import Iterable

_LOOK = 64 * 1024  # a multiple of every system's page
_MOST_LOOKS = 256
_HALF = 0.5


async def is_cold(files: Iterable[str]) -> bool | None:
    """Whether less than half of these files lies in the page cache; None where the system does not tell.

    Looked at in the background: a drive may be slow to answer.
    """
    part = await in_background(cached_part, tuple(files))
    return None if part is None else part < _HALF


def cached_part(files: Iterable[str]) -> float | None:
    """The part of these files, 0.0–1.0, that lies in the page cache; None where the system does not tell.

    Some 256 windows of 64 KiB are looked at in each file, spread over it evenly: of 100 GiB as of 16 MiB.
    """
    cached = total = 0.0
    for path in files:
        try:
            with open(path, "rb") as file:  # noqa: PTH123 - the descriptor is what counts
                size = os.fstat(file.fileno()).st_size
                part = _cached_part(file.fileno(), size)
        except OSError:
            return None
        if part is None:
            return None
        cached += part * size
        total += size
    return cached / total if total else None


def window_is_cached(descriptor: int, start: int, length: int) -> bool | None:
    """Whether every page of a window of a file lies in the page cache; None where the system does not tell.

    Args:
        descriptor: An open file.
        start: Where the window begins, a multiple of `mmap.ALLOCATIONGRANULARITY`.
        length: Its bytes.

    Raises:
        OSError: It cannot be mapped.
    """
    counted = _resident(descriptor, start, length, windows=[(0, length)])
    return None if counted is None else counted.cached == counted.pages


def _cached_part(descriptor: int, size: int) -> float | None:
    if not size:
        return None
    windows = -(-size // _LOOK)
    step = max(1, windows // _MOST_LOOKS)
    starts = range(0, size, step * _LOOK)
    counted = _resident(descriptor, 0, size, windows=[(start, min(_LOOK, size - start)) for start in starts])
    return None if counted is None else counted.cached / counted.pages


class _Counted(NamedTuple):
    cached: int
    pages: int


if sys.platform == "linux":
    _libc = ctypes.CDLL(None, use_errno=True)
    _libc.mmap.argtypes = (
        ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_longlong,
    )  # fmt: skip
    _libc.mmap.restype = ctypes.c_void_p
    _libc.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)
    _libc.mincore.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
    _MAP_FAILED = ctypes.c_void_p(-1).value

    def _resident(
        descriptor: int, start: int, length: int, *, windows: Iterable[tuple[int, int]]
    ) -> _Counted | None:
        """The pages of those windows, each given from `start` on.

        A file that is neither ours nor ours to write to is not told about: mincore(2).
        """
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid() and not os.access(f"/proc/self/fd/{descriptor}", os.W_OK):
            return None
        # Python's own mmap does not give its address where it may not be written to. Nothing is touched.
        address = _libc.mmap(None, length, mmap.PROT_READ, mmap.MAP_SHARED, descriptor, start)
        if address == _MAP_FAILED:
            raise _last_error()
        cached = pages = 0
        try:
            for offset, size in windows:
                told = (ctypes.c_ubyte * -(-size // mmap.PAGESIZE))()
                if _libc.mincore(address + offset, size, told):
                    raise _last_error()
                cached += sum(page & 1 for page in bytes(told))
                pages += len(told)
        finally:
            _libc.munmap(address, length)
        return _Counted(cached, pages)

    def _last_error() -> OSError:
        return OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

else:

    def _resident(
        descriptor: int, start: int, length: int, *, windows: Iterable[tuple[int, int]]
    ) -> _Counted | None:
        del descriptor, start, length, windows
        return None
