"""Which processes our servers started: an engine may be a script, or the child of a launcher."""

from __future__ import annotations

import contextlib
import functools
import math
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from model_switcher.processes import family, process_created

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

# A look through all processes takes milliseconds: soon after a server came, and now and then.
LOOK_SECONDS = 10.0
SOON_SECONDS = 1.0
_MOST_GENERATIONS = 16
_MOST_REMEMBERED = 1000


class Kinship:
    """Finds the server that a process belongs to, and keeps it as long as that process runs, also past the server's end.

    Args:
        clock: Seconds of a clock that never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._servers: set[int] = set()
        self._kin: dict[int, int] = {}
        self._strangers: set[int] = set()
        self._due = math.inf

    def of(self, servers: Collection[int], seen: Iterable[int]) -> dict[int, int]:
        """Pids of what our servers started, each with the server's pid.

        Args:
            servers: Pids of our servers.
            seen: Further pids, of which it has to be known at once.
        """
        now = self._clock()
        self._note(servers, now)
        if now >= self._due:
            for server in servers:
                self._kin.update(dict.fromkeys(_descendants(server), server))
            self._due = now + LOOK_SECONDS if servers else math.inf
        for pid in seen:
            if pid not in self._kin and pid not in self._servers and pid not in self._strangers:
                self._place(pid)
        self._kin = {pid: server for pid, server in self._kin.items() if process_created(pid) is not None}
        return dict(self._kin)

    def _note(self, servers: Collection[int], now: float) -> None:
        if self._servers.issuperset(servers):
            return
        if len(self._servers) + len(self._strangers) > _MOST_REMEMBERED:
            self._servers.clear()
        self._servers.update(servers)
        self._strangers.clear()  # among them may be what the new server started
        self._due = min(self._due, now + SOON_SECONDS)

    def _place(self, pid: int) -> None:
        """Look for a server among the ancestors."""
        parent: int | None = pid
        for _ in range(_MOST_GENERATIONS):
            parent = _parent(parent) if parent else None
            if parent is None:
                break
            if parent in self._servers:
                self._kin[pid] = parent
                return
        self._strangers.add(pid)


def _descendants(pid: int) -> list[int]:
    """All that descend from a process. Linux lists the children of each thread (proc(5)), if it was built to."""
    if not _lists_children():
        return [process.pid for process in family(pid)[1:]]
    found: list[int] = []
    parents = [pid]
    while parents:
        children = _children(parents.pop())
        found += children
        parents += children
    return found


@functools.cache
def _lists_children() -> bool:
    return Path(f"/proc/self/task/{threading.get_native_id()}/children").exists()


def _children(pid: int) -> list[int]:
    """The processes that a process started, as /proc tells."""
    found: list[int] = []
    with contextlib.suppress(OSError, ValueError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):  # a thread that ended
                found += map(int, (task / "children").read_bytes().split())
    return found


def _parent(pid: int) -> int | None:
    try:
        return psutil.Process(pid).ppid()
    except (psutil.Error, OSError, ValueError):
        return None
