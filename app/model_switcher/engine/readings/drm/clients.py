"""What each process holds of each GPU, by the `fdinfo` of its open devices.

Keys: https://docs.kernel.org/gpu/drm-usage-stats.html. Processes of other users cannot be asked.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_switcher.engine.readings.drm.files import list_folder, read_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

# A process that has opened no GPU yet is looked at again after so long, then after four times as long, and so on.
FIRST_LOOK_AGAIN = 2.0
LAST_LOOK_AGAIN = 60.0
_BACK_OFF = 4.0
# A process that has, may open another.
OPEN_FILES_KEPT = 10.0
_MOST_LOOKS = 50
_DEVICES = "/dev/dri/"
_KIB = 1024
_UNITS = {b"": 1, b"KiB": _KIB, b"MiB": _KIB**2}
_REGION = re.compile(rb"^drm-(memory|resident)-([a-z]+)\d*:\s*(\d+)(?: (\w+))?", re.MULTILINE)
_CLIENT = re.compile(rb"^drm-client-id:\s*(\d+)", re.MULTILINE)
_PLACE = re.compile(rb"^drm-pdev:\s*(\S+)", re.MULTILINE)
_OWN = frozenset({b"vram", b"local"})
_SHARED = frozenset({b"gtt", b"system"})


@dataclass(slots=True)
class Held:
    """Bytes of the GPU's own memory, and of main memory that it works on."""

    own: int = 0
    shared: int = 0


@dataclass(slots=True)
class _Looked:
    due: float
    pause: float


@dataclass(slots=True)
class _Holder:
    files: list[str]
    until: float


class Clients:
    """Finds the processes that use a GPU, and keeps them in sight.

    To look at every open file of every process costs milliseconds: those that use no GPU are looked at ever more
    seldom, our servers always.

    Args:
        root: Where /proc lies.
        clock: Seconds of a clock that never goes back.
    """

    def __init__(self, root: str, clock: Callable[[], float]) -> None:
        self._proc = f"{root}/proc"
        self._clock = clock
        self._holders: dict[int, _Holder] = {}
        self._others: dict[int, _Looked] = {}

    def read(self, first: Collection[int]) -> dict[str, dict[int, Held]]:
        """What each process holds, by the GPU's place on the PCI bus and the pid.

        Args:
            first: Pids that are looked at every time. Of a client that several processes have open, the first
                is the holder.
        """
        now = self._clock()
        running = {int(name) for name in list_folder(self._proc) if name.isdecimal()}
        self._holders = {pid: holder for pid, holder in self._holders.items() if pid in running}
        self._others = {pid: looked for pid, looked in self._others.items() if pid in running}
        for pid in self._due(running, first, now):
            self._look(pid, now)
        held: dict[str, dict[int, Held]] = {}
        counted: set[tuple[str, bytes]] = set()
        for pid in sorted(self._holders, key=lambda pid: (pid not in first, pid)):
            for place, client, part in self._clients(pid):
                if (place, client) not in counted:
                    counted.add((place, client))
                    sums = held.setdefault(place, {}).setdefault(pid, Held())
                    sums.own += part.own
                    sums.shared += part.shared
        return held

    def _due(self, running: Collection[int], first: Collection[int], now: float) -> list[int]:
        """Which processes are to be looked at now, the longest due first."""
        waits: dict[int, float] = {}
        for pid in running:
            holder, looked = self._holders.get(pid), self._others.get(pid)
            due = holder.until if holder else looked.due if looked and pid not in first else 0.0
            if due <= now:
                waits[pid] = due
        return sorted(waits, key=lambda pid: (pid not in first, waits[pid]))[:_MOST_LOOKS]

    def _look(self, pid: int, now: float) -> None:
        files = self._open_devices(pid)
        if files:
            self._others.pop(pid, None)
            self._holders[pid] = _Holder(files, now + OPEN_FILES_KEPT)
            return
        self._holders.pop(pid, None)
        before = self._others.get(pid)
        pause = FIRST_LOOK_AGAIN if before is None else before.pause * _BACK_OFF
        if files is None:  # another user's
            pause = LAST_LOOK_AGAIN
        pause = min(pause, LAST_LOOK_AGAIN)
        self._others[pid] = _Looked(now + pause, pause)

    def _open_devices(self, pid: int) -> list[str] | None:
        """Its open GPU devices, by their numbers; None if it cannot be asked."""
        folder = f"{self._proc}/{pid}/fd"
        try:
            names = os.listdir(folder)  # noqa: PTH208 - names are all that is needed
        except OSError:
            return None
        found: list[str] = []
        for name in names:
            try:
                target = os.readlink(f"{folder}/{name}")  # noqa: PTH115 - the device itself is not looked at
            except OSError:
                continue
            if target.startswith(_DEVICES):
                found.append(name)
        return found

    def _clients(self, pid: int) -> Iterator[tuple[str, bytes, Held]]:
        holder = self._holders[pid]
        for name in holder.files:
            data = read_bytes(f"{self._proc}/{pid}/fdinfo/{name}")
            client = _CLIENT.search(data) if data else None
            place = _PLACE.search(data) if data else None
            if data is None or client is None or place is None:
                holder.until = 0.0  # closed meanwhile
                continue
            yield place[1].decode(errors="replace").lower(), client[1], _held(data)


def _held(data: bytes) -> Held:
    """What one client holds. `drm-memory-` is amdgpu's older word for `drm-resident-`."""
    figures: dict[bytes, dict[bytes, int]] = {}
    for key, region, number, unit in _REGION.findall(data):
        of_region = figures.setdefault(region, {})
        of_region[key] = of_region.get(key, 0) + int(number) * _UNITS.get(unit, 1)
    amounts = {region: found.get(b"resident", found.get(b"memory", 0)) for region, found in figures.items()}
    return Held(
        own=sum(amounts[region] for region in amounts.keys() & _OWN),
        shared=sum(amounts[region] for region in amounts.keys() & _SHARED),
    )
