"""Telling a server that hangs from one that is busy."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

BEATS = 3
# A process that computes uses more of a core than this; one that is stopped or waits for a lock uses none.
BUSY_PART = 0.02


@dataclass(frozen=True, slots=True)
class Signs:
    """Signs of life that others have seen.

    Attributes:
        in_flight: Requests that the server answers.
        heard: When it last sent something, on the monotonic clock; None if it never has.
    """

    in_flight: int = 0
    heard: float | None = None


async def hangs(pid: int, port: int, *, every: float, patience: float, signs: Callable[[], Signs]) -> None:
    """Return once the server hangs; never while it shows a sign of life.

    It hangs if it leaves several questions for its health in a row without any answer, sends nothing to anybody
    meanwhile, and does not compute either: all of its HTTP threads may be held by requests that wait for a long prompt. With
    nothing to answer, computing is no excuse. Each question has time of its own, so that neither a laptop that slept nor
    a clock that was set looks like a hang.

    Args:
        pid: Its process.
        port: On loopback.
        every: Seconds between two questions.
        patience: Seconds that it has for each answer.
        signs: What others have seen of it.
    """
    missed = 0
    while True:
        began, computed = time.monotonic(), _cpu_seconds(pid)
        await asyncio.sleep(every)
        if await _answers(port, patience):
            missed = 0
            continue
        seen = signs()
        heard = seen.heard is not None and seen.heard >= began
        seconds = time.monotonic() - began
        computes = _cpu_seconds(pid) - computed > BUSY_PART * seconds
        missed = 0 if heard or (seen.in_flight and computes) else missed + 1
        if missed >= BEATS:
            return


async def _answers(port: int, patience: float) -> bool:
    """Whether anything at all comes back for a question after its health."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(patience):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                return bool(await reader.read(1))
            finally:
                writer.close()
    return False


def _cpu_seconds(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)
