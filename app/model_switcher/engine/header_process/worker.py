"""One running process that reads headers, as the process that started it sees it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from typing import TYPE_CHECKING

import psutil

from model_switcher.domain.units import format_size
from model_switcher.engine.header_process.messages import GREETING, Frames, decode, frame
from model_switcher.engine.process.child import STDERR, STDOUT, Child

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from model_switcher.domain.catalog import Rejected
    from model_switcher.engine.catalog.facts import Facts
    from model_switcher.engine.header_process.limits import Limits
    from model_switcher.engine.process.guards import Guard

# Everybody else goes first.
if sys.platform == "win32":
    _PRIORITY = psutil.BELOW_NORMAL_PRIORITY_CLASS
else:
    _PRIORITY = 10
_LAST_SECONDS = 1.0
_log = logging.getLogger(__name__)


class WorkerEndedError(Exception):
    """It is of no use any more; the message says why, to follow "reading its header".

    Attributes:
        greedy: A file made it take more than it may.
    """

    def __init__(self, why: str, *, greedy: bool = False) -> None:
        super().__init__(why)
        self.greedy = greedy


class HeaderWorker(Child):
    """A running process that reads headers. Made by `start`."""

    def __init__(self, on_line: Callable[[int, str], None], guard: Guard) -> None:
        super().__init__(on_line, guard)
        self._frames = Frames()
        self._contents: asyncio.Queue[bytes | None] = asyncio.Queue()

    @classmethod
    async def start(cls, command: Sequence[str]) -> HeaderWorker:
        """A process that begins.

        Raises:
            OSError: It could not be started.
        """
        worker = await cls.spawn(command, environment=os.environ, on_line=_hear)
        assert isinstance(worker, HeaderWorker)
        with contextlib.suppress(psutil.Error, OSError):  # it works without, too
            psutil.Process(worker.pid).nice(_PRIORITY)
        return worker

    async def greet(self, limits: Limits) -> None:
        """Return once it is ready to read.

        Raises:
            WorkerEndedError: It is of no use.
        """
        try:
            async with asyncio.timeout(limits.start):
                greeting = await self._next()
        except TimeoutError:
            raise WorkerEndedError(f"did not begin within {limits.start:g} seconds") from None
        if greeting != GREETING:
            raise WorkerEndedError("is one of another version of the program")

    async def read(self, path: str, limits: Limits) -> Facts | Rejected:
        """What the header of the file at `path` says, however long its drive takes.

        Raises:
            WorkerEndedError: There will be no answer; this process is of no use any more.
        """
        if self._transport is None or (stdin := self._transport.get_pipe_transport(0)) is None:
            raise WorkerEndedError("failed")
        assert isinstance(stdin, asyncio.WriteTransport)
        used: float | None = None  # asked only where it takes long: most headers take some milliseconds
        stdin.write(frame(path.encode()))
        while True:
            try:
                async with asyncio.timeout(limits.look):
                    content = await self._next()
                return decode(content)
            except TimeoutError:
                if used is None:
                    used = self._processor_seconds()
                self._check(used, limits)
            except ValueError as error:
                raise WorkerEndedError(f"gave an answer that makes no sense ({error})") from error

    async def end(self, seconds: float) -> None:
        """End it, by force if it still runs after so many seconds."""
        self.close_stdin()
        await self.wait(seconds)
        self.kill()
        await self.wait(_LAST_SECONDS)
        self.close()

    async def _next(self) -> bytes:
        content = await self._contents.get()
        if content is None:
            self._contents.put_nowait(None)
            raise WorkerEndedError(_epitaph(await self.wait(_LAST_SECONDS)))
        return content

    def _check(self, used: float, limits: Limits) -> None:
        """See whether it takes too much.

        Raises:
            WorkerEndedError: It does.
        """
        took, memory = self._processor_seconds() - used, self._memory()
        if took > limits.processor:
            raise WorkerEndedError(
                f"took more than {limits.processor:g} seconds of the processor", greedy=True
            )
        if memory > limits.memory:
            raise WorkerEndedError(f"took {format_size(memory)} of memory", greedy=True)

    def _processor_seconds(self) -> float:
        with contextlib.suppress(psutil.Error, OSError):
            times = psutil.Process(self.pid).cpu_times()
            return times.user + times.system
        return 0.0

    def _memory(self) -> int:
        with contextlib.suppress(psutil.Error, OSError):
            return int(psutil.Process(self.pid).memory_info().rss)
        return 0

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd != STDOUT:
            super().pipe_data_received(fd, data)
            return
        try:
            for content in self._frames.feed(data):
                self._contents.put_nowait(content)
        except ValueError:
            self._contents.put_nowait(None)
            self.kill()

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        super().pipe_connection_lost(fd, exc)
        if fd == STDOUT:
            self._contents.put_nowait(None)


def _epitaph(code: int | None) -> str:
    if code is None:
        return "failed unexpectedly"
    return f"failed unexpectedly ({f'signal {-code}' if code < 0 else f'exit code {code}'})"


def _hear(stream: int, line: str) -> None:
    if stream == STDERR:
        _log.warning("The process that reads headers: %s", line)
