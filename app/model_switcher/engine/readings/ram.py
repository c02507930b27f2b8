"""Main memory, by psutil."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import psutil

from model_switcher.domain.memory import Ram

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def read_ram() -> Ram | None:
    """Main memory now, in bytes; None if the system does not tell."""
    try:
        memory = psutil.virtual_memory()
    except (OSError, psutil.Error):
        return None
    return Ram(total=memory.total, available=memory.available)


def read_rss(pids: Iterable[int], kin: Mapping[int, int]) -> dict[int, int]:
    """Resident main memory in bytes of those `pids` that run and can be asked; what they started counts as theirs.

    Mapped model files count as far as they are in memory. Memory that a family shares counts for each of it.

    Args:
        pids: Of our servers.
        kin: Pids of what they started, each with the server's.
    """
    found: dict[int, int] = {}
    wanted = {pid: pid for pid in pids}
    for pid, server in (wanted | {pid: server for pid, server in kin.items() if server in wanted}).items():
        with contextlib.suppress(psutil.Error):
            rss = psutil.Process(pid).memory_info().rss
            if rss:  # a process that ended and was not waited for holds none
                found[server] = found.get(server, 0) + rss
    return found


class ProcessNames:
    """Names of processes, asked once for each as long as it is in sight."""

    def __init__(self) -> None:
        self._names: dict[int, str | None] = {}

    def of(self, pids: Iterable[int]) -> dict[int, str | None]:
        """The name of each of `pids`; None where the system does not tell. Others are forgotten."""
        self._names = {pid: self._names[pid] if pid in self._names else _name(pid) for pid in pids}
        return self._names


def _name(pid: int) -> str | None:
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return None
