"""The last lines that the engines wrote."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line: when (seconds since the epoch), of which model's server, what."""

    time: float
    model: str
    text: str


class LogRing:
    """The last `capacity` lines of all servers. Lives on the runtime's loop."""

    def __init__(self, capacity: int = 20_000) -> None:
        self._lines: deque[LogLine] = deque(maxlen=capacity)
        self._listeners: list[Callable[[LogLine], None]] = []

    def add(self, line: LogLine) -> None:
        self._lines.append(line)
        for listener in tuple(self._listeners):
            listener(line)

    def lines(self, model: str | None = None) -> list[LogLine]:
        """The lines kept, oldest first, of one model's servers or of all."""
        return [line for line in self._lines if model is None or line.model == model]

    def subscribe(self, listener: Callable[[LogLine], None]) -> Callable[[], None]:
        """Call `listener` with every further line; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)
