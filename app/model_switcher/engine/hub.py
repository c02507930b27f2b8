"""The one place where a change becomes a new snapshot, and where views subscribe."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_switcher.domain.snapshot import Snapshot

logger = logging.getLogger(__name__)


class Hub:
    """Holds the current snapshot. Lives on the runtime's loop."""

    def __init__(self, first: Snapshot) -> None:
        self._snapshot = first
        self._listeners: list[Callable[[Snapshot], None]] = []

    @property
    def snapshot(self) -> Snapshot:
        """What is the case now."""
        return self._snapshot

    def update(self, **changes: Any) -> None:
        """Replace those fields; nothing happens if none of them is new."""
        if all(getattr(self._snapshot, name) == value for name, value in changes.items()):
            return
        self._snapshot = replace(
            self._snapshot, number=self._snapshot.number + 1, time=time.time(), **changes
        )
        for listener in tuple(self._listeners):
            try:
                listener(self._snapshot)
            except Exception:
                # A view that fails must not stop the engine that it looks at, nor keep the news from the others.
                logger.exception("A listener failed on snapshot %d", self._snapshot.number)

    def subscribe(self, listener: Callable[[Snapshot], None]) -> Callable[[], None]:
        """Call `listener` now and with every new snapshot; returns what ends that."""
        self._listeners.append(listener)
        listener(self._snapshot)
        return lambda: self._listeners.remove(listener)

    async def wait_for(self, condition: Callable[[Snapshot], bool]) -> Snapshot:
        """The first snapshot, from the current one on, that meets the condition."""
        found: asyncio.Future[Snapshot] = asyncio.get_running_loop().create_future()

        def look(snapshot: Snapshot) -> None:
            if not found.done() and condition(snapshot):
                found.set_result(snapshot)

        end = self.subscribe(look)
        try:
            return await found
        finally:
            end()
