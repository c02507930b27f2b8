"""Three ways to serve one of several models: the bare engine, its own router mode, and this program."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import httpx

from fakes.instance import Instance, free_port, write_settings
from model_switcher.domain.engines import EngineBinary
from model_switcher.engine.binaries.environment import child_environment
from model_switcher.engine.process.child import Child
from model_switcher.engine.process.protocol import ReportsReady, parse_port, parse_state

ASK = {"prompt": "a", "n_predict": 1, "grammar": "root ::= [a-z] root"}
PATIENCE = httpx.Timeout(120)


class Contender(Protocol):
    """Serves what it is told to."""

    name: str

    async def switch(self, model: Path) -> None:
        """Serve the model instead of the last one, to its first token."""
        ...


class BareEngine:
    """The engine by itself, started and stopped as quickly as it can be: the floor for everybody."""

    name = "bare: exit + start + first token"

    def __init__(self, binary: EngineBinary) -> None:
        self._binary = binary
        self._child: Child | None = None
        self._port = 0
        self._http = httpx.AsyncClient(
            timeout=PATIENCE, trust_env=False, headers={"Authorization": "Bearer bare"}
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        await self._http.aclose()

    async def switch(self, model: Path) -> None:
        await self.stop()
        await self.start(model)
        answer = await self._http.post(f"http://127.0.0.1:{self._port}/completion", json=ASK)
        answer.raise_for_status()

    async def start(self, model: Path) -> None:
        """Returns when it is ready."""
        ready = asyncio.Event()
        self._port = 0

        def hear(stream: int, line: str) -> None:
            self._port = self._port or parse_port(line) or 0
            if stream == 1 and isinstance(parse_state(line), ReportsReady):
                ready.set()

        command = [*self._binary.command, "--model", str(model), "--host", "127.0.0.1", "--port", "0"]
        self._child = await Child.spawn(
            command, environment=child_environment(self._binary, key="bare"), on_line=hear
        )
        await ready.wait()
        while not self._port:
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """Returns when it is gone."""
        if self._child is not None:
            self._child.close_stdin()
            await self._child.wait(10)
            self._child.close()
            self._child = None


class Router:
    """llama-server's own router mode, with one model at a time. It switches by the name in a request."""

    name = "llama-server's router, --models-max 1"

    def __init__(self, binary: EngineBinary, folder: Path) -> None:
        self._binary = binary
        self._folder = folder
        self.address = f"http://127.0.0.1:{free_port()}"
        self._process: asyncio.subprocess.Process | None = None
        self._http = httpx.AsyncClient(timeout=PATIENCE, trust_env=False)

    async def __aenter__(self) -> Self:
        port = self.address.rpartition(":")[2]
        environment = child_environment(self._binary, key="")
        for name in ("LLAMA_API_KEY", "LLAMA_SERVER_ROUTER_PORT"):
            environment.pop(name, None)
        self._process = await asyncio.create_subprocess_exec(
            *self._binary.command, "--models-dir", str(self._folder), "--models-max", "1",
            "--host", "127.0.0.1", "--port", port,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            env=environment,
        )  # fmt: skip
        while True:
            try:
                if (await self._http.get(f"{self.address}/health")).is_success:
                    return self
            except httpx.TransportError:
                await asyncio.sleep(0.02)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()
        if self._process is not None:
            self._process.terminate()
            await self._process.wait()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def switch(self, model: Path) -> None:
        answer = await self._http.post(f"{self.address}/completion", json={**ASK, "model": model.stem})
        answer.raise_for_status()


class Switcher:
    """This program, with one model at a time or with all that fit."""

    def __init__(self, settings: Path, name: str = "through Model Switcher") -> None:
        self.name = name
        self.instance = Instance(settings)
        self._http = httpx.AsyncClient(timeout=PATIENCE, trust_env=False)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.instance)
        await self.instance.ready()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()
        await self._stack.aclose()

    async def switch(self, model: Path) -> None:
        (await self.choose(model)).raise_for_status()
        await self.ask()

    async def ask(self) -> None:
        """One token of the model that is served."""
        answer = await self._http.post(f"{self.instance.address}/completion", json=ASK)
        answer.raise_for_status()

    async def choose(self, model: Path) -> httpx.Response:
        """The answer to a choice, whatever it is."""
        return await self._http.post(f"{self.instance.address}/switcher/select", json={"model": str(model)})


def settings_for(
    folder: Path, models: list[Path], binary: EngineBinary, *, resident: bool = False, more: str = ""
) -> Path:
    """Settings with which models take turns, or stay beside each other."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = write_settings(folder, models, engine=binary, beside=resident)
    with settings.open("a", encoding="utf-8") as file:
        file.write(more)
    return settings
