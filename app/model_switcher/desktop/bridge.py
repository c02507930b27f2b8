"""The only crossing between the desktop's loop and the engine's: intentions go over, snapshots come back."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar

from PySide6.QtCore import QObject, Qt, Signal

from model_switcher.domain.errors import Closing
from model_switcher.domain.states import ServerState

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from model_switcher.desktop.engine_side import Intentions
    from model_switcher.domain.snapshot import Snapshot

T = TypeVar("T")


class Bridge(QObject):
    """Crosses between the loops; lives in the desktop's thread. `changed` carries snapshots there.

    While the desktop is busy the latest one takes the place of those before it, but never of one that shows a server
    that failed: a crash is seen in that one alone.
    """

    changed = Signal(object)
    _arrived = Signal()

    def __init__(self, loop: asyncio.AbstractEventLoop, intentions: Intentions) -> None:
        super().__init__()
        self._loop, self._intentions = loop, intentions
        self._waiting: deque[Snapshot] = deque()
        self._guard = threading.Lock()  # of what waits: one thread puts, the other takes
        self._announced = self._closing = False
        self._pending: set[asyncio.Future[Any]] = set()
        self._running: set[asyncio.Task[Any]] = set()  # touched on the engine's loop only, as is the next
        self._unsubscribe: Callable[[], None] = lambda: None
        self._arrived.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    async def open(self) -> None:
        """Begins to deliver snapshots, the current one first."""
        await self.call(self._subscribe)

    async def call(self, intention: Callable[[Intentions], Coroutine[Any, Any, T]]) -> T:
        """The result of `intention`, which runs on the engine's loop; cancelling the await cancels it there.

        Raises:
            Closing: The bridge was closed, or the engine's loop is gone.
            SwitcherError: What the intention raised.
        """
        if self._closing:
            raise Closing("Model Switcher is closing")
        return await self._cross(self._run(intention))

    async def close(self) -> None:
        """Cancels what is pending, and returns when it has ended on the engine's loop too."""
        self._closing = True
        for future in tuple(self._pending):
            future.cancel()
        await self._cross(self._wind_up())

    async def _cross(self, coroutine: Coroutine[Any, Any, T]) -> T:
        try:
            future = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._loop))
        except RuntimeError as error:  # that loop is closed
            coroutine.close()
            raise Closing("Model Switcher is closing") from error
        self._pending.add(future)
        try:
            return await future
        finally:
            self._pending.discard(future)

    def _deliver(self) -> None:
        self._announced = False  # before the read: a snapshot that comes in between is announced again
        with self._guard:
            snapshots = tuple(self._waiting)
            self._waiting.clear()
        for snapshot in snapshots:
            if not self._closing:
                self.changed.emit(snapshot)

    # From here on: on the engine's loop.

    def _heard(self, snapshot: Snapshot) -> None:
        with self._guard:
            if self._waiting and not _shows_failure(self._waiting[-1]):
                self._waiting.pop()
            self._waiting.append(snapshot)
        if not self._announced:  # one event in the queue is enough: it delivers whatever is the latest then
            self._announced = True
            self._arrived.emit()

    async def _subscribe(self, intentions: Intentions) -> None:
        self._unsubscribe = intentions.subscribe(self._heard)

    async def _run(self, intention: Callable[[Intentions], Coroutine[Any, Any, T]]) -> T:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            return await intention(self._intentions)
        finally:
            self._running.discard(task)

    async def _wind_up(self) -> None:
        self._unsubscribe()
        self._unsubscribe = lambda: None
        if self._running:
            await asyncio.wait(self._running)


def _shows_failure(snapshot: Snapshot) -> bool:
    return any(server.state is ServerState.FAILED for server in snapshot.servers)
