"""Main memory, by psutil."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import psutil

from model_switcher.domain.memory import Ram

if TYPE_CHECKING:
    from collections.abc import Iterable


def read_ram() -> Ram | None:
    """Main memory now, in bytes; None if the system does not tell."""
    try:
        memory = psutil.virtual_memory()
    except (OSError, psutil.Error):
        return None
    return Ram(total=memory.total, available=memory.available)


def read_rss(pids: Iterable[int]) -> dict[int, int]:
    """Resident main memory in bytes of those `pids` that run and can be asked; mapped model files count as far as they are in memory."""
    found: dict[int, int] = {}
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            found[pid] = psutil.Process(pid).memory_info().rss
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
