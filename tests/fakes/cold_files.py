"""Files that do, or do not, lie in the page cache."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path


def write_random(path: Path, size: int) -> Path:
    """A file of random bytes, on the disk and in the cache."""
    data = random.Random(1).randbytes(min(size, 2**20))  # noqa: S311 - to be the same each time
    with path.open("wb") as file:
        for start in range(0, size, len(data)):
            file.write(data[: size - start])
        file.flush()
        os.fsync(file.fileno())
    return path


def forget(path: Path) -> None:
    """Drop a file, which nobody has open or mapped, from the page cache where the system lets us."""
    if sys.platform == "linux":
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
