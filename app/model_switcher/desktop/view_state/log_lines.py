"""The lines of the log as they are shown: how grave each is, and which pass the filter. Knows no Qt.

Everything is done in steps of some hundred lines, so that whoever shows a hundred thousand can do something else in
between.
"""

from __future__ import annotations

import re
import time
from bisect import bisect_left
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from model_switcher.desktop.language import tr
from model_switcher.desktop.view_state.tones import Tone

if TYPE_CHECKING:
    from collections.abc import Iterable

    from model_switcher.engine.log import LogLine, LogPage

KEPT_LINES = 100_000
SLACK = 5_000
"""Lines beyond those, after which the oldest go: many at once is cheaper than one each time."""
STEP = 500


class LogLevel(IntEnum):
    """How grave a line is."""

    DETAIL = 0
    INFO = 1
    WARNING = 2
    ERROR = 3


_UNKNOWN = 255
_LETTERS = {"D": LogLevel.DETAIL, "T": LogLevel.DETAIL, "I": LogLevel.INFO, "W": LogLevel.WARNING, "E": LogLevel.ERROR}  # fmt: skip
# llama.cpp's own beginning of a line, common/log.cpp: minutes.seconds.milliseconds.microseconds since the start.
_BEGINNING = re.compile(r"^\d+\.\d\d\.\d{3}\.\d{3} ([A-Z]) ")
# Libraries write lines without one.
_GRAVE = re.compile(
    r"error|\b(?:failed|failure|fatal|panic|abort(?:ed|ing)?|exception|terminate called|out of memory|"
    r"segmentation fault|cannot|could not)\b|GGML_ASSERT",
    re.IGNORECASE,
)
_WARNING = re.compile(r"\bwarn(?:ing)?s?\b|\bdeprecated\b", re.IGNORECASE)

_TONES = {
    LogLevel.DETAIL: Tone.DIM,
    LogLevel.INFO: Tone.PLAIN,
    LogLevel.WARNING: Tone.WARNING,
    LogLevel.ERROR: Tone.BAD,
}


def level_of(text: str) -> LogLevel:
    """How grave a line is: by llama.cpp's own letter where it has one, else by its words."""
    beginning = _BEGINNING.match(text)
    if beginning is not None:
        return _LETTERS.get(beginning[1], LogLevel.INFO)
    if _GRAVE.search(text):
        return LogLevel.ERROR
    return LogLevel.WARNING if _WARNING.search(text) else LogLevel.INFO


def level_name(level: LogLevel) -> str:
    """A level in a word, for those who hear it."""
    return {
        LogLevel.DETAIL: tr("detail"),
        LogLevel.INFO: tr("info"),
        LogLevel.WARNING: tr("warning"),
        LogLevel.ERROR: tr("error"),
    }[level]


@dataclass(frozen=True, slots=True)
class LogRow:
    """One line as it is shown: the time of day, the level as a letter and as a tone, the model, and what it says."""

    time: str
    letter: str
    tone: Tone
    level: LogLevel
    model: str
    text: str


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What passes: lines with all these words, anywhere and in either case, that are at least so grave."""

    words: tuple[str, ...] = ()
    least: LogLevel = LogLevel.DETAIL

    @staticmethod
    def of(typed: str, least: LogLevel = LogLevel.DETAIL) -> LogFilter:
        """The filter that somebody typed."""
        return LogFilter(tuple(typed.casefold().split()), least)

    @property
    def is_open(self) -> bool:
        """Whether everything passes."""
        return not self.words and self.least is LogLevel.DETAIL


class LogLines:
    """The last lines, and the numbers of those that pass the filter."""

    def __init__(self, capacity: int = KEPT_LINES, slack: int = SLACK) -> None:
        self._capacity, self._slack = capacity, slack
        self._lines: list[LogLine] = []
        self._levels = bytearray()
        self._first = 0
        self._scanned = 0  # numbers of lines below it have been looked at
        self._filter = LogFilter()
        self.shown: list[int] = []
        self.counts = [0, 0, 0, 0]
        self.models: set[str] = set()
        self.longest = 0

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def end(self) -> int:
        """The number of the next line."""
        return self._first + len(self._lines)

    @property
    def filter(self) -> LogFilter:
        return self._filter

    @property
    def is_behind(self) -> bool:
        """Whether there are lines that have not been looked at."""
        return self._scanned < self.end

    def add(self, page: LogPage) -> None:
        """Take further lines; they are shown after a `step`."""
        if not self._lines:
            self._first = self._scanned = page.first
        self._lines += page.lines
        self._levels += bytes([_UNKNOWN]) * len(page.lines)

    def sift(self, new: LogFilter) -> None:
        """Begin anew with another filter."""
        self._filter = new
        self.shown = []
        self._scanned = self._first
        self.longest = 0

    def step(self, most: int = STEP) -> list[int]:
        """Look at some more lines; the numbers of those that pass. They are not in `shown` until `show` is called."""
        begin = self._scanned - self._first
        end = min(begin + most, len(self._lines))
        words, least, passed = self._filter.words, self._filter.least, []
        for index in range(begin, end):
            line, level = self._lines[index], self._levels[index]
            if level == _UNKNOWN:
                level = self._note(index, line)
            if level >= least and (not words or _has(line, words)):
                passed.append(self._first + index)
                self.longest = max(self.longest, len(line.text))
        self._scanned = self._first + end
        return passed

    def show(self, passed: Iterable[int]) -> None:
        """Put what passed into `shown`."""
        self.shown += passed

    @property
    def surplus(self) -> int:
        """How many of `shown` go with the next `trim`."""
        return bisect_left(self.shown, self._first + self._too_many)

    def trim(self) -> None:
        """Let the oldest lines go where there are too many."""
        count = self._too_many
        if not count:
            return
        del self.shown[: self.surplus]
        for level in self._levels[:count]:
            if level != _UNKNOWN:
                self.counts[level] -= 1
        del self._lines[:count]
        del self._levels[:count]
        self._first += count
        self._scanned = max(self._scanned, self._first)

    def line(self, number: int) -> LogLine:
        """The line of that number."""
        return self._lines[number - self._first]

    def row(self, number: int, names: dict[str, str]) -> LogRow:
        """The line of that number as it is shown; `names` are those of models, for people."""
        line, level = self.line(number), LogLevel(self._levels[number - self._first])
        name = names.get(line.model, line.model) if len(self.models) > 1 else ""
        return LogRow(
            clock(line.time), level.name[0], _TONES[level], level, name, _without_beginning(line.text)
        )

    def last(self, count: int) -> list[LogLine]:
        """The last `count` lines, whether or not they pass."""
        return self._lines[-count:]

    @property
    def _too_many(self) -> int:
        surplus = len(self._lines) - self._capacity
        return surplus if surplus > self._slack else 0

    def _note(self, index: int, line: LogLine) -> int:
        level = self._levels[index] = int(level_of(line.text))
        self.counts[level] += 1
        self.models.add(line.model)
        return level


def clock(seconds: float) -> str:
    """A time of day to the millisecond."""
    whole = int(seconds)
    return f"{time.strftime('%H:%M:%S', time.localtime(whole))}.{int((seconds - whole) * 1000):03}"


def _without_beginning(text: str) -> str:
    beginning = _BEGINNING.match(text)
    return text if beginning is None else text[beginning.end() :]


def _has(line: LogLine, words: tuple[str, ...]) -> bool:
    text = f"{line.model} {line.text}".casefold()
    return all(word in text for word in words)
