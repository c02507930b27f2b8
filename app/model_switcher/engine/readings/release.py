"""Waiting until the memory of an engine that ended is proven free."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from model_switcher.domain.release import Unproven, Waiting, released

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from model_switcher.domain.memory import Readings
    from model_switcher.domain.release import Proven

# A counter that stayed as it was for 8 s after the end has been seen.
RELEASE_SECONDS = 10.0
FIRST_PAUSE = 0.02
LONGEST_PAUSE = 0.5
_GROWTH = 1.6


async def prove_release(
    read: Callable[[], Awaitable[Readings]],
    before: Readings,
    *,
    pids: frozenset[int],
    held: int | None = None,
    bound: float = RELEASE_SECONDS,
) -> Proven | Unproven:
    """Read until what the ended processes `pids` held is free, often at first; at most `bound` seconds.

    Args:
        read: A fresh reading, with `pids` among the servers asked for.
        before: Read shortly before they were told to end. A reading in which they do not stand yet proves less.
        pids: The server's process; what it started is known from the readings.
        held: Bytes that they held on all GPUs together, as known otherwise; used where a driver does not tell.
        bound: Seconds.
    """
    began, pause = time.monotonic(), FIRST_PAUSE
    try:
        # A driver that hangs gets as long as a counter that does not move.
        async with asyncio.timeout(2 * bound):
            while True:
                after = await read()
                waited = time.monotonic() - began
                verdict = released(before, after, pids=pids, held=held, waited=waited, bound=bound)
                if not isinstance(verdict, Waiting):
                    return verdict
                await asyncio.sleep(min(pause, max(bound - waited, 0.0)))
                pause = min(pause * _GROWTH, LONGEST_PAUSE)
    except TimeoutError:
        return Unproven(holder="the driver: it does not answer")
