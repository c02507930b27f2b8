"""What our servers and what they started take of main memory and processor, by psutil."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Taken:
    """By one of our servers and what it started.

    Attributes:
        rss: Resident main memory in bytes. Mapped model files count as far as they are in memory; memory that a
            family shares counts for each of it.
        seconds: Of processor time since its start.
    """

    rss: int
    seconds: float


class ServerProcesses:
    """Asks the processes of our servers; what is known of each is kept as long as it is asked for."""

    def __init__(self) -> None:
        self._processes: dict[int, psutil.Process] = {}

    def read(self, servers: Iterable[int], kin: Mapping[int, int]) -> dict[int, Taken]:
        """What those `servers` take that run and can be asked.

        Args:
            servers: Pids.
            kin: Pids of what they started, each with the server's.
        """
        family = {pid: pid for pid in servers}
        family |= {pid: server for pid, server in kin.items() if server in family}
        kept: dict[int, psutil.Process] = {}
        found: dict[int, Taken] = {}
        for pid, server in family.items():
            try:
                process = kept[pid] = self._processes.get(pid) or psutil.Process(pid)
                rss, times = process.memory_info().rss, process.cpu_times()
            except psutil.Error:
                kept.pop(pid, None)
                continue
            if rss:  # a process that ended and was not waited for holds none
                before = found.get(server, Taken(0, 0.0))
                found[server] = Taken(before.rss + rss, before.seconds + times.user + times.system)
        self._processes = kept
        return found
