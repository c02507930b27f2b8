"""Windows' counters, its adapters and NVIDIA's driver as one list of GPUs.

NVIDIA's driver gives no figures of processes under Windows' own model of drivers (WDDM), and nobody else gives a
temperature: so totals and sensors are the driver's where there is one, and processes are the system's.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from model_switcher.domain.memory import Gpu, GpuProcess
from model_switcher.domain.units import GIB, MIB
from model_switcher.engine.readings.ram import ProcessNames
from model_switcher.engine.readings.windows.ports import (
    ADAPTER_DEDICATED,
    ADAPTER_SHARED,
    PROCESS_DEDICATED,
    PROCESS_SHARED,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from model_switcher.engine.readings.port import GpuReader
    from model_switcher.engine.readings.windows.ports import Adapter, Adapters, Counters

_INSTANCE = re.compile(
    r"(?:pid_(?P<pid>\d+)_)?luid_0x(?P<high>[0-9a-f]+)_0x(?P<low>[0-9a-f]+)_phys_\d+", re.IGNORECASE
)
# Every program with a window has a little.
_LEAST_OF_PROCESS = MIB
# No card has so little of its own; what a processor's graphics are given of main memory seldom is more.
_LEAST_OF_CARD = GIB

Luid = tuple[int, int]


class WindowsGpus:
    """All GPUs of a Windows computer.

    Args:
        counters: The performance counters.
        adapters: Lists the adapters; asked again when another one appears in the counters.
        nvidia: NVIDIA's driver.
    """

    def __init__(self, counters: Counters, adapters: Adapters, nvidia: GpuReader) -> None:
        self._counters = counters
        self._list_adapters = adapters
        self._nvidia = nvidia
        self._adapters: dict[Luid, Adapter] = {}
        self._listed: frozenset[Luid] | None = None
        self._names = ProcessNames()

    def read(self, server_pids: Sequence[int] = ()) -> tuple[tuple[Gpu, ...], str | None]:
        """Every GPU that answers, and why there is none (None if there is one)."""
        nvidia, problem = self._nvidia.read(server_pids)
        figures = self._counters.read()
        dedicated = _by_adapter(figures.get(ADAPTER_DEDICATED, {}))
        shared = _by_adapter(figures.get(ADAPTER_SHARED, {}))
        self._look(frozenset(dedicated | shared))
        processes = self._processes(figures)
        told = PROCESS_DEDICATED in figures
        gpus: list[Gpu] = []
        left = list(nvidia)
        for luid, adapter in self._adapters.items():
            mine = next((gpu for gpu in left if _is_same(gpu, adapter)), None)
            if mine is not None:
                left.remove(mine)
            base = mine or _of_adapter(len(gpus), adapter, dedicated.get(luid))
            gpus.append(
                replace(
                    base,
                    shared_used=shared.get(luid),
                    processes=processes.get(luid, ()) if told else base.processes,
                    process_source="windows" if told else base.process_source,
                )
            )
        gpus += left
        return tuple(gpus), None if gpus else problem

    def close(self) -> None:
        """Let counters and driver go; a later reading connects again."""
        self._counters.close()
        self._nvidia.close()

    def _look(self, luids: frozenset[Luid]) -> None:
        """A driver that restarts and a card that comes back have another LUID."""
        if self._listed == luids:
            return
        self._listed = luids
        listed = {adapter.luid: adapter for adapter in self._list_adapters() if not adapter.software}
        # The counters also tell of the program that draws where there is no card.
        self._adapters = {luid: adapter for luid, adapter in listed.items() if not luids or luid in luids}

    def _processes(self, figures: Mapping[str, Mapping[str, int]]) -> dict[Luid, tuple[GpuProcess, ...]]:
        """Who holds memory on each adapter, the greatest first."""
        own, shared = (
            _by_process(figures.get(PROCESS_DEDICATED, {})),
            _by_process(figures.get(PROCESS_SHARED, {})),
        )
        holders = [
            key
            for key in own.keys() | shared.keys()
            if own.get(key, 0) + shared.get(key, 0) >= _LEAST_OF_PROCESS
        ]
        names = self._names.of({pid for _, pid in holders})
        found: dict[Luid, list[GpuProcess]] = {}
        for luid, pid in sorted(holders, key=lambda key: (-own.get(key, 0), key)):
            process = GpuProcess(
                pid=pid, name=names[pid], used=own.get((luid, pid), 0), shared=shared.get((luid, pid))
            )
            found.setdefault(luid, []).append(process)
        return {luid: tuple(processes) for luid, processes in found.items()}


def _by_adapter(instances: Mapping[str, int]) -> dict[Luid, int]:
    """Figures by adapter; one of several chips has an instance for each."""
    sums: dict[Luid, int] = {}
    for name, value in instances.items():
        if (match := _INSTANCE.match(name)) and match["pid"] is None:
            luid = _luid(match)
            sums[luid] = sums.get(luid, 0) + value
    return sums


def _by_process(instances: Mapping[str, int]) -> dict[tuple[Luid, int], int]:
    sums: dict[tuple[Luid, int], int] = {}
    for name, value in instances.items():
        if (match := _INSTANCE.match(name)) and match["pid"] is not None:
            key = _luid(match), int(match["pid"])
            sums[key] = sums.get(key, 0) + value
    return sums


def _luid(match: re.Match[str]) -> Luid:
    return int(match["high"], 16), int(match["low"], 16)


def _is_same(gpu: Gpu, adapter: Adapter) -> bool:
    """Whether NVIDIA's driver and the system speak of one card: it has one place on the bus."""
    if gpu.pci is None or adapter.place is None:
        return gpu.name == adapter.name
    bus, device, function = adapter.place
    return gpu.pci.partition(":")[2] == f"{bus:02x}:{device:02x}.{function:x}"


def _of_adapter(index: int, adapter: Adapter, used: int | None) -> Gpu:
    """A GPU that only the system tells of."""
    total = adapter.dedicated
    place = None
    if adapter.place is not None:
        bus, device, function = adapter.place
        place = f"0000:{bus:02x}:{device:02x}.{function:x}"
    return Gpu(
        index=index,
        name=adapter.name,
        source="windows",
        total=total,
        used=used,
        free=None if total is None or used is None else max(0, total - used),
        id=place or "",
        pci=place,
        integrated=adapter.integrated or (total is not None and total < _LEAST_OF_CARD),
    )
