"""What the window has asked for and is not done yet."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from model_switcher.domain.errors import Closing, SwitcherError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


class Errands:
    """Keeps what is under way until it is done.

    Args:
        fail: Told why one could not be done.
    """

    def __init__(self, fail: Callable[[SwitcherError], None]) -> None:
        self._fail = fail
        self._tasks: set[asyncio.Task[None]] = set()

    def do(self, work: Coroutine[Any, Any, None]) -> None:
        """Begins it."""
        task = asyncio.ensure_future(self._told(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # One that is called off before its first step never came to await it.
        task.add_done_callback(lambda _: work.close())

    async def close(self) -> None:
        """Returns when nothing is under way any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _told(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Closing:
            return
        except SwitcherError as error:
            self._fail(error)
