"""Reads the file of the model that comes next into the page cache, while there is memory that nobody needs.

An engine then loads at the speed of main memory instead of that of the disk. What is read is nobody's memory: the
system takes it back as soon as a program asks for some.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
from typing import TYPE_CHECKING

import psutil

from model_switcher.domain.snapshot import WarmUpView
from model_switcher.domain.units import GIB, MIB
from model_switcher.engine.background import in_thread
from model_switcher.engine.low_priority import read_last
from model_switcher.engine.page_cache import cached_part, window_is_cached
from model_switcher.engine.readings.ram import read_ram
from model_switcher.processes import family

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from model_switcher.domain.catalog import Model
    from model_switcher.domain.memory import Ram

CHUNK = 4 * MIB
LOOK_BYTES = 64 * MIB  # between two looks at main memory
TELL_SECONDS = 0.2
LEAST_RESERVE = 2 * GIB
RESERVED_PART = 0.1  # of main memory
AGAIN_SECONDS = 60.0  # a pointer that hovers here and there must not read a file again and again
_ALL_BUT_ALL = 0.99

_log = logging.getLogger(__name__)


def reserve(ram: Ram) -> int:
    """Bytes of main memory that a warm-up leaves alone: 2 GiB or a tenth, whichever is more."""
    return max(LEAST_RESERVE, int(ram.total * RESERVED_PART))


class WarmUp:
    """Reads one model ahead at a time. Lives on the runtime's loop.

    Args:
        enabled: The setting `[memory] warm-up`.
        pids: The engines that run: what they have mapped counts as free, and must not be pushed out.
        on_change: Told what is read ahead and how far, a few times a second; None when nothing is any more.
        ram: Reads main memory; called in a thread.
    """

    def __init__(
        self,
        *,
        enabled: bool,
        pids: Callable[[], Iterable[int]],
        on_change: Callable[[WarmUpView | None], None],
        ram: Callable[[], Ram | None] = read_ram,
    ) -> None:
        self.enabled = enabled
        self._pids = pids
        self._on_change = on_change
        self._ram = ram
        self._job: _Job | None = None
        self._warmed: tuple[str, float] | None = None

    @property
    def state(self) -> WarmUpView | None:
        """What is read ahead now."""
        return self._job.view if self._job is not None else None

    def begin(self, model: Model) -> None:
        """Read this model ahead instead of any other. Nothing happens if that is switched off, under way or just done."""
        if not self.enabled or (self._job is not None and self._job.view.model == model.id):
            return
        self.cancel()
        if self._warmed is not None and self._warmed[0] == model.id and time.monotonic() < self._warmed[1]:
            return
        job = _Job(model, tuple(self._pids()), self._ram, on_change=self._moved)
        self._job = job
        in_thread(job.run, name=f"warm-up {model.id}").add_done_callback(lambda done: self._ended(job, done))

    def cancel(self) -> None:
        """Stop reading ahead: whenever an engine is started, and when nobody wants the model any more."""
        if self._job is not None:
            self._job.cancel()
            self._job = None
            self._on_change(None)

    def _moved(self, job: _Job) -> None:
        if job is self._job:
            self._on_change(job.view)

    def _ended(self, job: _Job, done: asyncio.Future[bool]) -> None:
        if (error := done.exception()) is not None:
            # A file that cannot be read is told by its load.
            _log.info("%s was not read ahead: %s", job.view.model, error)
        elif done.result():
            self._warmed = job.view.model, time.monotonic() + AGAIN_SECONDS
        if job is self._job:
            self._job = None
            self._on_change(None)


class _Job:
    """The reading of one model, in a thread of its own."""

    def __init__(
        self,
        model: Model,
        pids: Sequence[int],
        ram: Callable[[], Ram | None],
        *,
        on_change: Callable[[_Job], None],
    ) -> None:
        self.view = WarmUpView(model=model.id, fraction=0.0)
        self._files = [*model.files, *filter(None, [model.projector])]
        self._pids = pids
        self._ram = ram
        self._loop = asyncio.get_running_loop()
        self._on_change = on_change
        self._cancelled = threading.Event()
        self._told = 0.0
        self._size = 0
        self._done = 0
        self._read = 0
        self._looked = 0
        self._budget = 0

    def cancel(self) -> None:
        self._cancelled.set()

    def run(self) -> bool:
        """Read until all is there, until it was cancelled, or until memory is scarce; whether all is there.

        Raises:
            OSError: A file cannot be read.
        """
        self._size = sum(os.stat(path).st_size for path in self._files)  # noqa: PTH116 - a path as the catalog has it
        self._budget = self._spare()
        part = cached_part(self._files)
        if part is not None and part >= _ALL_BUT_ALL:
            return True
        buffer = bytearray(CHUNK)
        return all(self._read_file(path, buffer) for path in self._files)

    def _read_file(self, path: str, buffer: bytearray) -> bool:
        """Whether all of it is there."""
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - as above
            read_last(file.fileno())
            size = os.fstat(file.fileno()).st_size
            for start in range(0, size, CHUNK):
                if self._cancelled.is_set() or not self._has_room():
                    return False
                length = min(CHUNK, size - start)
                if not window_is_cached(file.fileno(), start, length):
                    file.seek(start)
                    self._read += file.readinto(memoryview(buffer)[:length]) or 0
                self._done += length
                self._tell()
        return True

    def _has_room(self) -> bool:
        """Whether more may be read: no more than was spare at first, and only while something is."""
        if self._read >= self._looked + LOOK_BYTES:
            self._looked = self._read
            if self._spare() <= 0:
                return False
        return self._read + CHUNK <= self._budget

    def _spare(self) -> int:
        """Bytes of main memory that nobody needs: what is available, without what engines have mapped and the reserve."""
        ram = self._ram()
        if ram is None:
            return 0
        return ram.available - sum(map(_resident, self._pids)) - reserve(ram)

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self._told < TELL_SECONDS:
            return
        self._told = now
        view = WarmUpView(model=self.view.model, fraction=min(1.0, self._done / self._size))
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody looks any more
            self._loop.call_soon_threadsafe(self._move, view)

    def _move(self, view: WarmUpView) -> None:
        self.view = view
        self._on_change(self)


def _resident(pid: int) -> int:
    """Bytes of main memory in which a process and its descendants lie, mapped files included."""
    total = 0
    for process in family(pid):
        with contextlib.suppress(psutil.Error):
            total += process.memory_info().rss
    return total
