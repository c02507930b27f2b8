"""Reads headers in the background, a few at a time, and keeps what they said."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from model_switcher.domain.catalog import Rejected
from model_switcher.engine.background import in_spare_thread
from model_switcher.engine.catalog.headers import guarded, is_passing
from model_switcher.engine.library.index import Index, Known, key_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from model_switcher.engine.catalog.facts import Facts
    from model_switcher.engine.catalog.walk import Candidate
    from model_switcher.engine.header_process.process import HeaderProcess
    from model_switcher.engine.library.keeper import Pace
    from model_switcher.engine.library.port import Reader

    _Outcome = Facts | Rejected
    _Outcomes = asyncio.Future[list[_Outcome]]
    _Answered = Callable[[_Outcomes], Awaitable[list[_Outcome]]]

# A beginning is read, or remembered, so many times faster than a whole header.
_QUICKER = 16
# To start a process takes as long as reading some five headers.
_FEW = 8


class Reading:
    """Headers of all stores. It belongs to the library's loop.

    Args:
        reader: Reads them.
        process: Reads whole headers where there are many; None to read them all in threads.
        pace: How many at once, and how long one that hangs keeps the others waiting.
        on_learnt: Called after each few.
    """

    def __init__(
        self, reader: Reader, process: HeaderProcess | None, pace: Pace, on_learnt: Callable[[], None]
    ) -> None:
        self.known = Known()
        self._reader = reader
        self._process = process
        self._pace = pace
        self._on_learnt = on_learnt
        self._turn = asyncio.Lock()
        self._elsewhere: set[asyncio.Task[list[_Outcome]]] = set()
        self._unsaved = False

    async def recall(self, entries: Iterable[Candidate | Rejected]) -> None:
        """Learn what is remembered of files from before, without looking at them."""
        known = self.known.outcomes
        new = [entry for entry in entries if not isinstance(entry, Rejected) and key_of(entry) not in known]
        remembered = await in_spare_thread(lambda: [self._reader.known(one) for one in new])
        for candidate, outcome in zip(new, remembered, strict=True):
            if outcome is not None:
                self._learn(candidate, outcome, whole=True)

    async def read(self, files: Sequence[Candidate], answered: _Answered) -> None:
        """Read what is not known of these files: first all beginnings, which say the most, then whole headers.

        Args:
            files: Files of one store.
            answered: Waits for what is asked of that store.
        """
        known, pace = self.known, self._pace
        new = [one for one in files if key_of(one) not in known.first]
        quick = partial(self._in_thread, self._reader.quick)
        await self._each(quick, new, _QUICKER * pace.batch, answered, whole=False)
        rest = [one for one in files if key_of(one) not in known.outcomes]
        apart = self._process is not None and len(rest) > _FEW
        full = self._in_process if apart else partial(self._in_thread, self._reader.full)
        await self._each(full, rest, pace.batch, answered, whole=True)
        self._unsaved = True

    async def save(self, index: Index) -> None:
        """Keep what was learnt for the next start, if anything was, and forget files that are gone."""
        if self._unsaved:
            self._unsaved = False
            self.known.keep(index)
            await in_spare_thread(self._reader.save)

    def doubt(self) -> None:
        """Have files read again that could not be read: a permission may have been given meanwhile."""
        known = self.known
        known.outcomes = {key: one for key, one in known.outcomes.items() if not is_passing(one)}
        known.first = {key: one for key, one in known.first.items() if not is_passing(one)}

    async def close(self) -> None:
        """End what still reads; threads are left to themselves."""
        for task in self._elsewhere:
            task.cancel()
        await asyncio.gather(*self._elsewhere, return_exceptions=True)
        if self._process is not None:
            await self._process.close()

    async def _each(
        self,
        read: Callable[[Sequence[Candidate]], _Outcomes],
        files: Sequence[Candidate],
        many: int,
        answered: _Answered,
        *,
        whole: bool,
    ) -> None:
        for start in range(0, len(files), many):
            batch = files[start : start + many]
            turn = await self._take_turn()
            try:
                outcomes = await answered(read(batch))
            finally:
                turn.release()
            for candidate, outcome in zip(batch, outcomes, strict=True):
                self._learn(candidate, outcome, whole=whole)
            self._on_learnt()

    def _in_thread(self, read: Callable[[Candidate], _Outcome], files: Sequence[Candidate]) -> _Outcomes:
        return in_spare_thread(lambda: [guarded(read, file) for file in files])

    def _in_process(self, files: Sequence[Candidate]) -> _Outcomes:
        task = asyncio.create_task(self._read_elsewhere(files), name="read headers")
        self._elsewhere.add(task)
        task.add_done_callback(self._elsewhere.discard)
        return task

    async def _read_elsewhere(self, files: Sequence[Candidate]) -> list[_Outcome]:
        assert self._process is not None
        outcomes = await self._process.read([file.path for file in files])
        left = [file for file, outcome in zip(files, outcomes, strict=True) if outcome is None]
        read = iter(await self._in_thread(self._reader.full, left) if left else ())
        merged: list[_Outcome] = []
        for file, outcome in zip(files, outcomes, strict=True):
            if outcome is not None:
                self._reader.keep(file, outcome)
            merged.append(outcome or next(read))
        return merged

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
