"""What an engine's log tells of its work: answers as they end, and the size of its context.

The lines are those of llama.cpp b10434, tools/server/server-context.cpp: `print_timings`, `launch_slot_`, `release`
and `load_model`. Older ones write the timings without the slot: then nobody knows whether an answer was alone.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from model_switcher.domain.spill import Generation

if TYPE_CHECKING:
    from collections.abc import Callable

# For how long after an answer its speed is still shown.
FRESH_SECONDS = 10.0
_MOST_KEPT = 256
_SLOT = r"(?:id +(?P<slot>\d+) \| task +-?\d+ \| *)?"
_EVAL = re.compile(_SLOT + r"(?<!prompt )eval time = *(?P<ms>[\d.]+) ms / *(?P<tokens>\d+) ")
_LAUNCH = re.compile(r"id +(\d+) \| task +\d+ \| processing task")
_RELEASE = re.compile(r"id +(\d+) \| task +\d+ \| stop processing: n_tokens = (\d+)")
_CONTEXT = re.compile(r"n_slots = (\d+), n_ctx_slot = (\d+), kv_unified = '(\w+)'")


class EngineReport:
    """Reads one engine's log line by line.

    Args:
        clock: Seconds of a clock that never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.ctx_size: int | None = None
        self._clock = clock
        self._speed: float | None = None
        self._ended_at = 0.0
        self._active: dict[str, bool] = {}
        self._timed: dict[str, tuple[int, float]] = {}
        self._generations: list[Generation] = []

    @property
    def speed(self) -> float | None:
        """Tokens per second of the last answer, as long as another is under way and a little longer."""
        if not self._active and self._clock() - self._ended_at > FRESH_SECONDS:
            return None
        return self._speed

    def take(self) -> tuple[Generation, ...]:
        """The answers that ended since the last call, oldest first."""
        taken, self._generations = tuple(self._generations), []
        return taken

    def hear(self, line: str) -> None:
        """Another line."""
        # Most lines are none of these, and a search for a word is cheap.
        if "eval time" in line:
            self._timing(line)
        elif "processing" in line:
            self._slot(line)
        elif "n_ctx_slot" in line and (match := _CONTEXT.search(line)):
            slots, size = int(match[1]), int(match[2])
            self.ctx_size = size if match[3] == "true" else size * slots
            self._active.clear()

    def _timing(self, line: str) -> None:
        match = _EVAL.search(line)
        if match is None:
            return
        tokens, seconds = int(match["tokens"]), float(match["ms"]) / 1000
        if not tokens or not seconds:
            return
        self._speed, self._ended_at = tokens / seconds, self._clock()
        if match["slot"] is None:
            self._add(Generation(tokens=tokens, seconds=seconds))
        else:
            self._timed[match["slot"]] = tokens, seconds

    def _slot(self, line: str) -> None:
        if match := _LAUNCH.search(line):
            self._active.pop(match[1], None)
            alone = not self._active
            if not alone:
                self._active = dict.fromkeys(self._active, False)
            self._active[match[1]] = alone
        elif match := _RELEASE.search(line):
            alone = self._active.pop(match[1], False)
            timed = self._timed.pop(match[1], None)
            if timed is not None:
                tokens, seconds = timed
                self._add(Generation(tokens=tokens, seconds=seconds, depth=int(match[2]), alone=alone))

    def _add(self, generation: Generation) -> None:
        if len(self._generations) < _MOST_KEPT:
            self._generations.append(generation)
