"""Three tiny models that can be told apart by what they answer, and programs that borrow them."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from fakes.engines import LLAMA_SERVER
from fakes.instance import write_settings
from model_switcher.engine.demo_models import write_demo_models, write_llama

ALDER, BIRCH, CEDAR = "demo-alder", "demo-birch", "demo-cedar"
STRANGE = "strange"

QUESTION = {"messages": [{"role": "user", "content": "Who are you?"}]}

# Borrows a model, by way of the function that people import. With "wait" its call ends when it reads a line.
BORROWER = """
import asyncio, sys
from model_switcher import call_orchestrator, switch_and_call

config, model, *how = sys.argv[1:]

async def mine(system, user):
    print("granted", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    return await call_orchestrator(system, user, config=config)

call = mine if "wait" in how else None
print(asyncio.run(switch_and_call(model, "system", "user", call=call, config=config)), flush=True)
"""


def write_telling_settings(folder: Path, *, server: str = "", more: str = "") -> Path:
    """Settings of an instance whose models take turns; each answers with its own name, whatever it is asked.

    Args:
        folder: Where everything lies.
        server: TOML for the `[server]` table.
        more: Further tables.
    """
    models = write_demo_models(folder)
    write_llama(folder / f"{CEDAR}.gguf", name="Demo Cedar", seed=3)
    settings = write_settings(folder, models, engine=LLAMA_SERVER)
    with settings.open("a", encoding="utf-8") as file:
        file.write(f"{server}\n[launch]\nn-predict = 16\ncontext-shift = true\n{more}\n")
        for model in (ALDER, BIRCH, CEDAR):
            # Random weights know no language: the grammar leaves them one thing to say.
            file.write(f"[models.{model}]\ngrammar = 'root ::= \"{model}\"'\n")
    return settings


def write_strange_model(folder: Path) -> None:
    """A whole file of an architecture that no engine knows."""
    birch = (folder / f"{BIRCH}.gguf").read_bytes()
    value = b"\5\0\0\0\0\0\0\0"  # the length of the string behind it
    strange = birch.replace(b"llama.", b"lomma.").replace(value + b"llama", value + b"lomma")
    (folder / f"{STRANGE}.gguf").write_bytes(strange)


async def asked(address: str, model: str | None = None) -> str:
    """What the model answers that this process reaches, in a connection of its own."""
    async with httpx.AsyncClient(base_url=address, trust_env=False, verify=False, timeout=60) as client:
        body = QUESTION if model is None else {**QUESTION, "model": model}
        answer = await client.post("/v1/chat/completions", json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["choices"][0]["message"]["content"])


class Borrower:
    """A program of its own that borrows a model."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def line(self) -> str:
        """The next line that it writes; empty if it ended."""
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            return (await self.process.stdout.readline()).decode().strip()

    def go_on(self) -> None:
        """Let its call end."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")

    async def said(self) -> str:
        """All that it wrote besides, once it has ended."""
        async with asyncio.timeout(60):
            output, _ = await self.process.communicate()
        return output.decode().strip()


@contextlib.asynccontextmanager
async def borrower(
    settings: Path, model: str, *how: str, name: str = "report.py", program: str = BORROWER
) -> AsyncIterator[Borrower]:
    """That program, started under that name, killed at the end if it still runs."""
    script = settings.with_name(name)
    script.write_text(program, encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(script), str(settings), model, *how,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Borrower(process)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
