"""Time in which nobody can have done anything: the computer slept, the clock was set, or this program was stopped."""

from __future__ import annotations

from time import monotonic

LONGEST_PAUSE = 10.0  # far more than a busy machine keeps anything waiting that looks every second


class Waking:
    """Notices such times by looks that should have come and did not. On some systems the clock runs on in sleep."""

    def __init__(self) -> None:
        self._looked = monotonic()

    def missed(self) -> float:
        """Seconds since the last look, if they were so many that they count for nobody; else 0.0."""
        before, self._looked = self._looked, monotonic()
        pause = self._looked - before
        return pause if pause > LONGEST_PAUSE else 0.0
