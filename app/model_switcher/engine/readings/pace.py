"""When memory is looked at: each time that is asked while something goes on, every other time when nothing has for long."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from model_switcher.domain.states import ServerState
from model_switcher.domain.units import MIB

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from model_switcher.domain.memory import Readings
    from model_switcher.domain.snapshot import Snapshot

CALM_AFTER_SECONDS = 10.0
# Less than this moves no gauge: main memory goes up and down all the time, that of a GPU does not.
GPU_GRAIN = 32 * MIB
RAM_GRAIN = 256 * MIB


class Pace:
    """Asked once a second.

    Args:
        clock: Seconds of a clock that never goes back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._used: Mapping[str, int] = {}
        self._since = clock()
        self._looked = False

    def due(self, snapshot: Snapshot) -> bool:
        """Whether memory is to be looked at now."""
        self._looked = not (self._looked and self._is_calm(snapshot))
        return self._looked

    def _is_calm(self, snapshot: Snapshot) -> bool:
        used, grain = _used(snapshot.readings)
        moved = used.keys() != self._used.keys() or any(
            abs(now - self._used[where]) >= grain for where, now in used.items()
        )
        if moved or _works(snapshot):
            self._used, self._since = used, self._clock()
        return self._clock() - self._since >= CALM_AFTER_SECONDS


def _used(readings: Readings | None) -> tuple[Mapping[str, int], int]:
    """Bytes in use where models are kept, and how many more or less are worth a look."""
    if readings is not None and readings.cards:
        return {gpu.key: gpu.used or 0 for gpu in readings.cards}, GPU_GRAIN
    ram = readings.ram if readings is not None else None
    return {} if ram is None else {"main memory": ram.used}, RAM_GRAIN


def _works(snapshot: Snapshot) -> bool:
    return (
        snapshot.switch is not None
        or snapshot.held > 0
        or any(server.in_flight or server.state is not ServerState.READY for server in snapshot.servers)
    )
