"""Puts the catalog together and tells of it."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from model_switcher.domain.catalog import Catalog
from model_switcher.engine.background import in_spare_thread
from model_switcher.engine.library.index import Index, index
from model_switcher.engine.library.port import Progress
from model_switcher.engine.library.troubles import trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from model_switcher.domain.catalog import Rejected
    from model_switcher.engine.library.port import Reader
    from model_switcher.engine.library.reading import Reading
    from model_switcher.engine.library.shelf import View

_PLACE = "(catalog)"
_log = logging.getLogger(__name__)


class Publisher:
    """The catalog as it was last told, and the progress that was told with it.

    Args:
        reader: Puts models together.
        reading: What was read so far.
        on_change: Told of every new catalog, and of the progress while headers are still read.
    """

    def __init__(
        self, reader: Reader, reading: Reading, on_change: Callable[[Catalog, Progress | None], None]
    ) -> None:
        self.catalog = Catalog()
        self.progress: Progress | None = Progress(0, 0)
        self._reader = reader
        self._reading = reading
        self._on_change = on_change

    async def publish(self, views: Sequence[View], troubles: Sequence[Rejected], *, busy: bool) -> bool:
        """Tell what is the case now; returns whether there was any news.

        Args:
            views: What the stores hold.
            troubles: What else to show.
            busy: Whether there is a store that was not looked through yet.
        """
        before = self.catalog, self.progress
        try:
            now, catalog = await in_spare_thread(partial(self._assembled, views, troubles))
            progress = Progress(now.total - now.waiting, now.total) if busy or now.waiting else None
            if catalog is not self.catalog or progress != self.progress:
                self.catalog, self.progress = catalog, progress
                self._on_change(catalog, progress)
            if progress is None:
                await self._reading.save(now)
        except Exception as error:  # noqa: BLE001 - nobody thought of it
            self._admit(error)
        return before != (self.catalog, self.progress)

    def _assembled(self, views: Sequence[View], troubles: Sequence[Rejected]) -> tuple[Index, Catalog]:
        now = index(views, self._reading.known)
        catalog = self._reader.assemble(now.found, [*now.rejected, *troubles])
        return now, self.catalog if catalog == self.catalog else catalog

    def _admit(self, error: Exception) -> None:
        """What was known stays, and it is shown that this is not all."""
        known = [entry for entry in self.catalog.rejected if entry.path != _PLACE]
        problem = trouble(_PLACE, "putting it together", error)
        self.catalog, self.progress = Catalog(self.catalog.models, (*known, problem)), None
        try:
            self._on_change(self.catalog, None)
        except Exception:  # noqa: BLE001 - nobody thought of it
            _log.exception("Nobody could be told of the catalog")
