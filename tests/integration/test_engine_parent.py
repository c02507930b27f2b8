"""The embedded engine does not outlive the process that started it."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

import psutil

from fakes.engines import EMBEDDED
from model_switcher.engine.binaries.environment import child_environment
from model_switcher.engine.demo_models import write_demo_models
from model_switcher.engine.embedded.parent import PARENT

if TYPE_CHECKING:
    from pathlib import Path

STARTER = """
import os, subprocess, sys
environment = {**os.environ, sys.argv[1]: str(os.getpid())}
engine = subprocess.Popen(sys.argv[2:], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
for line in engine.stderr:
    if b"loading model" in line:
        break
print(engine.pid, flush=True)
os.kill(os.getpid(), 9)
"""


async def test_the_embedded_engine_dies_with_its_parent_even_while_it_loads(tmp_path: Path) -> None:
    never_comes = tmp_path / "pipe.gguf"
    os.mkfifo(never_comes)
    starter = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-c",
            STARTER,
            PARENT,
            *EMBEDDED.command,
            "--model",
            str(never_comes),
            "--port",
            "0",
        ),
        stdin=asyncio.subprocess.PIPE,  # the engine inherits it: its end is not what ends the engine
        stdout=asyncio.subprocess.PIPE,
        env=child_environment(EMBEDDED, key="k"),
    )
    out, pid = await read_pid(starter)
    try:
        await asyncio.to_thread(wait_gone, pid)
    finally:
        assert starter.stdin is not None
        starter.stdin.close()
        await out.read()
        await starter.wait()


async def read_pid(starter: asyncio.subprocess.Process) -> tuple[asyncio.StreamReader, int]:
    assert starter.stdout is not None
    async with asyncio.timeout(30):
        return starter.stdout, int(await starter.stdout.readline())


def wait_gone(pid: int) -> None:
    try:
        psutil.Process(pid).wait(timeout=30)
    except psutil.NoSuchProcess:
        return


async def test_the_embedded_engine_does_not_start_for_a_parent_that_is_gone(tmp_path: Path) -> None:
    model, _ = write_demo_models(tmp_path)
    process = await asyncio.create_subprocess_exec(
        *(*EMBEDDED.command, "--model", str(model), "--port", "0"),
        stdin=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**child_environment(EMBEDDED, key="k"), PARENT: "4194305"},  # beyond Linux' highest pid
    )
    async with asyncio.timeout(30):
        _, log = await process.communicate()
    assert process.returncode == 1
    assert b"loading model" not in log
