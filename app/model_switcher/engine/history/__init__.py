"""Every switch, kept over restarts: what is shown as the history, and what expected times come from."""

from model_switcher.engine.history.history import History
from model_switcher.engine.history.store import HistoryStore

__all__ = ["History", "HistoryStore"]
