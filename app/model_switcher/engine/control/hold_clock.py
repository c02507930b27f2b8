"""The time that counts towards a request's wait: it stands still while what it waits for makes progress."""

from __future__ import annotations

import time


class HoldClock:
    """Seconds of a clock that can be stopped."""

    def __init__(self) -> None:
        self._counted = 0.0
        self._running_since: float | None = time.monotonic()

    @property
    def runs(self) -> bool:
        return self._running_since is not None

    def now(self) -> float:
        """Seconds counted so far."""
        if self._running_since is None:
            return self._counted
        return self._counted + time.monotonic() - self._running_since

    def run(self, *, running: bool) -> bool:
        """Let it run, or stop it; whether that changed anything."""
        if running == self.runs:
            return False
        self._counted = self.now()
        self._running_since = time.monotonic() if running else None
        return True
