"""Which projector (mmproj) belongs to which model.

A model with a projector that is not its own does not load, one without merely cannot see: when in doubt, none.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from model_switcher.engine.catalog.quantization import quantization

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model_switcher.engine.catalog.facts import Facts

_NOISE = re.compile(r"mm-?proj|projector|model|f16|bf16|f32|fp16|q8_0|gguf", re.IGNORECASE)
_NOT_A_LETTER = re.compile(r"[\W_]+")
# Half precision is what engines compute in; single precision takes twice the memory for nothing.
_PREFERENCE = ("F32", "Q8_0", "BF16", "F16")


def belongs(projector: Facts, model: Facts, *, alone: bool) -> bool:
    """Whether `projector` is for `model`, which lies in the same folder.

    Args:
        projector: The mmproj file.
        model: The model, or its first part.
        alone: Whether all models of the folder are of one kind.
    """
    same_width = _same_width(projector, model)
    if same_width is False:
        return False
    related = _related(projector, model)
    if related is None:
        return bool(same_width) or alone
    return related or (bool(same_width) and alone)


def best(projectors: Sequence[Facts], model: Facts) -> Facts | None:
    """The one to use among projectors that belong to `model`."""
    return max(projectors, key=lambda projector: _rank(projector, model), default=None)


def _rank(projector: Facts, model: Facts) -> tuple[bool, bool, int, str]:
    kind = quantization(projector.weights, None)
    preference = _PREFERENCE.index(kind) if kind in _PREFERENCE else -1
    return (bool(_related(projector, model)), bool(_same_width(projector, model)), preference, projector.path)


def _same_width(projector: Facts, model: Facts) -> bool | None:
    if projector.projection_length is None or model.embedding_length is None:
        return None
    return projector.projection_length == model.embedding_length


def _related(projector: Facts, model: Facts) -> bool | None:
    """Whether the names speak for it; None where the projector has no name that says anything."""
    stem = _letters(projector)
    if stem and _letters(model).startswith(stem):
        return True
    if projector.basename and model.basename:
        return projector.basename.casefold() == model.basename.casefold()
    return False if stem else None


def _letters(facts: Facts) -> str:
    """The letters and digits of its file name that may name a model."""
    return _NOT_A_LETTER.sub("", _NOISE.sub("", Path(facts.path).stem)).casefold()
