"""Reads headers in a process of its own: started when there is work, ended when there is none, replaced when it breaks."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import TYPE_CHECKING

from model_switcher.domain.catalog import Reject, Rejected
from model_switcher.engine.header_process.limits import Limits
from model_switcher.engine.header_process.worker import HeaderWorker, WorkerEndedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model_switcher.engine.catalog.facts import Facts

    _Outcome = Facts | Rejected

VERB = "--read-headers"
_LAST_SECONDS = 2.0
_log = logging.getLogger(__name__)


def command() -> tuple[str, ...]:
    """What starts it. A frozen program has no `python -m`: it starts itself."""
    if getattr(sys, "frozen", False):
        return (sys.executable, VERB)
    return (sys.executable, "-m", "model_switcher.engine.header_process")


class HeaderProcess:
    """Belongs to the loop of the thread that outlives all child processes.

    Args:
        program: What starts the process.
        limits: What it may take.
    """

    def __init__(self, program: Sequence[str] | None = None, limits: Limits | None = None) -> None:
        self._program = program or command()
        self._limits = limits or Limits()
        self._idle: list[HeaderWorker] = []
        self._busy: set[HeaderWorker] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._suspects: set[str] = set()
        self._crashes = 0
        self._usable = True

    @property
    def pids(self) -> list[int]:
        """Those that run."""
        return [worker.pid for worker in (*self._idle, *self._busy)]

    async def read(self, paths: Sequence[str]) -> list[_Outcome | None]:
        """What the headers of these files say, in their order; None for those that have to be read in another way.

        A file at which the process ends twice is rejected, one that makes it take too much at once.
        """
        outcomes: list[_Outcome | None] = []
        while len(outcomes) < len(paths) and (worker := await self._worker()) is not None:
            try:
                for path in paths[len(outcomes) :]:
                    outcomes.append(await worker.read(path, self._limits))
                    self._crashes = 0
            except WorkerEndedError as error:
                outcomes += self._blame(paths[len(outcomes)], error)
            else:
                self._idle.append(worker)
            finally:  # also when nobody waits any more: its next answer would be taken for another one's
                self._busy.discard(worker)
                if worker not in self._idle:
                    self._end(worker)
                self._end_when_idle()
        return [*outcomes, *[None] * (len(paths) - len(outcomes))]

    async def close(self) -> None:
        """End what runs; from now on nothing is read here."""
        self._usable = False
        if self._timer is not None:
            self._timer.cancel()
        for worker in (*self._idle, *self._busy):
            self._end(worker)
        self._idle.clear()
        while self._ending:
            await asyncio.gather(*self._ending)

    async def _worker(self) -> HeaderWorker | None:
        """One that has nothing to do; None if there can be none."""
        while self._usable and self._idle:
            worker = self._idle.pop()
            if not worker.exited.done():
                self._busy.add(worker)
                return worker
            self._end(worker)
        if not self._usable or len(self._busy) >= self._limits.workers:
            return None
        try:
            worker = await HeaderWorker.start(self._program)
        except OSError as error:
            self._give_up(f"it could not be started: {error}")
            return None
        self._busy.add(worker)
        ready = False
        try:
            await worker.greet(self._limits)
            ready = self._usable
        except WorkerEndedError as error:
            self._give_up(f"the process {error}")
        finally:
            if not ready:
                self._busy.discard(worker)
                self._end(worker)
        return worker if ready else None

    def _blame(self, path: str, error: WorkerEndedError) -> list[_Outcome]:
        """What to say of a file at which a process ended; nothing yet if it may have been by chance."""
        if not error.greedy:
            self._crashes += 1
            if self._crashes >= self._limits.crashes:
                self._give_up(f"{self._crashes} times in a row it {error}")
                return []
            if path not in self._suspects:
                self._suspects.add(path)
                return []
        _log.error("Reading the header of %s %s", path, error)
        return [Rejected(path=path, code=Reject.UNREADABLE, reason=f"reading its header {error}")]

    def _give_up(self, why: str) -> None:
        if self._usable:
            _log.warning("Headers are not read in a process of their own any more: %s", why)
        self._usable = False

    def _end_when_idle(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._idle:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._limits.idle, self._end_idle)

    def _end_idle(self) -> None:
        workers, self._idle = self._idle, []
        for worker in workers:
            self._end(worker, _LAST_SECONDS)

    def _end(self, worker: HeaderWorker, seconds: float = 0.0) -> None:
        task = asyncio.create_task(worker.end(seconds), name="end of reading headers")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
