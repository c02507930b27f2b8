"""The model to serve at start: the settings' own, else the one of last time."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING

from model_switcher.engine.background import in_background
from model_switcher.engine.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from model_switcher.domain.catalog import Model
    from model_switcher.domain.settings import Settings
    from model_switcher.places import Places


class DefaultModel:
    """Remembers what was chosen last. Nobody waits for its disk.

    Args:
        places: Where that is kept.
    """

    def __init__(self, places: Places) -> None:
        self._file: Path = places.state / "last-model"
        self._next: str | None = None
        self._writing: asyncio.Task[None] | None = None

    def wanted(self, settings: Settings) -> str | None:
        """What a person would call it: a name, or a path; None if there is none. Blocks."""
        if settings.default_model not in (None, "last"):
            return settings.default_model
        with contextlib.suppress(OSError):
            return os.fsdecode(self._file.read_bytes()).strip() or None
        return None

    def remember(self, model: Model) -> None:
        """Soon. Its path, not its id: a file outside of the folders has an id as long as this program runs."""
        self._next = model.path
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write(), name="last model")

    async def close(self) -> None:
        """Returns when what was to be remembered is."""
        if self._writing is not None:
            await self._writing

    async def _write(self) -> None:
        while self._next is not None:
            path, self._next = self._next, None
            await in_background(self._put, path)

    def _put(self, path: str) -> None:
        with contextlib.suppress(OSError):  # a full disk must not fail a switch that went well
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._file, os.fsencode(path))
