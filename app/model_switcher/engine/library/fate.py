"""What became of the file of a model that is in use."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model_switcher.domain.catalog import Catalog, Model

Stamps = tuple[tuple[int, int, int] | None, ...]


class Fate(StrEnum):
    """What became of it."""

    SAME = "same"
    REPLACED = "replaced"
    DELETED = "deleted"
    AWAY = "away"


def stamps(model: Model) -> Stamps:
    """Inode, size and time of change of each file of a model; None for one that is not there. Blocks."""
    return tuple(_stamp(file) for file in model.files)


def fate(model: Model, then: Stamps, now: Stamps, catalog: Catalog) -> Fate:
    """What became of a model's files.

    Args:
        model: As it was when it was loaded.
        then: `stamps` of when it was loaded.
        now: `stamps` of now.
        catalog: What the library says now.
    """
    same = next((other for other in catalog.models if other.path == model.path), None)
    if same is not None and not same.available:
        return Fate.AWAY
    if None in now:
        return Fate.DELETED
    return Fate.SAME if then == now else Fate.REPLACED


def sentence(model: Model, what: Fate, *, loaded: bool) -> str | None:
    """What to tell the user while the model is selected; None if there is nothing to tell."""
    return _of_a_loaded(model, what) if loaded else _of_one_at_rest(model, what)


def _of_one_at_rest(model: Model, what: Fate) -> str | None:
    return {
        Fate.SAME: None,
        Fate.REPLACED: None,
        Fate.DELETED: f"The file of {model.name} was deleted or moved. Until it is back, the model cannot be loaded.",
        Fate.AWAY: f"The drive that holds {model.name} is away. Until it is back, the model cannot be loaded.",
    }[what]


def _of_a_loaded(model: Model, what: Fate) -> str | None:
    return {
        Fate.SAME: None,
        Fate.REPLACED: f"The file of {model.name} was replaced. The new one is used from the next load on.",
        Fate.DELETED: (
            f"The file of {model.name} was deleted or moved. It keeps running while it is loaded; "
            "after that it cannot be loaded again."
        ),
        Fate.AWAY: (
            f"The drive that holds {model.name} is away. It comes back into the list with the drive; "
            "until then it cannot be loaded again."
        ),
    }[what]


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        status = Path(path).stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
