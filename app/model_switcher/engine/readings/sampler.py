"""All readings of one moment."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from model_switcher.domain.memory import Readings
from model_switcher.engine.readings.nvml import Nvml
from model_switcher.engine.readings.ram import read_ram, read_rss

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class MemorySampler:
    """Reads GPU and main memory. May be called from any thread; one reading at a time.

    Args:
        clock: Seconds of a clock that never goes back; it decides when a missing driver is asked for again.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._nvml = Nvml(clock)
        self._lock = threading.Lock()

    def sample(self, server_pids: Sequence[int] = ()) -> Readings:
        """What GPU and main memory hold now, and what the processes `server_pids` hold of the latter.

        Blocks for about a millisecond, and for up to some seconds when a driver is being connected to. Never raises
        for what cannot be read: that is None.
        """
        with self._lock:
            gpus, problem = self._nvml.read()
        return Readings(
            time=time.time(),
            gpus=gpus,
            gpu_problem=problem,
            ram=read_ram(),
            servers_rss=read_rss(server_pids),
        )

    def close(self) -> None:
        """Let the GPU driver go."""
        with self._lock:
            self._nvml.close()
