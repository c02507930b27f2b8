"""The history of one instance: remembered for expected times, written in the background."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from typing import TYPE_CHECKING

import psutil

from model_switcher.domain.history import (
    HistoryReport,
    Record,
    expected_seconds,
    presumably_cold,
    record_of,
    report,
)
from model_switcher.engine.background import in_background
from model_switcher.engine.history.store import HistoryStore
from model_switcher.engine.readings.ram import read_ram

if TYPE_CHECKING:
    from pathlib import Path

    from model_switcher.domain.snapshot import Outcome

REMEMBERED = 1000  # records in memory; the file has more
CLOSE_SECONDS = 2.0

_log = logging.getLogger(__name__)


class History:
    """Records every switch and tells how long the next one will take. Lives on the runtime's loop.

    A file that cannot be used is told once; the history then lasts as long as the program.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._store = HistoryStore(path)
        self._records: deque[Record] = deque(maxlen=REMEMBERED)
        self._unwritten: list[Record] = []
        self._writing: asyncio.Task[None] | None = None
        self._told = False
        self._booted = _boot_time()

    async def open(self) -> None:
        """Remember what the file tells of earlier runs."""
        try:
            earlier = await in_background(self._store.read, REMEMBERED, repair=True)
        except OSError as error:
            self._complain(error)
            return
        # What was recorded since then is newer.
        since = list(self._records)
        self._records.clear()
        self._records.extend([*earlier, *since])

    def record(
        self,
        outcome: Outcome,
        *,
        size: int | None = None,
        engine: str | None = None,
        load_seconds: float | None = None,
        cold: bool | None = None,
    ) -> None:
        """Note how a switch ended. Returns at once; the file is written in the background.

        Args:
            outcome: Of the switch.
            size: Bytes of the wanted model's files.
            engine: The engine with its version, for people.
            load_seconds: From the start of the engine until the wanted model was ready.
            cold: Whether the file had to come from the disk; None lets earlier loads decide.
        """
        if cold is None:
            cold = self._presumably_cold(outcome.target, size)
        record = record_of(outcome, size=size, engine=engine, load_seconds=load_seconds, cold=cold)
        if record is None:
            return
        self._records.append(record)
        self._unwritten.append(record)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write(), name="history")

    def expected(self, model: str, *, size: int | None = None, cold: bool | None = None) -> float | None:
        """Seconds that a load of the model will take; None if nothing tells.

        Args:
            model: Its id.
            size: Bytes of its files; without it only a load of the same model tells.
            cold: Whether its file has to come from the disk; None lets earlier loads decide.
        """
        if cold is None:
            cold = self._presumably_cold(model, size)
        return expected_seconds(self._records, model, size=size, cold=cold)

    async def report(self, limit: int | None = None) -> HistoryReport:
        """All that is kept, the newest `limit` switches one by one."""
        try:
            kept = await in_background(self._store.read)
        except OSError as error:
            self._complain(error)
            kept = []
        # What is not written yet is not in the file; and all, where there is none.
        known = set(map(_identity, kept))
        fresh = [record for record in self._records if _identity(record) not in known]
        return await in_background(report, [*kept, *fresh], limit=limit)

    async def close(self) -> None:
        """Write what is not written yet; a disk that does not answer is not waited for."""
        if self._writing is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await asyncio.shield(self._writing)

    async def _write(self) -> None:
        try:
            while self._unwritten:
                batch, self._unwritten = self._unwritten, []
                try:
                    await in_background(self._store.add, batch)
                except OSError as error:
                    self._complain(error)
        finally:
            self._writing = None

    def _presumably_cold(self, model: str, size: int | None) -> bool | None:
        if self._booted is None:
            return None
        ram = read_ram()
        return presumably_cold(
            self._records,
            model,
            size=size,
            booted=self._booted,
            available=ram.available if ram else None,
        )

    def _complain(self, error: OSError) -> None:
        if not self._told:
            self._told = True
            _log.warning("The history cannot be kept: %s", error)


def _identity(record: Record) -> tuple[float, str]:
    return record.finished, record.model


def _boot_time() -> float | None:
    try:
        return psutil.boot_time()
    except (psutil.Error, OSError):
        return None
