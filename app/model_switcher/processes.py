"""Processes by pid: whether one is still the one that was meant, and the end of it with all that it started."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable

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


def family(pid: int) -> list[psutil.Process]:
    """A process and all that descend from it; empty if it does not run, or cannot be asked."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def kill(processes: Iterable[psutil.Process]) -> None:
    """Kill them all; what is gone already, or has become another user's, is no error."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()


if sys.platform == "linux":

    def _created(process: psutil.Process) -> float:
        """`starttime` of proc_pid_stat(5), its 22nd field; the second is a name that may contain anything."""
        with open(f"/proc/{process.pid}/stat", "rb") as file:  # noqa: PTH123 - asked often
            fields = file.read().rpartition(b")")[2].split()
        return int(fields[19]) / os.sysconf("SC_CLK_TCK")

else:

    def _created(process: psutil.Process) -> float:
        return process.create_time()
