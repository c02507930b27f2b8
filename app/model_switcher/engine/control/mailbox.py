"""What the one writer takes its steps from, in order."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Step = Callable[[], None]

logger = logging.getLogger(__name__)


class Mailbox:
    """Carries steps to the task that runs it. Steps never wait; they may be posted at any time, on the loop."""

    def __init__(self) -> None:
        self._steps: asyncio.Queue[Step] = asyncio.Queue()

    def post(self, step: Step) -> None:
        """Have it done after all that was posted before."""
        self._steps.put_nowait(step)

    async def carried_out(self, step: Step) -> None:
        """Have it done, and wait until it was."""
        done = asyncio.Event()

        def carry_out() -> None:
            done.set()  # whoever waits goes on when the writer pauses, which is after the whole step
            step()

        self.post(carry_out)
        await done.wait()

    async def run(self, after_each: Step) -> None:
        """Do what is posted, and `after_each` after each, for ever."""
        while True:
            step = await self._steps.get()
            try:
                step()
                after_each()
            except Exception:
                # A defect in one step must not leave everybody waiting for ever, and the engines running.
                logger.exception("A step failed")
