"""One child process with piped standard streams, read line by line."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from typing import TYPE_CHECKING

from model_switcher.engine.process.guards import Guard, new_guard, own_libraries_hidden
from model_switcher.processes import process_created

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LONGEST_LINE = 64 * 1024
STDOUT, STDERR = 1, 2


class Child(asyncio.SubprocessProtocol):
    """A running child. Made by `spawn`, on the loop of the thread that is to outlive it.

    asyncio's own `Process.wait()` waits for the pipes too, on some versions, and so hangs when a grandchild keeps
    one open (https://github.com/python/cpython/issues/119710); this protocol hears of the exit itself.
    """

    def __init__(self, on_line: Callable[[int, str], None], guard: Guard) -> None:
        self._on_line = on_line
        self._guard = guard
        self._rest = {STDOUT: b"", STDERR: b""}
        self._transport: asyncio.SubprocessTransport | None = None
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.pid = 0
        self.created = 0.0

    @classmethod
    async def spawn(
        cls, command: Sequence[str], *, environment: Mapping[str, str], on_line: Callable[[int, str], None]
    ) -> Child:
        """Start `command`; `on_line(stream, line)` is called for each line that it writes.

        Raises:
            OSError: It could not be started.
        """
        guard = new_guard()
        loop = asyncio.get_running_loop()
        try:
            with own_libraries_hidden():
                _, child = await loop.subprocess_exec(
                    lambda: cls(on_line, guard),
                    *guard.command(command),
                    stdin=asyncio.subprocess.PIPE,
                    env=dict(environment),
                    **guard.spawn_options(),
                )
        except BaseException:
            guard.close()
            raise
        try:
            guard.adopt(child.pid)
        except OSError:
            if not child.exited.done():
                child.kill()
                child.close()
                raise
        return child

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._transport = transport
        self.pid = transport.get_pid()
        self.created = process_created(self.pid) or 0.0

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        *lines, rest = (self._rest[fd] + data).split(b"\n")
        if len(rest) > LONGEST_LINE:
            lines.append(rest)
            rest = b""
        self._rest[fd] = rest
        for line in lines:
            self._on_line(fd, line[:LONGEST_LINE].decode(errors="replace").rstrip("\r"))

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's name
        if self._rest.get(fd):
            self.pipe_data_received(fd, b"\n")

    def process_exited(self) -> None:
        if self._transport is not None and not self.exited.done():
            self.exited.set_result(self._transport.get_returncode() or 0)

    def close_stdin(self) -> None:
        """End its standard input: an engine that is ready takes this as the request to exit."""
        if self._transport is not None and (stdin := self._transport.get_pipe_transport(0)) is not None:
            stdin.close()

    def terminate(self) -> None:
        """Ask it to end by SIGTERM, where there is such a signal."""
        if sys.platform != "win32" and self._transport is not None and not self.exited.done():
            with contextlib.suppress(ProcessLookupError):
                self._transport.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill it and everything that it started."""
        self._guard.kill(self.pid, self.created)

    async def wait(self, timeout: float | None = None) -> int | None:  # noqa: ASYNC109 - None is the answer
        """Its exit code (negative: the signal, on POSIX); None if it still runs after `timeout` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                return await asyncio.shield(self.exited)
        return None

    def close(self) -> None:
        """Let go of its pipes, also those that a grandchild keeps open."""
        self._guard.close()
        if self._transport is not None:
            self._transport.close()
