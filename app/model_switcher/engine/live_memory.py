"""Memory for the controller, from the readings and from what models are known to need."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from model_switcher.domain.fit import Holding, Place, bounds, driver_of, held, place_of, space
from model_switcher.domain.plan import Span
from model_switcher.domain.release import Unproven
from model_switcher.domain.states import ServerState
from model_switcher.domain.units import format_size
from model_switcher.engine.readings.ram import read_ram
from model_switcher.engine.readings.release import prove_release

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from model_switcher.domain.launch import Launch
    from model_switcher.domain.memory import Readings
    from model_switcher.domain.need import Fit, Need
    from model_switcher.engine.control.server import Server
    from model_switcher.engine.hub import Hub
    from model_switcher.engine.readings.watch import MemoryWatch


class Needs(Protocol):
    """Says what models take."""

    def of(self, model_id: str) -> Need | None:
        """What a model takes with its launch options; None if nobody knows."""
        ...


class NoNeeds:
    """Where nobody knows what models take."""

    def of(self, model_id: str) -> Need | None:
        del model_id
        return None


class LiveMemory:
    """The controller's `Memory`. Lives on the runtime's loop.

    Args:
        hub: Has the latest readings, and is given fresher ones.
        watch: Reads.
        needs: What models take.
    """

    def __init__(self, hub: Hub, watch: MemoryWatch, needs: Needs) -> None:
        self._hub = hub
        self._watch = watch
        self._needs = needs

    def room(self, servers: Iterable[Server]) -> int | None:
        """Bytes free on the memory that counts here. What came up since the last reading is taken off by its need."""
        readings = self._hub.snapshot.readings
        if readings is None:
            return None
        running = list(servers)
        there = space(readings, self._place(readings), [self._holding(server) for server in running])
        free = there.free
        for server in running:
            if free is not None and server.state is ServerState.READY and server.since >= readings.time:
                taken = self._taken(self._needs.of(server.model), readings)
                free = None if taken is None else max(0, free - taken.high)
        return free

    def need(self, launch: Launch) -> Span | None:
        readings = self._hub.snapshot.readings
        return None if readings is None else self._taken(self._needs.of(launch.model.id), readings)

    def held(self, server: Server) -> int | None:
        readings = self._hub.snapshot.readings
        if readings is None:
            return None
        return held(readings, self._place(readings), self._holding(server), driver=driver_of(readings))

    def fit(self, model: str) -> Fit | None:
        return self._hub.snapshot.fits.get(model)

    async def released(self, server: Server) -> None:
        """Wait for the proof; where there is none in time, tell who holds the rest."""
        before = self._hub.snapshot.readings
        if before is None or server.pid is None:
            return
        if not before.cards:  # main memory: the process is gone, and so is what it held
            self._hub.update(readings=replace(before, time=time.time(), ram=read_ram()))
            return
        seen, need = self._watch.last_of(server.pid), self._needs.of(server.model)
        verdict = await prove_release(
            self._read(server.pid),
            seen or before,
            pids=frozenset({server.pid}),
            # Of a server that no reading has seen loaded, nobody knows that it held what it needs.
            held=need.device.total if need is not None and seen is not None else None,
        )
        self._hub.update(memory_notice=_sentence(server, verdict) if isinstance(verdict, Unproven) else None)

    def _read(self, pid: int) -> Callable[[], Awaitable[Readings]]:
        async def read() -> Readings:
            pids = {one.pid for one in self._hub.snapshot.servers if one.pid is not None}
            readings = await self._watch.read(sorted(pids | {pid}))
            self._hub.update(readings=readings)
            return readings

        return read

    def _taken(self, need: Need | None, readings: Readings) -> Span | None:
        place = self._place(readings)
        if need is None or (place is Place.RAM and place_of(need, readings) is Place.GPU):
            return None  # nobody knows, or nobody knows the GPU
        return Span(*bounds(need, place, driver=driver_of(readings)))

    def _place(self, readings: Readings) -> Place:
        return place_of(None, readings)

    def _holding(self, server: Server) -> Holding:
        return Holding(pid=server.pid, need=self._needs.of(server.model))


def _sentence(server: Server, verdict: Unproven) -> str:
    amount = f"{format_size(verdict.missing)} of its memory" if verdict.missing else "its memory"
    where = f" on {verdict.device}" if verdict.device else ""
    return f"{server.launch.model.name} has ended, but {amount}{where} is still held by {verdict.holder}"
