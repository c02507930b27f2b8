"""How busy other programs keep the processor, by psutil."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from model_switcher.engine.readings.server_processes import Taken

_SHORTEST = 0.5  # seconds; the system counts in hundredths


class Processor:
    """Compares what all processors did since the last reading with what our servers did.

    Args:
        clock: Seconds of a clock that never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._count = os.cpu_count() or 1
        self._read_at: float | None = None
        self._busy = 0.0
        self._servers: dict[int, float] = {}
        self._share: float | None = None

    def others(self, servers: Mapping[int, Taken]) -> float | None:
        """Percent of all processors that programs other than those servers kept busy, 0–100.

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
        ours = {pid: taken.seconds for pid, taken in servers.items()}
        if self._read_at is not None:
            own = sum(seconds - self._servers.get(pid, seconds) for pid, seconds in ours.items())
            share = 100 * (busy - self._busy - own) / (self._count * (now - self._read_at))
            self._share = min(100.0, max(0.0, share))
        self._read_at, self._busy, self._servers = now, busy, ours
        return self._share
