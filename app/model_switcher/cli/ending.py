"""Ending an instance from outside."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from model_switcher.client.finding import find
from model_switcher.places import places
from model_switcher.processes import is_same_process

if TYPE_CHECKING:
    from model_switcher.client.switcher import Switcher

LOOK_AGAIN_SECONDS = 0.02


async def end_instance(switcher: Switcher, config: str | None) -> None:
    """Ask the instance to end, and wait until its process is gone."""
    record = find(places(config))
    await switcher.quit()
    while record is not None and is_same_process(record.pid, record.created):  # noqa: ASYNC110 - another process ends
        await asyncio.sleep(LOOK_AGAIN_SECONDS)
