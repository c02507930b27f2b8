"""Whether the system killed a process because memory ran out: by what Linux counts, and what its kernel says.

Other systems do not tell, nor does a Linux that hides both.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from pathlib import Path

_COUNTER = re.compile(r"^oom_kill (\d+)$", re.MULTILINE)
_LONGEST_RECORD = 8192  # of /dev/kmsg: the kernel's own limit


class OomWatch:
    """What the counters said when it was made, for a process that has just been started.

    Args:
        pid: The process.
        root: Where /proc, /sys and /dev lie.
    """

    def __init__(self, pid: int, *, root: Path = Path("/")) -> None:
        self._pid = pid
        self._root = root
        self._files = _counters(pid, root) if sys.platform == "linux" else []
        self._before = list(map(_count, self._files))

    def killed(self) -> bool | None:
        """Whether it was killed for lack of memory, once it is gone by SIGKILL; None where nothing tells.

        The kernel's log names the process. The counters are those of its control group, or of the whole system, and
        so count what happened to others in the same moment too.
        """
        if self._files and _kernel_named(self._pid, self._root):
            return True
        pairs = [
            (before, after)
            for before, after in zip(self._before, map(_count, self._files), strict=True)
            if before is not None and after is not None
        ]
        return any(after > before for before, after in pairs) if pairs else None


def _counters(pid: int, root: Path) -> list[Path]:
    """The counter of the process's control group, in either version; else that of the whole system."""
    found: list[Path] = []
    with contextlib.suppress(OSError):
        for line in (root / "proc" / str(pid) / "cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "":
                mounts = (root / "sys/fs/cgroup", root / "sys/fs/cgroup/unified")
                found += [mount / path.lstrip("/") / "memory.events" for mount in mounts]
            elif "memory" in controllers.split(","):
                found.append(root / "sys/fs/cgroup/memory" / path.lstrip("/") / "memory.oom_control")
    usable = [file for file in found if _count(file) is not None]
    return usable or [root / "proc/vmstat"]


def _count(file: Path) -> int | None:
    try:
        match = _COUNTER.search(file.read_text())
    except OSError:
        return None
    return int(match[1]) if match else None


def _kernel_named(pid: int, root: Path) -> bool:
    """Whether the kernel's log, where it may be read, says that it killed this process."""
    wanted = re.compile(rf"Killed process {pid} \(".encode())
    try:
        descriptor = os.open(root / "dev/kmsg", os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return False
    found = False
    try:
        # One record a read, until there is none. A record that was overwritten meanwhile is an error of its own.
        while True:
            try:
                record = os.read(descriptor, _LONGEST_RECORD)
            except BrokenPipeError:
                continue
            if not record:
                break
            found = found or wanted.search(record) is not None
    except OSError:
        pass
    finally:
        os.close(descriptor)
    return found
