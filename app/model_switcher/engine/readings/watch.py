"""Memory as the snapshot tells it, asked for once a second: readings, who holds what, how fast the models are, spill."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from model_switcher.domain.low_memory import LowMemoryWatch, watch_low
from model_switcher.domain.memory import Readings
from model_switcher.domain.owners import split
from model_switcher.domain.spill import Look, SpillWatch, watch
from model_switcher.domain.states import ServerState
from model_switcher.engine.background import Worker
from model_switcher.engine.process.report import EngineReport
from model_switcher.engine.readings.pace import Pace
from model_switcher.engine.readings.ram import read_ram
from model_switcher.engine.readings.sampler import MemorySampler

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from model_switcher.domain.memory import Gpu
    from model_switcher.domain.snapshot import ServerView, Snapshot
    from model_switcher.domain.spill import Spill
    from model_switcher.engine.log import LogLine, LogRing

HANG_SECONDS = 5.0
CLOSE_SECONDS = 1.0


class MemoryWatch:
    """Looks at memory for as long as the runtime runs. Lives on the runtime's loop.

    Args:
        log: What the engines write.
        sampler: What reads.
        hang: Seconds after which a driver counts as hanging.
        cache_of: Bytes of a model's cache on the GPU, by the model's id; None where that is not known.
    """

    def __init__(
        self,
        log: LogRing,
        sampler: MemorySampler | None = None,
        *,
        hang: float = HANG_SECONDS,
        cache_of: Callable[[str], int | None] = lambda _: None,
    ) -> None:
        self._sampler = sampler or MemorySampler()
        self._worker = Worker("readings")
        self._pace = Pace()
        self._hang = hang
        self._cache_of = cache_of
        self._reports: defaultdict[str, EngineReport] = defaultdict(EngineReport)
        self._spills: dict[str, SpillWatch] = {}
        self._low = LowMemoryWatch()
        self._last = Readings(time=0.0)
        self._seen: dict[int, Readings] = {}
        self._stuck: asyncio.Future[Readings] | None = None
        self._end_listening = log.subscribe(self._hear)

    async def look(self, snapshot: Snapshot) -> dict[str, Any]:
        """The fields of the snapshot that memory decides, as they are now; none where this is not worth a look."""
        if not self._pace.due(snapshot):
            return {}
        servers = {server.pid: server.model for server in snapshot.servers if server.pid is not None}
        self._last = readings = await self._read(tuple(servers))
        self._note(snapshot.servers, readings)
        owners = split(readings, servers)
        ready = tuple(server.alias for server in snapshot.servers if server.state is ServerState.READY)
        self._low = watch_low(self._low, ready, readings, owners)
        return {
            "readings": readings,
            "owners": owners,
            "low_memory": self._low.alarm,
            "spill": self._spill(snapshot.servers, readings),
        }

    async def read(self, pids: Sequence[int]) -> Readings:
        """A fresh reading, with those processes among the servers asked for."""
        return await self._worker.call(partial(self._sampler.sample, pids))

    def last_of(self, pid: int) -> Readings | None:
        """The last reading in which that ready server held its memory; None if there is none.

        With what a release is compared: a reading from before the load, or from after the end, would prove nothing.
        """
        return self._seen.get(pid)

    async def close(self) -> None:
        """Let the drivers go; one that hangs is left behind."""
        self._end_listening()
        await asyncio.wait({self._worker.call(self._sampler.close)}, timeout=CLOSE_SECONDS)
        self._worker.end()

    async def _read(self, pids: Sequence[int]) -> Readings:
        """A reading; without GPUs as long as a driver hangs."""
        if self._stuck is None or self._stuck.done():
            reading = self._worker.call(partial(self._sampler.sample, pids))
            done, _ = await asyncio.wait({reading}, timeout=self._hang)
            if done:
                self._stuck = None
                return reading.result()
            self._stuck = reading
        names = tuple(gpu.name for gpu in self._last.gpus)
        return replace(
            self._last,
            time=time.time(),
            gpus=(),
            gpu_problem="The GPU driver does not answer.",
            missing=self._last.missing + names,
            ram=read_ram(),
        )

    def _note(self, servers: Sequence[ServerView], readings: Readings) -> None:
        """Keep the reading for each ready server, unless it was listed before and is not any more: then it has ended."""
        seen = {server.pid: self._seen[server.pid] for server in servers if server.pid in self._seen}
        for server in servers:
            if server.pid is None or server.state is not ServerState.READY:
                continue
            before = seen.get(server.pid)
            if before is None or _lists(readings, server.pid) or not _lists(before, server.pid):
                seen[server.pid] = readings
        self._seen = seen

    def _hear(self, line: LogLine) -> None:
        self._reports[line.model].hear(line.text)

    def _spill(self, servers: Sequence[ServerView], readings: Readings) -> Spill | None:
        """The first alarm of the servers that run."""
        ready = [server for server in servers if server.state is ServerState.READY]
        for model in self._spills.keys() - {server.model for server in ready}:
            del self._spills[model]
        for server in ready:
            before = self._spills.get(server.model, SpillWatch())
            self._spills[server.model] = watch(before, self._look(server, readings))
        alarms = (self._spills[server.model].spill for server in ready)
        return next((alarm for alarm in alarms if alarm is not None), None)

    def _look(self, server: ServerView, readings: Readings) -> Look:
        report = self._reports[server.model]
        family = {server.pid} | {pid for pid, parent in readings.kin.items() if parent == server.pid}
        held = [
            (gpu, process)
            for gpu in readings.cards
            for process in gpu.processes or ()
            if process.pid in family
        ]
        shares = [process.shared for _, process in held if process.shared is not None]
        fullest = _fullest([gpu for gpu, _ in held] or readings.cards)
        return Look(
            time=readings.time,
            start=server.alias,
            model=server.model,
            shared=sum(shares) if shares else None,
            free=fullest.free if fullest else None,
            total=fullest.total if fullest else None,
            busy=readings.busy,
            generations=report.take(),
            ctx_size=report.ctx_size,
            cache=self._cache_of(server.model),
        )


def _lists(readings: Readings, pid: int) -> bool:
    """Whether a GPU's driver tells of that server, or of what it started."""
    listed = {process.pid for gpu in readings.gpus for process in gpu.processes or ()}
    return any(readings.kin.get(one, one) == pid for one in listed)


def _fullest(gpus: Sequence[Gpu]) -> Gpu | None:
    known = [gpu for gpu in gpus if gpu.free is not None]
    return min(known, key=lambda gpu: gpu.free or 0, default=None)
