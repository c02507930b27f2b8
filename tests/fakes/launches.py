"""Launches of the fake engine, and what a test needs around a server or a controller."""

from __future__ import annotations

import asyncio
import atexit
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from model_switcher.domain.catalog import Model
from model_switcher.domain.engines import EngineBinary
from model_switcher.domain.launch import Launch
from model_switcher.domain.states import ServerState
from model_switcher.engine.control.deadlines import Deadlines
from model_switcher.engine.control.pulse import Signs
from model_switcher.engine.control.server import Server
from model_switcher.engine.demo_models import write_demo_models
from model_switcher.engine.log import LogRing

FAKE = (sys.executable, "-S", str(Path(__file__).with_name("fake_engine.py")))
# A busy machine may need seconds to start a fake engine: only where it is to come too late is little time.
QUICK = Deadlines(stall=20.0, silent=20.0, graceful=0.3, kill=5.0, poll=0.02)
IMPATIENT = replace(QUICK, stall=0.5, silent=0.5)


@cache
def _model() -> Path:
    """A good model: the fake engine does not read it, but the search for a cause does."""
    folder = TemporaryDirectory()
    atexit.register(folder.cleanup)
    return write_demo_models(Path(folder.name))[0]


def fake_launch(name: str, *faults: str) -> Launch:
    """A launch of the fake engine with those faults."""
    path = str(_model())
    model = Model(id=name, name=f"Model {name.upper()}", path=path, files=(path,), size=1)
    binary = EngineBinary(kind="llama-server", command=(*FAKE, *faults), source="test")
    return Launch(model=model, binary=binary, engine="fake 1")


class Watched:
    """A server of the fake engine, with every state that it went through."""

    def __init__(
        self, *faults: str, deadlines: Deadlines = QUICK, signs: Callable[[], Signs] = Signs
    ) -> None:
        self.states: list[ServerState] = [ServerState.STARTING]
        self.progress: list[float | None] = []
        self.log = LogRing()
        self._changed = asyncio.Event()
        self.server = Server(
            fake_launch("a", *faults), on_change=self._note, log=self.log, deadlines=deadlines, signs=signs
        )

    def _note(self, server: Server) -> None:
        if server.state is not self.states[-1]:
            self.states.append(server.state)
        self.progress.append(server.progress)
        self._changed.set()

    async def reach(self, *states: ServerState) -> ServerState:
        """Wait until the server is in one of `states`."""
        async with asyncio.timeout(20):
            while self.server.state not in states:
                self._changed.clear()
                await self._changed.wait()
        return self.server.state


async def until(condition: Callable[[], bool], *, seconds: float = 10.0) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        await asyncio.sleep(0.005)


def lives(pid: int) -> bool:
    """Whether a process of that id runs, and is no zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
