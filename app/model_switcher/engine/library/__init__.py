"""The catalog as it is now: walked quickly, read in the background, and kept up with what changes on the disk."""

from __future__ import annotations

from model_switcher.engine.library.fate import Fate, fate, sentence, stamps
from model_switcher.engine.library.keeper import Pace
from model_switcher.engine.library.library import Library
from model_switcher.engine.library.port import Progress, Reader
from model_switcher.engine.library.reader import CatalogReader

__all__ = [
    "CatalogReader",
    "Fate",
    "Library",
    "Pace",
    "Progress",
    "Reader",
    "fate",
    "sentence",
    "stamps",
]
