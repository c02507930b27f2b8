"""A llama-server that somebody else started has our port: it is named, and the person at the terminal chooses."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import subprocess
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

from fakes.engines import LLAMA_SERVER
from fakes.instance import PROGRAM, write_settings
from model_switcher.client.finding import find
from model_switcher.engine.demo_models import write_demo_models
from model_switcher.engine.first_start import loaded_model
from model_switcher.places import places
from model_switcher.processes import process_created

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


SECONDS = 30.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_demo_models(tmp_path)
    return tmp_path


class Terminal:
    """`model-switcher serve` at a terminal."""

    def __init__(self, process: asyncio.subprocess.Process, master: int, settings: Path) -> None:
        self.process = process
        self.settings = settings
        self.text = ""
        self._master = master
        self._more = asyncio.Event()
        asyncio.get_running_loop().add_reader(master, self._read)

    def _read(self) -> None:
        try:
            self.text += os.read(self._master, 4096).decode()
        except OSError:  # its last user closed it
            asyncio.get_running_loop().remove_reader(self._master)
        self._more.set()

    async def shows(self, what: str) -> None:
        async with asyncio.timeout(SECONDS):
            while what not in self.text:
                self._more.clear()
                await self._more.wait()

    def type(self, line: str) -> None:
        os.write(self._master, line.encode() + b"\n")

    async def address(self) -> str:
        """Where the instance serves."""
        async with asyncio.timeout(SECONDS):
            while (record := find(places(self.settings))) is None:
                assert self.process.returncode is None, self.text
                await asyncio.sleep(0.02)
        return record.address


@contextlib.asynccontextmanager
async def serve_at_terminal(settings: Path) -> AsyncIterator[Terminal]:
    master, slave = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, "--config", str(settings), "serve", stdin=slave, stdout=slave, stderr=slave, process_group=0
    )  # fmt: skip
    os.close(slave)
    try:
        yield Terminal(process, master, settings)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        asyncio.get_running_loop().remove_reader(master)
        os.close(master)


@contextlib.asynccontextmanager
async def foreign(folder: Path) -> AsyncIterator[tuple[int, Path, int]]:
    """Somebody's llama-server, and settings of ours that want its port: its pid, the file and the port."""
    models = sorted(folder.glob("*.gguf"))
    settings = write_settings(folder, models, engine=LLAMA_SERVER)
    port = tomllib.loads(settings.read_text())["server"]["port"]
    process = await asyncio.create_subprocess_exec(
        *(LLAMA_SERVER.path, "--model", str(models[0]), "--port", str(port), "--hf-token", "hf_secret"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(SECONDS):
            while not await answers(client, port):
                await asyncio.sleep(0.02)
        yield process.pid, settings, port
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def answers(client: httpx.AsyncClient, port: int) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return (await client.get(f"http://127.0.0.1:{port}/health")).is_success
    return False


async def test_it_is_named_and_stopped_when_the_person_says_so(folder: Path) -> None:
    async with foreign(folder) as (pid, settings, port), serve_at_terminal(settings) as terminal:
        await terminal.shows("leave it")
        assert f"Port {port} is used by llama-server (process {pid}, since " in terminal.text
        assert "--hf-token '***'" in terminal.text
        assert "hf_secret" not in terminal.text
        terminal.type("s")
        assert await terminal.address() == f"http://127.0.0.1:{port}"
        assert process_created(pid) is None


async def test_another_port_is_taken_when_the_person_says_so(folder: Path) -> None:
    async with foreign(folder) as (pid, settings, port), serve_at_terminal(settings) as terminal:
        await terminal.shows("leave it")
        terminal.type("nonsense")
        terminal.type("P")
        address = await terminal.address()
        assert address != f"http://127.0.0.1:{port}"
        assert address in terminal.text or await terminal.shows(address) is None
        assert process_created(pid) is not None
        assert f"port = {port}" in settings.read_text()


async def test_it_is_left_alone_when_the_person_says_so(folder: Path) -> None:
    async with foreign(folder) as (pid, settings, _), serve_at_terminal(settings) as terminal:
        await terminal.shows("leave it")
        terminal.type("l")
        async with asyncio.timeout(SECONDS):
            assert await terminal.process.wait() == 3
        assert process_created(pid) is not None


async def test_without_a_terminal_nobody_is_asked(folder: Path) -> None:
    async with foreign(folder) as (pid, settings, port):
        process = await asyncio.create_subprocess_exec(
            *PROGRAM, "--config", str(settings), "serve",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        async with asyncio.timeout(SECONDS):
            _, errors = await process.communicate()
        assert process.returncode == 3
        assert f"Port {port} is used by llama-server (process {pid}, since ".encode() in errors
        assert b"[s]" not in errors
        assert process_created(pid) is not None


async def test_the_file_that_a_real_one_has_loaded_is_found_by_its_name_in_the_cache(folder: Path) -> None:
    """As Hugging Face's cache has it: what is loaded is a blob, and its name is a link to that."""
    model = next(folder.glob("*.gguf"))
    repository = folder / "hub" / "models--ggml-org--tiny"
    (repository / "blobs").mkdir(parents=True)
    blob = model.rename(repository / "blobs" / "0a1b")
    name = repository / "snapshots" / "f00" / "tiny.gguf"
    name.parent.mkdir(parents=True)
    name.symlink_to(blob)
    command = [*LLAMA_SERVER.command, "-m", str(name), "-c", "512", "--port", "0"]
    environment = {**os.environ, "LD_LIBRARY_PATH": str(Path(LLAMA_SERVER.path).parent)}
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(SECONDS):
            while (found := loaded_model(psutil.Process(process.pid))) is None:
                await asyncio.sleep(0.02)
        assert found == str(name)
    finally:
        process.kill()
        await process.wait()
