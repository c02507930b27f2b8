"""What is counted from the start of the instance on: loads by how they ended, restarts, and how long requests waited."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from model_switcher.domain.snapshot import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_switcher.domain.snapshot import Outcome
    from model_switcher.gateway.backend import Backend

# Seconds. Loads take from tens of milliseconds to minutes, waits from nothing to `hold-timeout`.
LOAD_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
WAIT_BOUNDS = (0.001, 0.01, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
# A phase beside the real ones: from the wish to the end.
WHOLE = "all"
SERVED, REFUSED, LEFT = "served", "refused", "left"


class Histogram:
    """How many values were at most as large as each bound, and their sum.

    Args:
        bounds: In ascending order.
    """

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Tally:
    """Counts for one gateway."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._forget: Callable[[], None] = lambda: None
        self.loads: defaultdict[tuple[str, str, str], Histogram] = defaultdict(lambda: Histogram(LOAD_BOUNDS))
        self.waits: defaultdict[str, Histogram] = defaultdict(lambda: Histogram(WAIT_BOUNDS))
        self.restarts: Counter[str] = Counter()

    def begin(self) -> None:
        """Hear of loads from now on."""
        self._forget = self._backend.subscribe_outcomes(self._note)

    def end(self) -> None:
        """Hear of them no more."""
        self._forget()
        self._forget = lambda: None

    def waited(self, seconds: float, how: str) -> None:
        """A request passed the gate after so many seconds, or did not: `SERVED`, `REFUSED` or `LEFT`."""
        self.waits[how].add(seconds)

    def _note(self, outcome: Outcome) -> None:
        for phase, seconds in (*outcome.phases.items(), (WHOLE, outcome.seconds)):
            self.loads[phase, outcome.result.value, outcome.reason.value].add(seconds)
        if outcome.reason is Reason.RESTART:
            self.restarts[outcome.target] += 1
