"""The model to serve at start: the settings' own, else the one of last time."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from model_switcher.engine.files import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from model_switcher.domain.catalog import Model
    from model_switcher.domain.settings import Settings
    from model_switcher.places import Places


class DefaultModel:
    """Remembers what was chosen last. Everything blocks.

    Args:
        places: Where that is kept.
    """

    def __init__(self, places: Places) -> None:
        self._file: Path = places.state / "last-model"

    def wanted(self, settings: Settings) -> str | None:
        """What a person would call it: a name, or a path; None if there is none."""
        if settings.default_model not in (None, "last"):
            return settings.default_model
        with contextlib.suppress(OSError):
            return os.fsdecode(self._file.read_bytes()).strip() or None
        return None

    def remember(self, model: Model) -> None:
        """Its path, not its id: a file outside of the folders has an id as long as this program runs."""
        with contextlib.suppress(OSError):  # a full disk must not fail a switch that went well
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._file, os.fsencode(model.path))
