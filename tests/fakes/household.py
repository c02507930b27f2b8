"""A whole instance with three models, whose fake engines have the faults that a test gives them."""

from __future__ import annotations

import asyncio
import atexit
import json
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import httpx
import pytest

from fakes.instance import free_port
from fakes.launches import QUICK
from fakes.traces import Traces
from model_switcher.cli.host import Host
from model_switcher.cli.host_options import HostOptions
from model_switcher.domain.snapshot import Outcome, Snapshot
from model_switcher.domain.states import ServerState
from model_switcher.domain.wire import decode, decode_state, error_from
from model_switcher.engine.control.deadlines import Deadlines
from model_switcher.engine.demo_models import write_llama
from model_switcher.engine.runtime import Runtime
from model_switcher.engine.settings_file import load
from model_switcher.places import places

ALDER, BIRCH, CEDAR = MODELS = ("alder", "birch", "cedar")
SECONDS = 20.0  # far more than anything here takes

# It answers questions after what it is by itself, and so quickly; to serve, it becomes the fake engine.
SCRIPT = """#!/bin/sh
case "$1" in
--version) echo 'version: 1 (fa4e)' ;;
--list-devices) echo 'Available devices:' ;;
--help) printf '%s\\n' '--model FNAME' '--port PORT' '--ctx-size N' ;;
*) exec '{python}' -S '{fake}' --faults '{faults}' "$@" ;;
esac
"""
SETTINGS = """# whatever happens, this line stays
model-folders = ['{models}']
stores = []
default-model = '{default}'

[server]
port = {port}
engine = '{engine}'

[memory]
keep-resident = "one at a time"

[launch]
ctx-size = 512
"""


Strike = Callable[["Household"], None]


class Household:
    """One instance in this process, on this loop.

    Args:
        folder: Where everything lies: nothing outside of it is touched.
        patch: Leads the instance's own folders there.
        deadlines: Of each server's steps.
    """

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, *, deadlines: Deadlines = QUICK) -> None:
        for name in ("RUNTIME_DIR", "CONFIG_HOME", "CACHE_HOME", "STATE_HOME", "DATA_HOME"):
            (folder / name).mkdir(mode=0o700)
            patch.setenv(f"XDG_{name}", str(folder / name))
        self.folder = folder
        self.settings = folder / "settings.toml"
        self.places = places(self.settings)
        self.traces = Traces(folder, self.places)
        self.address = f"http://127.0.0.1:{free_port()}"
        self._faults = folder / "faults"
        self._faults.mkdir()
        self._deadlines = deadlines
        self._open = AsyncExitStack()
        self._serves = asyncio.Event()
        self._host: Host | None = None
        self._running: asyncio.Task[None] | None = None
        shutil.copytree(_models(), folder / "models")
        self._write_engine()
        self.write_settings(default=ALDER)

    def write_settings(self, *, default: str) -> None:
        text = SETTINGS.format(
            models=self.folder / "models",
            default=default,
            port=httpx.URL(self.address).port,
            engine=self.folder / "llama-server",
        )
        self.write_by_hand(text.encode())

    def write_by_hand(self, settings: bytes) -> None:
        """The user changes the settings file."""
        self.settings.write_bytes(settings)
        self.written = settings

    def _write_engine(self) -> None:
        engine = self.folder / "llama-server"
        fake = Path(__file__).with_name("fake_engine.py")
        engine.write_text(SCRIPT.format(python=sys.executable, fake=fake, faults=self._faults))
        engine.chmod(0o755)

    async def __aenter__(self) -> Self:
        self._http = await self._open.enter_async_context(
            httpx.AsyncClient(base_url=self.address, timeout=SECONDS, trust_env=False, verify=False)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._host is not None and self._running is not None and not self._running.done():
            self._host.stop()
            await self._running
        await self._open.aclose()

    def give(self, model: str, *faults: str) -> None:
        """Its engine has these faults from its next start on."""
        (self._faults / model).write_text(" ".join(faults))

    @asynccontextmanager
    async def struck(self, model: str, strike: Strike | None) -> AsyncIterator[None]:
        """While the model loads inside, `strike` is done."""
        if strike is None:
            yield
            return
        struck = self.folder / "struck"
        self.give(model, "--load-until", str(struck))
        striking = asyncio.create_task(self._strike(model, strike, struck))
        yield
        await striking

    async def _strike(self, model: str, strike: Strike, struck: Path) -> None:
        await self._serves.wait()
        await self.until(
            lambda s: (model, ServerState.LOADING) in [(one.model, one.state) for one in s.servers]
        )
        strike(self)
        struck.touch()

    async def start(self) -> None:
        """Start the instance; returns when it serves its address."""
        started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        options = HostOptions(
            settings=load(self.settings).settings, places=self.places, deadlines=self._deadlines
        )

        def begin(runtime: Runtime) -> None:
            self.runtime = runtime
            runtime.subscribe(self.traces.note)
            started.set_result(None)

        self._host = Host(options, on_started=begin)
        self._running = asyncio.create_task(self._host.run())
        await asyncio.wait([self._running, started], return_when=asyncio.FIRST_COMPLETED)
        if self._running.done():
            self._running.result()
        self._serves.set()

    async def quit(self) -> None:
        """Ask it to end, as `model-switcher quit` does, and wait until it has."""
        await self._send("POST", "/switcher/quit")
        assert self._running is not None
        await self._running

    async def state(self) -> Snapshot:
        return decode_state(await self._send("GET", "/switcher/state"))

    async def until(self, condition: Callable[[Snapshot], bool]) -> Snapshot:
        """The first state that meets the condition."""
        deadline = time.monotonic() + SECONDS
        while not condition(snapshot := await self.state()):
            assert time.monotonic() < deadline, snapshot
            await asyncio.sleep(0.01)
        return snapshot

    async def settles(self, serving: str | None) -> Snapshot:
        """The state once that model is served and nothing else runs or is under way, or nothing is left to be served."""

        def settled(snapshot: Snapshot) -> bool:
            if snapshot.switch is not None:
                return False
            if serving is None:
                return not snapshot.servers and snapshot.failure is not None
            return [(one.model, one.state) for one in snapshot.servers] == [(serving, ServerState.READY)]

        return await self.until(settled)

    async def select(self, model: str) -> Outcome:
        answer = await self._send("POST", "/switcher/select", {"model": model})
        return decode(json.dumps(json.loads(answer)["outcome"]), Outcome)

    async def ask(self, model: str) -> str:
        """The model that answers."""
        return str(
            json.loads(await self._send("POST", "/completion", {"model": model, "prompt": "a"}))["model"]
        )

    async def borrow(self, model: str) -> str:
        """The lease's id, once the model is there."""
        return str(json.loads(await self._send("POST", "/switcher/leases", {"model": model}))["lease"]["id"])

    async def give_back(self, lease: str) -> None:
        await self._send("DELETE", f"/switcher/leases/{lease}")

    async def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        answer = await self._http.request(method, path, json=body)
        if answer.is_error:
            raise error_from(answer.content)
        return answer.content


@cache
def _models() -> Path:
    kept = TemporaryDirectory()
    atexit.register(kept.cleanup)
    folder = Path(kept.name)
    for seed, name in enumerate(MODELS):
        write_llama(folder / f"{name}.gguf", name=name.capitalize(), seed=seed)
    return folder
