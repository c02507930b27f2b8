"""Which projector (mmproj) belongs to which model.

A model with a projector that is not its own does not load, one without merely cannot see: when in doubt, none.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_switcher.domain.catalog import Reject, Rejected
from model_switcher.domain.paths import file_stem
from model_switcher.engine.catalog.quantization import quantization

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from model_switcher.domain.prediction.blueprint import Blueprint
    from model_switcher.engine.catalog.facts import Facts

_NOISE = re.compile(r"mm-?proj|projector|model|f16|bf16|f32|fp16|q8_0|gguf", re.IGNORECASE)
_NOT_A_LETTER = re.compile(r"[\W_]+")
# Half precision is what engines compute in; single precision takes twice the memory for nothing.
_PREFERENCE = ("F32", "Q8_0", "BF16", "F16")


UNPAIRED = "it is a projector (mmproj), and no model that it fits lies in its folder"


@dataclass(frozen=True, slots=True)
class Projector:
    """The projector of a model: its path, whether it is for pictures, and what its memory depends on."""

    path: str
    vision: bool
    blueprint: Blueprint | None = None


class Pairs:
    """Which model has which projector.

    Args:
        models: Models, or the first parts of them.
        projectors: All projectors that were found.
        named: Paths of projectors by the paths of models for which their store has named one.

    Attributes:
        unpaired: Projectors that fit no model.
    """

    def __init__(
        self, models: Sequence[Facts], projectors: Sequence[Facts], named: Mapping[str, str | None]
    ) -> None:
        self._named = named
        self._by_path = {projector.path: projector for projector in projectors}
        self._best: dict[str, Facts] = {}
        self.unpaired: list[Rejected] = []
        fitting: dict[str, list[Facts]] = defaultdict(list)
        by_folder: dict[str, list[Facts]] = defaultdict(list)
        for model in models if projectors else ():
            by_folder[folder_of(model.path)].append(model)
        for projector in projectors:
            beside = by_folder.get(folder_of(projector.path), [])
            alone = (
                len({(model.architecture, model.embedding_length, model.basename) for model in beside}) == 1
            )
            fits = [model for model in beside if belongs(projector, model, alone=alone)]
            for model in fits:
                fitting[model.path].append(projector)
            if not fits and projector.path not in named.values():
                self.unpaired.append(Rejected(path=projector.path, code=Reject.NOT_A_MODEL, reason=UNPAIRED))
        for model in models:
            chosen = best(fitting.get(model.path, ()), model)
            if chosen is not None:
                self._best[model.path] = chosen

    def of(self, model: str) -> Projector | None:
        """The projector of the model at a path."""
        named = self._named.get(model)
        facts = self._by_path.get(named) if named else self._best.get(model)
        if facts is not None:
            return Projector(facts.path, facts.vision, facts.blueprint)
        # Stores that name projectors have them for pictures alone.
        return Projector(named, vision=True) if named else None


def folder_of(path: str) -> str:
    """The folder that a file of this machine lies in."""
    return os.path.dirname(path)  # noqa: PTH120 - Path takes ten times as long, and there are thousands


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
    return _NOT_A_LETTER.sub("", _NOISE.sub("", file_stem(facts.path))).casefold()
