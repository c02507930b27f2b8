"""Whether a process is still the one that was meant: a pid alone may have been given to another."""

from __future__ import annotations

import psutil

# The system derives creation times from its clock, so they move a little when that is set.
_SAME_CREATION_SECONDS = 2.0


def process_created(pid: int) -> float | None:
    """Creation time of a process, seconds since the epoch; None if it does not run or cannot be asked.

    A zombie does not run: it only waits for its parent to read its exit code.
    """
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except (psutil.Error, ValueError):
        return None


def is_same_process(pid: int, created: float) -> bool:
    """Whether the process that was created then under that pid still runs."""
    actual = process_created(pid)
    return actual is not None and abs(actual - created) < _SAME_CREATION_SECONDS
