"""What part of a file lies in the system's page cache, and so need not come from the disk.

Linux tells by `mincore(2)`. Elsewhere nobody is asked: it is None, and what was loaded before decides.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import sys
from typing import TYPE_CHECKING

from model_switcher.engine.background import in_background

if TYPE_CHECKING:
    from collections.abc import Iterable

WINDOW = 1024**2  # a multiple of every system's page and of `mmap.ALLOCATIONGRANULARITY`
_MOST_WINDOWS = 256
_HALF = 0.5


async def is_cold(files: Iterable[str]) -> bool | None:
    """Whether less than half of these files lies in the page cache; None where the system does not tell.

    Looked at in the background: a drive may be slow to answer.
    """
    part = await in_background(cached_part, tuple(files))
    return None if part is None else part < _HALF


def cached_part(files: Iterable[str]) -> float | None:
    """The part of these files, 0.0–1.0, that lies in the page cache; None where the system does not tell.

    At most 256 windows of 1 MiB are looked at in each file, spread over it evenly: of 100 GiB as of 256 MiB.
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
        start: Where the window begins, a multiple of `WINDOW`.
        length: Its bytes.

    Raises:
        OSError: It cannot be mapped.
    """
    pages = _resident(descriptor, start, length)
    return None if pages is None else all(pages)


def _cached_part(descriptor: int, size: int) -> float | None:
    windows = -(-size // WINDOW)
    step = max(1, windows // _MOST_WINDOWS)
    seen = cached = 0
    for number in range(0, windows, step):
        start = number * WINDOW
        pages = _resident(descriptor, start, min(WINDOW, size - start))
        if pages is None:
            return None
        seen += len(pages)
        cached += sum(pages)
    return cached / seen if seen else None


if sys.platform == "linux":
    _libc = ctypes.CDLL(None, use_errno=True)
    _libc.mincore.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)

    def _resident(descriptor: int, start: int, length: int) -> list[bool] | None:
        """Page by page. A file that is neither ours nor ours to write to is not told about: mincore(2)."""
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid() and not os.access(f"/proc/self/fd/{descriptor}", os.W_OK):
            return None
        pages = (ctypes.c_ubyte * -(-length // mmap.PAGESIZE))()
        # Private and so writable, for ctypes to take its address; nothing is touched.
        with mmap.mmap(descriptor, length, access=mmap.ACCESS_COPY, offset=start) as window:
            address = ctypes.c_ubyte.from_buffer(window)
            failed = _libc.mincore(ctypes.addressof(address), length, pages)
            del address
        if failed:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return [bool(page & 1) for page in pages]

else:

    def _resident(descriptor: int, start: int, length: int) -> list[bool] | None:
        del descriptor, start, length
        return None
