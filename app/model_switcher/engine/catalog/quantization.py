"""The one name for how a model is quantized, out of many tensors of several types."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def quantization(weights: Mapping[str | None, int], file_type: int | None) -> str | None:
    """The mixture's name where the tensors bear it out ("Q4_K_M"), else the type most weights have ("Q4_K").

    Args:
        weights: Number of weights of each tensor type.
        file_type: `general.file_type`, which files that were edited or merged have wrong.
    """
    main = max(weights, key=lambda name: weights[name], default=None)
    mixture = _FILE_TYPES.get(file_type & ~_GUESSED) if file_type is not None else None
    return mixture.name if mixture and main in mixture.main else main
