"""Watches the file of the selected model: replaced, deleted or away with its drive, it is told."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from model_switcher.domain.states import ServerState
from model_switcher.engine.background import in_background
from model_switcher.engine.library import fate, sentence, stamps

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_switcher.domain.catalog import Model
    from model_switcher.domain.snapshot import Snapshot
    from model_switcher.engine.hub import Hub
    from model_switcher.engine.library.fate import Stamps

# The catalog is the same for two files with the same header, and knows nothing of files outside of its folders.
LOOK_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class _File:
    """A model as it was when it was loaded, or selected; `pid` is that of its server, None while it is not loaded."""

    model: Model
    stamps: Stamps
    pid: int | None


class SelectedFile:
    """Keeps the hub's `file_notice`. Lives on the runtime's loop.

    Args:
        hub: Says which model is selected and served, and is told what became of its file.
        seconds: Between two looks at the file, besides those that `look` asks for.
    """

    def __init__(self, hub: Hub, seconds: float = LOOK_SECONDS) -> None:
        self._hub = hub
        self._seconds = seconds
        self._file: _File | None = None
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._unsubscribe: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begin. Returns at once."""
        self._unsubscribe = self._hub.subscribe(self._heard)
        self._task = asyncio.create_task(self._watch(), name="selected file")

    def look(self) -> None:
        """Have the file looked at now."""
        self._wake.set()

    async def close(self) -> None:
        """End; a look that hangs on a dead drive is left to itself."""
        self._unsubscribe()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _heard(self, snapshot: Snapshot) -> None:
        file = self._file
        if file is None or (snapshot.selected, _pid(snapshot)) != (file.model.id, file.pid):
            self._wake.set()

    async def _watch(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._seconds if self._file else None):
                    await self._wake.wait()
            self._wake.clear()
            await self._step(self._hub.snapshot)

    async def _step(self, snapshot: Snapshot) -> None:
        file, pid = self._file, _pid(snapshot)
        if file is None or file.model.id != snapshot.selected or pid not in (None, file.pid):
            model = snapshot.selected_model
            self._file = _File(model, await in_background(stamps, model), pid) if model else None
            self._hub.update(file_notice=None)
            return
        self._file = file = replace(file, pid=pid)
        now = await in_background(stamps, file.model)
        what = fate(file.model, file.stamps, now, snapshot.catalog)
        self._hub.update(file_notice=sentence(file.model, what, loaded=pid is not None))


def _pid(snapshot: Snapshot) -> int | None:
    """The process that holds the selected model; None while none does."""
    served = snapshot.served
    return served.pid if served is not None and served.state is ServerState.READY else None
