"""Reads headers in the background, a few at a time, and keeps what they said."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING

from model_switcher.domain.catalog import Reject, Rejected
from model_switcher.engine.background import in_thread
from model_switcher.engine.library.index import Index, Known, key_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from model_switcher.engine.catalog.facts import Facts
    from model_switcher.engine.catalog.walk import Candidate
    from model_switcher.engine.library.keeper import Pace
    from model_switcher.engine.library.port import Reader

    _Outcome = Facts | Rejected
    _Read = Callable[[Candidate], _Outcome]
    _Answered = Callable[[asyncio.Future[list[_Outcome]]], Awaitable[list[_Outcome]]]

# A beginning is read, or remembered, so many times faster than a whole header.
_QUICKER = 16
_log = logging.getLogger(__name__)


class Reading:
    """Headers of all stores. It belongs to the library's loop.

    Args:
        reader: Reads them.
        pace: How many at once, and how long one that hangs keeps the others waiting.
        on_learnt: Called after each few.
    """

    def __init__(self, reader: Reader, pace: Pace, on_learnt: Callable[[], None]) -> None:
        self.known = Known()
        self._reader = reader
        self._pace = pace
        self._on_learnt = on_learnt
        self._turn = asyncio.Lock()
        self._unsaved = False

    async def read(self, files: Sequence[Candidate], answered: _Answered) -> None:
        """Read what is not known of these files: first all beginnings, which say the most, then whole headers.

        Args:
            files: Files of one store.
            answered: Waits for what is asked of that store.
        """
        known = self.known
        new = [one for one in files if key_of(one) not in known.first]
        await self._each(self._reader.quick, new, _QUICKER * self._pace.batch, answered)
        rest = [one for one in files if key_of(one) not in known.outcomes]
        await self._each(self._reader.full, rest, self._pace.batch, answered)
        self._unsaved = True

    async def save(self, index: Index) -> None:
        """Keep what was learnt for the next start, if anything was, and forget files that are gone."""
        if self._unsaved:
            self._unsaved = False
            self.known.keep(index)
            await in_thread(self._reader.save, "save headers")

    async def _each(self, read: _Read, files: Sequence[Candidate], many: int, answered: _Answered) -> None:
        for start in range(0, len(files), many):
            batch = files[start : start + many]
            turn = await self._take_turn()
            try:
                outcomes = await answered(in_thread(partial(_read_all, read, batch), "read headers"))
            finally:
                turn.release()
            for candidate, outcome in zip(batch, outcomes, strict=True):
                self._learn(candidate, outcome, whole=read == self._reader.full)
            self._on_learnt()

    async def _take_turn(self) -> asyncio.Lock:
        """One store reads at a time, for the interpreter's sake; but one that hangs does not keep others waiting."""
        turn = self._turn
        try:
            async with asyncio.timeout(self._pace.patience):
                await turn.acquire()
        except TimeoutError:
            if self._turn is turn:
                self._turn = asyncio.Lock()
            return await self._take_turn()
        return turn

    def _learn(self, candidate: Candidate, outcome: _Outcome, *, whole: bool) -> None:
        key, known = key_of(candidate), self.known
        known.first[key] = outcome
        if isinstance(outcome, Rejected):
            known.outcomes[key] = outcome
            known.last.pop(candidate.path, None)
        elif whole or outcome.complete:
            known.outcomes[key] = outcome
            known.last[candidate.path] = outcome


def _read_all(read: _Read, files: Sequence[Candidate]) -> list[_Outcome]:
    return [_outcome(read, file) for file in files]


def _outcome(read: _Read, file: Candidate) -> _Outcome:
    try:
        return read(file)
    except Exception as error:  # noqa: BLE001 - one file that nobody thought of must not cost the user all others
        _log.exception("Reading the header of %s failed", file.path)
        reason = f"reading its header failed unexpectedly: {type(error).__name__}"
        return Rejected(path=file.path, code=Reject.DAMAGED, reason=reason)
