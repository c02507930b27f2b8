"""By how much an event loop is late, beside one of a process that does nothing else.

What else runs on a machine delays every loop; the other process, which runs at the same time, shows by how much.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from bisect import bisect_left
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SLEEP_SECONDS = 0.001
AIM_MS = 5.0
# So late in the other process, and so near in time, counts as the machine's doing.
ALIKE_MS = 2.0
NEAR_SECONDS = 0.03
HEAD = (
    "| loop late | 50 % | 99 % | 99.9 % | most | 5 ms or more | of these, the other one on time |\n"
    "|---|---:|---:|---:|---:|---:|---:|"
)


class Delays:
    """How late the sleeps of a millisecond were: when, and by how many milliseconds; here and in the other process."""

    def __init__(self) -> None:
        self.here: list[tuple[float, float]] = []
        self.beside: list[tuple[float, float]] = []

    def rows(self, what: str) -> list[str]:
        return [
            f"| {what} | {spread(self.here, self.beside)} |",
            f"| an idle process meanwhile | {spread(self.beside, self.here)} |",
        ]


def spread(late: list[tuple[float, float]], other: list[tuple[float, float]]) -> str:
    ordered = sorted(delay for _, delay in late)
    at = [ordered[min(int(len(ordered) * share / 100), len(ordered) - 1)] for share in (50, 99, 99.9, 100)]
    over = [when for when, delay in late if delay >= AIM_MS]
    times = [when for when, delay in other if delay >= ALIKE_MS]
    alone = sum(1 for when in over if not _is_near(when, times))
    return " | ".join(f"{value:.1f} ms" for value in at) + f" | {len(over)} of {len(late):,} | {alone}"


def _is_near(when: float, times: list[float]) -> bool:
    place = bisect_left(times, when)
    return any(abs(when - other) < NEAR_SECONDS for other in times[max(0, place - 1) : place + 1])


async def _measure(late: list[tuple[float, float]]) -> None:
    while True:
        began = time.monotonic()
        await asyncio.sleep(SLEEP_SECONDS)
        now = time.monotonic()
        late.append((now, (now - began - SLEEP_SECONDS) * 1000))


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
    late: list[tuple[float, float]] = []
    task = asyncio.create_task(_measure(late))
    print("begun", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    task.cancel()
    print(json.dumps(late))


if __name__ == "__main__":
    asyncio.run(beside())
