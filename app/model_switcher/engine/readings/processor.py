"""How busy other programs keep the processor, by psutil."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_SHORTEST = 0.5  # seconds; the system counts in hundredths


class Processor:
    """Compares what all processors did since the last reading with what our servers did.

    Args:
        clock: Seconds of a clock that never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._read_at: float | None = None
        self._busy = 0.0
        self._servers: dict[int, float] = {}
        self._share: float | None = None

    def others(self, servers: Iterable[int]) -> float | None:
        """Percent of all processors that programs other than the processes `servers` kept busy, 0–100.

        None at first, and where the system does not tell.
        """
        now = self._clock()
        if self._read_at is not None and now - self._read_at < _SHORTEST:
            return self._share
        try:
            times = psutil.cpu_times()
        except (OSError, psutil.Error):
            return None
        idle = times.idle + getattr(times, "iowait", 0.0)
        # On Linux a guest's time is in `user` too.
        busy = sum(times) - idle - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        ours = {pid: seconds for pid in servers if (seconds := _seconds(pid)) is not None}
        if self._read_at is not None:
            processors = (psutil.cpu_count() or 1) * (now - self._read_at)
            own = sum(ours[pid] - self._servers.get(pid, ours[pid]) for pid in ours)
            share = 100 * (busy - self._busy - own) / processors
            self._share = min(100.0, max(0.0, share))
        self._read_at, self._busy, self._servers = now, busy, ours
        return self._share


def _seconds(pid: int) -> float | None:
    """Processor time of a process."""
    with contextlib.suppress(psutil.Error, OSError):
        times = psutil.Process(pid).cpu_times()
        return times.user + times.system
    return None
