"""Tells the views what every model takes and whether it fits."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from model_switcher.engine.needs.fits import fit_of, fit_of_resident

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_switcher.domain.need import Fit, Need
    from model_switcher.engine.hub import Hub
    from model_switcher.engine.needs.ledger import Circumstances, Ledger

# While there is more to come.
PAUSE_SECONDS = 1.0
_SLICE = 50


class Board:
    """Lives on the runtime's loop.

    Args:
        hub: Is given needs and fits.
        ledger: What is known.
        need_of: What a model takes that runs.
        margin: What is to be left free beside others.
    """

    def __init__(
        self, hub: Hub, ledger: Ledger, need_of: Callable[[str], Need | None], *, margin: int
    ) -> None:
        self._hub = hub
        self._ledger = ledger
        self._need_of = need_of
        self.margin = margin
        self._shown: object = None
        self._shown_at = 0.0

    async def show(self, now: Circumstances | None) -> None:
        """Tell the hub, if there is news. A thousand models are looked at in slices of half a millisecond."""
        if now is None:
            return
        running = {server.model for server in self._hub.snapshot.servers}
        shown = now, running, self._ledger.edition, self.margin
        soon = time.monotonic() - self._shown_at < PAUSE_SECONDS
        if shown == self._shown or (soon and self._ledger.pending):
            return
        self._shown, self._shown_at = shown, time.monotonic()
        before = self._hub.snapshot.fits
        fits: dict[str, Fit] = {}
        needs: dict[str, tuple[Need, ...]] = {}
        for count, (model_id, row) in enumerate(tuple(self._ledger.rows.items()), start=1):
            if row.made_for is None:
                continue
            if model_id in running:
                found = fit_of_resident(self._need_of(model_id), now)
            else:
                found = fit_of(row.estimate, now, margin=self.margin)
            # States that are kept for readers who come back then share what did not change.
            fits[model_id] = before[model_id] if before.get(model_id) == found else found
            if row.estimate is not None:
                needs[model_id] = row.estimate.known
            if count % _SLICE == 0:
                await asyncio.sleep(0)
        self._hub.update(fits=fits, needs=needs)
