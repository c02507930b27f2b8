"""What every model takes and whether it fits at this moment, for those who do not stay."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from model_switcher.domain.snapshot import Snapshot
from model_switcher.engine.background import in_background
from model_switcher.engine.binaries.probe import EngineProber
from model_switcher.engine.control.preflight import names_of
from model_switcher.engine.hub import Hub
from model_switcher.engine.log import LogRing
from model_switcher.engine.needs.needs import Needs
from model_switcher.engine.readings.sampler import MemorySampler

if TYPE_CHECKING:
    from model_switcher.domain.catalog import Catalog
    from model_switcher.domain.settings import Settings
    from model_switcher.places import Places

PATIENCE_SECONDS = 10.0
"""What is not known by then is left out: an engine may not say what it is, a driver may hang."""


async def with_fits(catalog: Catalog, settings: Settings, places: Places) -> Snapshot:
    """The catalog with what its models take and whether they fit into what is free now, as far as that can be told.

    Args:
        catalog: Every model.
        settings: Engines, launch options and margin.
        places: Where measurements of earlier runs lie.
    """
    hub = Hub(Snapshot(catalog=catalog, time=time.time()))
    sampler = MemorySampler()
    needs = Needs(settings, places, hub, LogRing(), EngineProber(), names_of=names_of, rest=0.0)
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_SECONDS):
                hub.update(readings=await in_background(sampler.sample))
                needs.start()
                await needs.worked_out()
    finally:
        await needs.close()
        sampler.close()
    return hub.snapshot
