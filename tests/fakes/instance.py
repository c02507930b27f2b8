"""A whole instance as a process of its own, as a user would start it."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from model_switcher.client.finding import find
from model_switcher.domain.engines import EngineBinary
from model_switcher.domain.snapshot import Snapshot
from model_switcher.domain.wire import decode_state
from model_switcher.places import Places, places

PROGRAM = (sys.executable, "-W", "error", "-X", "faulthandler", "-m", "model_switcher")


def write_settings(
    folder: Path,
    models: Sequence[Path],
    *,
    engine: EngineBinary | None = None,
    beside: bool = False,
    more: str = "",
) -> Path:
    """A settings file for those models on a free port, where they take turns or stay beside each other.

    `more` is TOML that goes before the first table.
    """
    settings = folder / "settings.toml"
    name = "embedded" if engine is None or engine.kind == "embedded" else engine.path
    settings.write_text(
        f"model-folders = ['{models[0].parent}']\nstores = []\ndefault-model = '{models[0]}'\n{more}\n"
        f"[memory]\nkeep-resident = '{'while it fits' if beside else 'one at a time'}'\n"
        f"[server]\nport = {free_port()}\nengine = '{name}'\n",
        encoding="utf-8",
    )
    return settings


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


class Instance:
    """`model-switcher --config SETTINGS VERB …`, killed at the end if it still runs.

    Args:
        settings: Its settings file.
        verb: What it is started as.
        environment: Added to ours.
        program: What is run: this checkout's program, or a packaged one.
        terminal: Open terminal that it runs in; None for none, and a file of what it says.
    """

    def __init__(
        self,
        settings: Path,
        *verb: str,
        environment: Mapping[str, str] | None = None,
        program: Sequence[str] = PROGRAM,
        terminal: int | None = None,
    ) -> None:
        self.settings = settings
        self.places: Places = places(settings)
        self.address = ""
        self._program = program
        self._terminal = terminal
        self._verb = verb or ("serve",)
        self._environment = {**os.environ, **(environment or {})}
        self.process: asyncio.subprocess.Process | None = None
        self.output = settings.with_name("instance.log")

    async def __aenter__(self) -> Self:
        self.output.parent.mkdir(parents=True, exist_ok=True)
        with self.output.open("wb") as file:
            output = file if self._terminal is None else self._terminal
            self.process = await asyncio.create_subprocess_exec(
                *self._program, "--config", str(self.settings), *self._verb,
                stdin=subprocess.DEVNULL if self._terminal is None else self._terminal,
                stdout=output, stderr=output, env=self._environment,
            )  # fmt: skip
        deadline = time.monotonic() + 30
        while (record := find(self.places)) is None:
            assert self.process.returncode is None, self.said()
            assert time.monotonic() < deadline, self.said()
            await asyncio.sleep(0.01)
        self.address = record.address
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.terminate()
            try:
                await asyncio.wait_for(self.process.wait(), 20)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()
        for folder in (self.places.runtime, self.places.cache, self.places.logs, self.places.state):
            shutil.rmtree(folder, ignore_errors=True)

    def said(self) -> str:
        """What it wrote to its terminal."""
        return self.output.read_text("utf-8", errors="replace")

    def state(self) -> Snapshot:
        """Its state now."""
        return decode_state(
            httpx.get(f"{self.address}/switcher/state", trust_env=False, verify=False).content
        )

    async def until(self, condition: Callable[[Snapshot], bool]) -> Snapshot:
        """The first state that meets the condition.

        Asked in the loop's own thread: Python's collector runs in whichever thread makes objects, and in another one it
        would end what a client library leaves of a stream while the loop is at work on it.
        """
        deadline = time.monotonic() + 30
        async with httpx.AsyncClient(base_url=self.address, trust_env=False, verify=False) as http:
            while True:
                snapshot = decode_state((await http.get("/switcher/state")).content)
                if condition(snapshot):
                    return snapshot
                assert time.monotonic() < deadline, f"{snapshot}\n{self.said()}"
                await asyncio.sleep(0.01)

    async def ready(self) -> Snapshot:
        """Its state once a model is served and no switch is under way."""
        return await self.until(
            lambda snapshot: (
                snapshot.served is not None and snapshot.served.state == "ready" and snapshot.switch is None
            )
        )
