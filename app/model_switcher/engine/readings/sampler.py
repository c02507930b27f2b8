"""All readings of one moment."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from model_switcher.domain.memory import Readings
from model_switcher.engine.readings.gpus import gpu_readers
from model_switcher.engine.readings.kinship import Kinship
from model_switcher.engine.readings.processor import Processor
from model_switcher.engine.readings.ram import read_ram
from model_switcher.engine.readings.server_processes import ServerProcesses

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from model_switcher.domain.memory import Gpu
    from model_switcher.engine.readings.port import GpuReader


class MemorySampler:
    """Reads GPU and main memory. May be called from any thread; one reading at a time.

    Args:
        clock: Seconds of a clock that never goes back; it decides when a missing driver is asked for again.
        readers: What reads the GPUs; None for what this platform has.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, *, readers: Sequence[GpuReader] | None = None
    ) -> None:
        self._readers = gpu_readers(clock) if readers is None else tuple(readers)
        self._kinship = Kinship(clock)
        self._servers = ServerProcesses()
        self._processor = Processor(clock)
        self._known: dict[str, str] = {}
        self._lock = threading.Lock()

    def sample(self, server_pids: Sequence[int] = ()) -> Readings:
        """What GPU and main memory hold now, and what the processes `server_pids` hold of the latter.

        Blocks for about a millisecond, and for up to some seconds when a driver is being connected to. Never raises
        for what cannot be read: that is None.
        """
        with self._lock:
            gpus, problem = self._read_gpus(server_pids)
            kin = self._kinship.of(
                server_pids, [process.pid for gpu in gpus for process in gpu.processes or ()]
            )
            taken = self._servers.read(server_pids, kin)
            return Readings(
                time=time.time(),
                gpus=gpus,
                gpu_problem=problem,
                missing=self._missing(gpus),
                ram=read_ram(),
                servers_rss={pid: one.rss for pid, one in taken.items()},
                kin=kin,
                busy=self._processor.others(taken),
            )

    def close(self) -> None:
        """Let the GPU drivers go."""
        with self._lock:
            for reader in self._readers:
                reader.close()

    def _read_gpus(self, server_pids: Sequence[int]) -> tuple[tuple[Gpu, ...], str | None]:
        """Those with known memory of their own first; and why there is none."""
        gpus: list[Gpu] = []
        problems: list[str] = []
        for reader in self._readers:
            found, problem = reader.read(server_pids)
            gpus += found
            if problem is not None:
                problems.append(problem)
        gpus.sort(key=lambda gpu: (gpu.integrated, gpu.total is None))
        return tuple(gpus), None if gpus or not problems else problems[-1]

    def _missing(self, gpus: Sequence[Gpu]) -> tuple[str, ...]:
        present = {gpu.key: gpu.name for gpu in gpus}
        self._known |= present
        return tuple(name for key, name in self._known.items() if key not in present)
