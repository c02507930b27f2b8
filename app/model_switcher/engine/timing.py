"""How long loads took, and so how long the next ones will take."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from model_switcher.engine.history import History
from model_switcher.engine.page_cache import is_cold

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_switcher.domain.catalog import Catalog, Model
    from model_switcher.domain.history import HistoryReport
    from model_switcher.domain.snapshot import Outcome, Snapshot
    from model_switcher.engine.control.server import Server
    from model_switcher.engine.hub import Hub
    from model_switcher.places import Places

HISTORY_FILE = "history.sqlite"
AT_ONCE = 10
SETTLE_SECONDS = 0.05  # whoever waits for the load that just ended goes first


class Timing:
    """Notes every load in the history, and tells the views what to expect. Lives on the runtime's loop.

    Args:
        places: Where the history lies.
        hub: Is told the expected time of each model.
    """

    def __init__(self, places: Places, hub: Hub) -> None:
        self._history = History(places.state / HISTORY_FILE)
        self._hub = hub
        self._cold: dict[str, bool | None] = {}
        self._telling: asyncio.Task[None] | None = None
        self._again = False
        self._catalog: Catalog | None = None
        self._unsubscribe: Callable[[], None] = lambda: None
        self._listeners: list[Callable[[Outcome], None]] = []

    async def open(self) -> None:
        """Remember earlier runs."""
        await self._history.open()
        self._unsubscribe = self._hub.subscribe(self._changed)

    async def look(self, model: Model) -> None:
        """The model is about to be loaded: note whether its file has to come from the disk."""
        self._cold[model.id] = await is_cold(model.files)

    def expected(self, model_id: str) -> float | None:
        """Seconds that a load of the model will take; None if nothing tells."""
        return self._expected(self._hub.snapshot.catalog.get(model_id), model_id)

    def note(self, outcome: Outcome, server: Server | None) -> None:
        """A load ended: well, and then `server` holds the model, or not."""
        model = self._hub.snapshot.catalog.get(outcome.target)
        self._history.record(
            outcome,
            size=model.size if model is not None else None,
            engine=server.launch.engine if server is not None else None,
            load_seconds=server.load_seconds if server is not None else None,
            cold=self._cold.pop(outcome.target, None),
        )
        self._tell_soon()
        for listener in tuple(self._listeners):
            listener(outcome)

    def subscribe(self, listener: Callable[[Outcome], None]) -> Callable[[], None]:
        """Call `listener` whenever a load has ended; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def _changed(self, snapshot: Snapshot) -> None:
        if snapshot.catalog is not self._catalog:
            self._catalog = snapshot.catalog
            self._tell_soon()

    def _tell_soon(self) -> None:
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell(), name="expected times")
        else:
            self._again = True

    async def _tell(self) -> None:
        """A few models at a time: what is asked of the history for a thousand of them would hold up the loop."""
        while True:
            await asyncio.sleep(SETTLE_SECONDS)
            self._again = False
            times: dict[str, float] = {}
            for number, model in enumerate(self._hub.snapshot.catalog.models):
                if number % AT_ONCE == 0:
                    await asyncio.sleep(0)
                expected = self._expected(model, model.id)
                if expected is not None:
                    times[model.id] = expected
            self._hub.update(expected=times)
            if not self._again:
                return

    async def report(self, limit: int | None = None) -> HistoryReport:
        """All that is kept, the newest `limit` loads one by one."""
        return await self._history.report(limit)

    async def close(self) -> None:
        """Write what is not written yet."""
        self._unsubscribe()
        if self._telling is not None:
            self._telling.cancel()
            await asyncio.gather(self._telling, return_exceptions=True)
        await self._history.close()

    def _expected(self, model: Model | None, model_id: str) -> float | None:
        size = model.size if model is not None else None
        return self._history.expected(model_id, size=size, cold=self._cold.get(model_id))
