"""What each process holds of each GPU, by the `fdinfo` of its open devices.

Keys: https://docs.kernel.org/gpu/drm-usage-stats.html. Processes of other users cannot be asked.
"""

from __future__ import annotations

import heapq
import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from model_switcher.engine.readings.drm.files import list_folder, read_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

# A process that has opened no GPU yet is looked at again after so long, then after four times as long, and so on.
FIRST_LOOK_AGAIN = 2.0
LAST_LOOK_AGAIN = 120.0
_BACK_OFF = 4.0
# One that has may open another: our servers at their start, others seldom.
LOOK_AT_SERVER = 5.0
LOOK_AT_HOLDER = 30.0
# New processes are looked for this often.
LIST_SECONDS = 2.0
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


Client = tuple[str, bytes, Held]


@dataclass(slots=True)
class _Known:
    """A process: when it was and will be looked at, how long that is, its open devices and what they said."""

    looked: float = 0.0
    due: float = 0.0
    pause: float = 0.0
    files: dict[str, tuple[bytes, Client | None]] = field(default_factory=dict)


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
        self._known: dict[int, _Known] = {}
        self._holders: list[int] = []
        self._queue: list[tuple[float, int]] = []
        self._list_due = 0.0

    def read(self, first: Collection[int]) -> dict[str, dict[int, Held]]:
        """What each process holds, by the GPU's place on the PCI bus and the pid.

        Args:
            first: Pids that are looked at every time as long as they hold nothing. Of a client that several processes
                have open, the first is the holder.
        """
        now = self._clock()
        if now >= self._list_due:
            self._list(now)
        self._look_at(first, now)
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

    def _list(self, now: float) -> None:
        """Take in the processes that came, forget those that went."""
        self._list_due = now + LIST_SECONDS
        running = {int(name) for name in list_folder(self._proc) if name.isdecimal()}
        for pid in self._known.keys() - running:
            self._forget(pid)
        for pid in running - self._known.keys():
            self._meet(pid, now)

    def _meet(self, pid: int, now: float) -> None:
        self._known[pid] = _Known(due=now)
        heapq.heappush(self._queue, (now, pid))

    def _forget(self, pid: int) -> None:
        if self._known.pop(pid).files:
            self._holders.remove(pid)

    def _look_at(self, first: Collection[int], now: float) -> None:
        """Look at those that are due, the longest due first, and at `first`."""
        for pid in first:
            if pid not in self._known:
                self._meet(pid, now)
            known = self._known[pid]
            if not known.files or now >= known.looked + LOOK_AT_SERVER:
                self._look(pid, now)
        looks = 0
        while self._queue and self._queue[0][0] <= now and looks < _MOST_LOOKS:
            due, pid = heapq.heappop(self._queue)
            waiting = self._known.get(pid)
            if waiting is not None and waiting.due == due:  # else it was looked at meanwhile, or is gone
                self._look(pid, now)
                looks += 1

    def _look(self, pid: int, now: float) -> None:
        known = self._known[pid]
        names = self._open_devices(pid)
        if known.files:
            self._holders.remove(pid)
        if names:
            self._holders.append(pid)
            known.pause = LOOK_AT_HOLDER
        elif names is None:  # another user's
            known.pause = LAST_LOOK_AGAIN
        elif known.files or not known.pause:
            known.pause = FIRST_LOOK_AGAIN
        else:
            known.pause = min(known.pause * _BACK_OFF, LAST_LOOK_AGAIN)
        known.files = {name: known.files.get(name, (b"", None)) for name in names or ()}
        known.looked, known.due = now, now + known.pause
        heapq.heappush(self._queue, (known.due, pid))

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
        known = self._known[pid]
        for name, (before, said) in known.files.items():
            data = read_bytes(f"{self._proc}/{pid}/fdinfo/{name}")
            # What rests says the same again.
            client = said if data == before else _parse(data) if data is not None else None
            known.files[name] = data or b"", client
            if client is not None:
                yield client
            else:  # closed meanwhile
                known.due = self._list_due = 0.0
                heapq.heappush(self._queue, (0.0, pid))


def _parse(data: bytes) -> Client | None:
    """The GPU's place, the client's number, and what it holds. `drm-memory-` is amdgpu's older `drm-resident-`."""
    client, place = _CLIENT.search(data), _PLACE.search(data)
    if client is None or place is None:
        return None
    figures: dict[bytes, dict[bytes, int]] = {}
    for key, region, number, unit in _REGION.findall(data):
        of_region = figures.setdefault(region, {})
        of_region[key] = of_region.get(key, 0) + int(number) * _UNITS.get(unit, 1)
    amounts = {region: found.get(b"resident", found.get(b"memory", 0)) for region, found in figures.items()}
    held = Held(
        own=sum(amounts[region] for region in amounts.keys() & _OWN),
        shared=sum(amounts[region] for region in amounts.keys() & _SHARED),
    )
    return place[1].decode(errors="replace").lower(), client[1], held
