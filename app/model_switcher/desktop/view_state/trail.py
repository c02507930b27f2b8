"""Five minutes of memory: what was read, second by second."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from model_switcher.desktop.view_state.shares import shares
from model_switcher.domain.owners import OwnerKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model_switcher.domain.snapshot import Snapshot

SPAN = 300.0
"""Seconds that are shown."""
GAP = 5.0
"""Seconds without a reading after which the line breaks: the computer slept, or the driver did not answer."""


@dataclass(frozen=True, slots=True)
class Point:
    """One reading: when (seconds since the epoch), and the parts of all memory (0.0–1.0) that others and we held."""

    time: float
    others: float
    ours: float


class Trail:
    """Keeps the readings of the last five minutes."""

    def __init__(self) -> None:
        self._points: deque[Point] = deque()

    def record(self, snapshot: Snapshot) -> None:
        """Adds the reading of `snapshot`, if it is a new one."""
        readings, known = snapshot.readings, shares(snapshot)
        if readings is None or not known.splits or readings.time == self.end:
            return
        if self.end is not None and readings.time < self.end:  # the clock was set back
            self._points.clear()
        total = sum(one.total for one in known.splits)
        ours = known.of(OwnerKind.SERVER)
        self._points.append(Point(readings.time, (known.used - ours) / total, ours / total))
        while self._points[0].time < readings.time - SPAN:
            self._points.popleft()

    def runs(self) -> Iterator[tuple[Point, ...]]:
        """The readings from the oldest on, in runs without a gap."""
        run: list[Point] = []
        for before, point in pairwise((None, *self._points)):
            assert point is not None  # only the first of all is
            if before is not None and point.time - before.time > GAP:
                yield tuple(run)
                run = []
            run.append(point)
        if run:
            yield tuple(run)

    @property
    def end(self) -> float | None:
        """When the last reading was; None before the first."""
        return self._points[-1].time if self._points else None
