"""Where other programs keep their models, and how each of them lays its folder out."""

from __future__ import annotations

from model_switcher.engine.stores.entries import entries
from model_switcher.engine.stores.find import find_stores, label_of
from model_switcher.engine.stores.store import Layout, Store

__all__ = ["Layout", "Store", "entries", "find_stores", "label_of"]
