"""An instance in a process of its own, whose files cannot grow any more from some moment on."""

from __future__ import annotations

import asyncio
import resource
import subprocess
import time

import httpx

from fakes.household import SECONDS, Household
from fakes.instance import PROGRAM
from model_switcher.domain.history import HistoryReport
from model_switcher.domain.wire import decode

NOTHING = (0, resource.RLIM_INFINITY)
EVERYTHING = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)

BACKGROUND_SECONDS = 0.3


class FullDisk(Household):
    """The kernel refuses each byte that the instance writes to a file, for want of room as far as that can tell.

    The limit of a process on the size of its files does that; a disk that is really full takes a superuser. What the
    instance writes to its terminal goes to a file too, as that of an instance does which a client has started.
    """

    _process: asyncio.subprocess.Process | None = None
    _full = False

    def fill(self) -> None:
        """From now on there is no room; what happened before is on the disk."""
        self._full = True
        if self._process is not None:
            self._wait_written()
            resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, NOTHING)

    async def make_room(self) -> None:
        """Somebody has deleted something, once what is written in the background has met the full disk."""
        assert self._process is not None
        await asyncio.sleep(BACKGROUND_SECONDS)
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, EVERYTHING)

    def _wait_written(self) -> None:
        """The history is written in the background."""
        deadline = time.monotonic() + SECONDS
        known = decode(httpx.get(f"{self.address}/switcher/history", trust_env=False).content, HistoryReport)
        while len(self.traces.history) < len(known.records):
            assert time.monotonic() < deadline
            time.sleep(0.005)

    async def start(self) -> None:
        command = [*PROGRAM, "--config", str(self.settings), "serve"]
        if self._full:
            command = ["sh", "-c", 'ulimit -S -f 0; exec "$@"', "sh", *command]
        with (self.folder / "instance.log").open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                *command, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        deadline = time.monotonic() + SECONDS
        while not await self._answers():
            assert self._process.returncode is None
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        self._serves.set()

    async def _answers(self) -> bool:
        try:
            return (await self._http.get("/switcher/state")).is_success
        except httpx.TransportError:
            return False

    async def quit(self) -> None:
        await self._send("POST", "/switcher/quit")
        assert self._process is not None
        assert await self._process.wait() == 0

    async def __aexit__(self, *failure: object) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()
        await super().__aexit__(None, None, None)
