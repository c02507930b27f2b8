"""Main memory, by psutil."""

from __future__ import annotations

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
