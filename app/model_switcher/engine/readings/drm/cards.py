"""AMD's cards in full, Intel's as far as they tell, by /sys/class/drm.

AMD's files: https://docs.kernel.org/gpu/amdgpu/driver-misc.html and https://docs.kernel.org/gpu/amdgpu/thermal.html.
Intel's drivers give neither total nor used memory there.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from model_switcher.domain.memory import Gpu, GpuProcess
from model_switcher.engine.readings.drm.clients import Clients, Held
from model_switcher.engine.readings.drm.compute import ComputeProcesses
from model_switcher.engine.readings.drm.files import (
    link_name,
    list_folder,
    read_bytes,
    read_number,
    read_text,
)
from model_switcher.engine.readings.drm.names import gpu_name
from model_switcher.engine.readings.ram import ProcessNames

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

AMD = "amdgpu"
_DRIVERS = frozenset({AMD, "i915", "xe"})
_CARD = re.compile(r"card(\d+)$")
_INTEL_INTEGRATED = "0000:00:02.0"
# `format_revision` of `struct metrics_table_header`: 1 on cards, 2 and 3 on processors with graphics
# (linux, drivers/gpu/drm/amd/include/kgd_pp_interface.h).
_METRICS_OF_CARDS = 1
_MILLI, _MICRO = 1000, 1_000_000


@dataclass(frozen=True, slots=True)
class _Card:
    index: int
    folder: str
    driver: str
    place: str
    name: str
    integrated: bool
    sensors: str | None
    process_names: ProcessNames = field(default_factory=ProcessNames)


class DrmCards:
    """All GPUs of the drivers amdgpu, i915 and xe. A card that leaves and comes back is seen at once.

    Args:
        clock: Seconds of a clock that never goes back.
        root: Where /sys, /proc and /usr lie.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, root: str = "") -> None:
        self._root = root
        self._clients = Clients(root, clock)
        self._compute = ComputeProcesses(root)
        self._cards: dict[str, _Card] = {}
        self._gone: str | None = None

    def read(self, server_pids: Sequence[int] = ()) -> tuple[tuple[Gpu, ...], str | None]:
        """Every such GPU that answers; why there is none, if there was one before."""
        self._look()
        if not self._cards:
            return (), self._gone
        # Graphics inside an Intel processor have no memory of their own that a process could hold.
        told = any(_tells_processes(card) for card in self._cards.values())
        held = self._clients.read(server_pids) if told else {}
        for place, processes in self._compute.read().items():
            for pid, used in processes.items():
                sums = held.setdefault(place, {}).setdefault(pid, Held())
                sums.own = max(sums.own, used)
        gpus = [_read(card, held.get(card.place, {})) for card in self._cards.values()]
        found = tuple(gpu for gpu in gpus if gpu is not None)
        if not found:
            self._gone = _gone(next(iter(self._cards.values())).name)
        return found, None if found else self._gone

    def close(self) -> None:
        """Nothing is held open."""

    def _look(self) -> None:
        """Take in the cards that came, forget those that went. The driver's link is what goes first."""
        folder = f"{self._root}/sys/class/drm"
        present: dict[str, _Card] = {}
        for name in sorted(list_folder(folder)):
            match = _CARD.match(name)
            if match is None:
                continue
            device = f"{folder}/{name}/device"
            driver = link_name(f"{device}/driver")
            known = self._cards.get(name)
            if known is not None and known.driver == driver:
                present[name] = known
            elif driver in _DRIVERS:
                present[name] = _open(int(match[1]), device, driver, self._root)
        for name, card in self._cards.items():
            if name not in present:
                self._gone = _gone(card.name)
        self._cards = present


def _tells_processes(card: _Card) -> bool:
    return card.driver == AMD or not card.integrated


def _gone(name: str) -> str:
    return f"{name} does not answer any more."


def _open(index: int, device: str, driver: str, root: str) -> _Card:
    """What does not change about a card."""
    place = (link_name(device) or "").lower()
    vendor, number = read_number(f"{device}/vendor"), read_number(f"{device}/device")
    name = read_text(f"{device}/product_name") or gpu_name(vendor, number, root)
    if driver == AMD:
        metrics = read_bytes(f"{device}/gpu_metrics")
        integrated = metrics is not None and len(metrics) > 2 and metrics[2] > _METRICS_OF_CARDS  # noqa: PLR2004
    else:
        integrated = place == _INTEL_INTEGRATED
    sensors = sorted(list_folder(f"{device}/hwmon"))
    return _Card(
        index, device, driver, place, name, integrated, f"{device}/hwmon/{sensors[0]}" if sensors else None
    )


def _read(card: _Card, held: dict[int, Held]) -> Gpu | None:
    """One card now; None if it does not answer."""
    total = used = shared = None
    told = _tells_processes(card)
    if card.driver == AMD:
        total = read_number(f"{card.folder}/mem_info_vram_total")
        used = read_number(f"{card.folder}/mem_info_vram_used")
        shared = read_number(f"{card.folder}/mem_info_gtt_used")
        if total is None and used is None:
            return None
    # To ask a sleeping card for its temperature would wake it.
    awake = read_text(f"{card.folder}/power/runtime_status") != "suspended"
    sensors = card.sensors if awake else None
    power = _first(f"{sensors}/power1_average", f"{sensors}/power1_input") if sensors else None
    temperature = read_number(f"{sensors}/temp1_input") if sensors else None
    return Gpu(
        index=card.index,
        name=card.name,
        source=card.driver,
        total=total,
        used=used,
        free=None if total is None or used is None else max(0, total - used),
        utilization=read_number(f"{card.folder}/gpu_busy_percent") if awake else None,
        temperature=None if temperature is None else round(temperature / _MILLI),
        power=None if power is None else power / _MICRO,
        processes=_processes(card, held) if told else None,
        id=card.place,
        pci=card.place or None,
        process_source="fdinfo" if told else None,
        shared_used=shared,
        integrated=card.integrated,
    )


def _first(*paths: str) -> int | None:
    return next((number for path in paths if (number := read_number(path)) is not None), None)


def _processes(card: _Card, held: dict[int, Held]) -> tuple[GpuProcess, ...]:
    holders = [pid for pid, part in held.items() if part.own or part.shared]
    names = card.process_names.of(holders)
    return tuple(
        GpuProcess(pid=pid, name=names[pid], used=held[pid].own, shared=held[pid].shared)
        for pid in sorted(holders, key=lambda pid: (-held[pid].own, pid))
    )
