"""What the tensors of a model come to: one name for how it is quantized, and how many weights take part."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from model_switcher.engine.catalog.facts import Weights

if TYPE_CHECKING:
    from collections.abc import Sequence

# The flag on file types that were guessed from the tensors (LLAMA_FTYPE_GUESSED).
_GUESSED = 1024


class FileType(NamedTuple):
    """A mixture: its name, and the tensor types that most weights of such a file can have."""

    name: str
    main: frozenset[str]


# `enum llama_ftype` in llama.cpp's include/llama.h, as far as a mixture has a name of its own.
_FILE_TYPES = {
    11: FileType("Q3_K_S", frozenset({"Q3_K"})),
    12: FileType("Q3_K_M", frozenset({"Q3_K"})),
    13: FileType("Q3_K_L", frozenset({"Q3_K"})),
    14: FileType("Q4_K_S", frozenset({"Q4_K"})),
    15: FileType("Q4_K_M", frozenset({"Q4_K"})),
    16: FileType("Q5_K_S", frozenset({"Q5_K"})),
    17: FileType("Q5_K_M", frozenset({"Q5_K"})),
    10: FileType("Q2_K", frozenset({"Q2_K", "Q3_K"})),
    21: FileType("Q2_K_S", frozenset({"Q2_K"})),
    22: FileType("IQ3_XS", frozenset({"IQ3_XXS", "IQ3_S"})),
    27: FileType("IQ3_M", frozenset({"IQ3_S"})),
    28: FileType("IQ2_S", frozenset({"IQ2_XS"})),
    29: FileType("IQ2_M", frozenset({"IQ2_S"})),
}


def quantization(weights: Weights, file_type: int | None) -> str | None:
    """The mixture's name where the tensors bear it out ("Q4_K_M"), else the type most weights have ("Q4_K").

    The layers decide: embeddings are quantized less, and outweigh the layers of small models.

    Args:
        weights: Of the whole model.
        file_type: `general.file_type`, which files that were edited or merged have wrong.
    """
    counted = weights.layers or weights.all
    main = max(counted, key=lambda name: counted[name], default=None)
    mixture = _FILE_TYPES.get(file_type & ~_GUESSED) if file_type is not None else None
    return mixture.name if mixture and main in mixture.main else main


def together(parts: Sequence[Weights]) -> Weights:
    """The weights of a model out of those of its parts."""
    if len(parts) == 1:
        return parts[0]
    total: Counter[str | None] = Counter()
    layers: Counter[str | None] = Counter()
    for part in parts:
        total.update(part.all)
        layers.update(part.layers)
    return Weights(all=dict(total), layers=dict(layers), experts=sum(part.experts for part in parts))


def active(weights: Weights, expert_count: int | None, expert_used_count: int | None) -> int | None:
    """Weights that take part in each token; None where that is not known."""
    total = sum(weights.all.values())
    if not weights.experts:
        return total or None
    if expert_count is None or expert_used_count is None or expert_used_count > expert_count:
        return None
    return total - weights.experts + weights.experts * expert_used_count // expert_count
