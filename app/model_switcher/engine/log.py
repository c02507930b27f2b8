"""The last lines that the engines wrote."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

KEPT_LINES = 100_000
KEPT_CHARACTERS = 32 * 1024 * 1024


class LogLine(msgspec.Struct, frozen=True, gc=False):
    """One line: when (seconds since the epoch), of which model's server, what.

    Of a kind that Python's garbage collector need not look at: to look at a hundred thousand takes it 0.1 s.
    """

    time: float
    model: str
    text: str


@dataclass(frozen=True, slots=True)
class LogPage:
    """Lines in a row, oldest first. Lines are counted from the start of the program: `first` is the first one's number."""

    first: int
    lines: list[LogLine]

    @property
    def end(self) -> int:
        """The number of the line after them."""
        return self.first + len(self.lines)


class LogRing:
    """The last lines of all servers, as many as there is room for. Lives on the runtime's loop.

    Args:
        capacity: Lines.
        characters: Of all lines together.
    """

    def __init__(self, capacity: int = KEPT_LINES, characters: int = KEPT_CHARACTERS) -> None:
        self._capacity, self._characters = capacity, characters
        self._lines: deque[LogLine] = deque()
        self._first = 0
        self._size = 0
        self._listeners: list[Callable[[LogLine], None]] = []
        self._waiting: list[asyncio.Future[None]] = []

    def add(self, line: LogLine) -> None:
        self._lines.append(line)
        self._size += len(line.text)
        while len(self._lines) > self._capacity or self._size > self._characters:
            self._size -= len(self._lines.popleft().text)
            self._first += 1
        for listener in tuple(self._listeners):
            listener(line)
        if self._waiting:
            self._wake()

    def lines(self, model: str | None = None) -> list[LogLine]:
        """The lines kept, oldest first, of one model's servers or of all."""
        return [line for line in self._lines if model is None or line.model == model]

    def tail(self, model: str, count: int) -> list[LogLine]:
        """The last `count` lines of one model's servers, oldest first."""
        newest = (line for line in reversed(self._lines) if line.model == model)
        return list(islice(newest, count))[::-1]

    async def after(self, number: int) -> LogPage:
        """All lines from that number on which are kept; waits until there is one."""
        while self._first + len(self._lines) <= number:
            more = asyncio.get_running_loop().create_future()
            self._waiting.append(more)
            await more
        count = self._first + len(self._lines) - max(number, self._first)
        # From the end: a live view asks for a few of the newest, and a deque is walked to reach its middle.
        return LogPage(max(number, self._first), list(islice(reversed(self._lines), count))[::-1])

    def subscribe(self, listener: Callable[[LogLine], None]) -> Callable[[], None]:
        """Call `listener` with every further line; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)
