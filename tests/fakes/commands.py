"""Runs the command line as a user does."""

from __future__ import annotations

import asyncio
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from fakes.instance import PROGRAM


@dataclass(frozen=True)
class Result:
    """How a command ended."""

    status: int
    output: str
    errors: str


async def command(settings: Path, *words: str, seconds: float = 60) -> Result:
    """`model-switcher --config SETTINGS WORDS…` in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *PROGRAM, "--config", str(settings), *words,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ),
    )  # fmt: skip
    async with asyncio.timeout(seconds):
        output, errors = await process.communicate()
    return Result(process.returncode or 0, output.decode(), errors.decode())
