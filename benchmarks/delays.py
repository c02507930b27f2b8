"""By how much an event loop is late, beside one of a process that does nothing else.

What else runs on a machine delays every loop; the other process, which runs at the same time, shows by how much.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SLEEP_SECONDS = 0.001
AIM_MS = 5.0
HEAD = "| loop late | 50 % | 99 % | 99.9 % | most | 5 ms or more |\n|---|---:|---:|---:|---:|---:|"


class Delays:
    """How late the sleeps of a millisecond were, in milliseconds: of this loop, and of the other process'."""

    def __init__(self) -> None:
        self.here: list[float] = []
        self.beside: list[float] = []

    def rows(self, what: str) -> list[str]:
        return [f"| {what} | {spread(self.here)} |", f"| an idle process meanwhile | {spread(self.beside)} |"]


def spread(late: list[float]) -> str:
    ordered = sorted(late)
    at = [ordered[min(int(len(ordered) * share / 100), len(ordered) - 1)] for share in (50, 99, 99.9, 100)]
    over = sum(1 for one in ordered if one >= AIM_MS)
    return " | ".join(f"{value:.1f} ms" for value in at) + f" | {over} of {len(ordered):,}"


async def _measure(late: list[float]) -> None:
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        await asyncio.sleep(SLEEP_SECONDS)
        late.append((loop.time() - began - SLEEP_SECONDS) * 1000)


@asynccontextmanager
async def measured() -> AsyncIterator[Delays]:
    """The delays of what runs inside."""
    delays = Delays()
    other = await asyncio.create_subprocess_exec(
        sys.executable, __file__, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert other.stdout is not None
    await other.stdout.readline()  # it has begun
    task = asyncio.create_task(_measure(delays.here))
    try:
        yield delays
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        output, _ = await other.communicate(b"")
        delays.beside = json.loads(output)


async def beside() -> None:
    """The other process: until standard input ends."""
    late: list[float] = []
    task = asyncio.create_task(_measure(late))
    print("begun", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    task.cancel()
    print(json.dumps(late))


if __name__ == "__main__":
    asyncio.run(beside())
