"""What an instance with fake engines leaves on the disk, in the process table and on ports."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import psutil

from model_switcher.client.finding import find
from model_switcher.domain.snapshot import Snapshot
from model_switcher.domain.states import ServerState
from model_switcher.engine.history import HistoryStore
from model_switcher.engine.timing import HISTORY_FILE
from model_switcher.places import Places
from model_switcher.processes import is_same_process


class Traces:
    """Looks from outside; the instance is not asked.

    Args:
        folder: In which everything of it lies, and which its engines have on their command lines.
        places: Of its own files.
    """

    def __init__(self, folder: Path, places: Places) -> None:
        self._folder = folder
        self._places = places
        self._ports: set[int] = set()
        self.failed: set[str] = set()

    def note(self, snapshot: Snapshot) -> None:
        """Remember the ports of its engines, and the models whose engine did not end as it was told."""
        self._ports |= {one.port for one in snapshot.servers if one.port is not None}
        self.failed |= {one.model for one in snapshot.servers if one.state is ServerState.FAILED}

    @property
    def recorded(self) -> tuple[int, ...] | None:
        """The living processes in the instance file; None where there is no such file, or it is damaged."""
        record = find(self._places)
        return (
            None
            if record is None
            else tuple(pid for pid, born in record.servers if is_same_process(pid, born))
        )

    @property
    def remembered(self) -> str | None:
        """The model of last time."""
        file = self._places.state / "last-model"
        return Path(file.read_text()).stem if file.exists() else None

    @property
    def history(self) -> list[tuple[str, str, str, str | None]]:
        """Of each load that is kept: the model, for whom, how it ended, and why."""
        kept = HistoryStore(self._places.state / HISTORY_FILE).read()
        return [(record.model, record.reason, record.result, record.cause) for record in kept]

    @property
    def half_written(self) -> list[Path]:
        """Files that were to take the place of others, and did not."""
        return list(self._folder.rglob("*.tmp"))

    @property
    def living(self) -> list[str]:
        """Command lines of processes that live, and ports of engines on which somebody listens."""
        lines = [" ".join(process.info["cmdline"]) for process in self._processes()]
        return [*lines, *(f"port {port}" for port in self._ports if listens(port))]

    @property
    def working(self) -> set[str]:
        """Models whose engine lives and is not stopped by a signal."""
        live = [process for process in self._processes() if _runs(process)]
        return {model for process in live if (model := _model_of(process)) is not None}

    def command_line(self, model: str) -> list[str]:
        """How the model's engine was started, but for the random name of that start."""
        engines = [process for process in self._processes() if _model_of(process) == model]
        first = min(engines, key=psutil.Process.create_time)
        return [re.sub(r"~\w+", "~", word) for word in first.cmdline()]

    def _processes(self) -> list[psutil.Process]:
        found = psutil.process_iter(["cmdline"])
        return [one for one in found if str(self._folder) in " ".join(one.info["cmdline"] or ())]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() not in {psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE}
    except psutil.NoSuchProcess:  # it ended since it was found
        return False


def _model_of(process: psutil.Process) -> str | None:
    words: list[str] = process.info["cmdline"]
    return Path(words[words.index("--model") + 1]).stem if "--model" in words else None
