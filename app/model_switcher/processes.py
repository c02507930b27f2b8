"""Whether a process is still the one that was meant: a pid alone may have been given to another."""

from __future__ import annotations

import os
import sys

import psutil

# Elsewhere the time of day may follow the clock too, which moves a little by itself.
_SAME_SECONDS = 0.0 if sys.platform == "linux" else 2.0


def process_created(pid: int) -> float | None:
    """When a process was created, in seconds; None if it does not run or cannot be asked.

    The figure serves to tell processes of one pid apart. It counts from the epoch; on Linux from the start of the
    system, because there the time of day would follow the clock when that is set, and a process would no longer
    be itself. A zombie does not run: it only waits for its parent to read its exit code.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return _created(process)
    except (psutil.Error, OSError, ValueError):
        return None


def is_same_process(pid: int, created: float) -> bool:
    """Whether the process that was created then under that pid still runs."""
    actual = process_created(pid)
    return actual is not None and abs(actual - created) <= _SAME_SECONDS


if sys.platform == "linux":

    def _created(process: psutil.Process) -> float:
        """`starttime` of proc_pid_stat(5), its 22nd field; the second is a name that may contain anything."""
        with open(f"/proc/{process.pid}/stat", "rb") as file:  # noqa: PTH123 - asked often
            fields = file.read().rpartition(b")")[2].split()
        return int(fields[19]) / os.sysconf("SC_CLK_TCK")

else:

    def _created(process: psutil.Process) -> float:
        return process.create_time()
