"""Where the weights lie, and whether the file is long enough for them.

llama.cpp (ggml/src/gguf.cpp) loads a file only if each tensor begins where the one before it ends, rounded up to
the alignment; so what breaks that rule is damaged, and what obeys it and is too short is truncated.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from model_switcher.domain.reject import Reject
from model_switcher.domain.tensor_types import TENSOR_TYPES
from model_switcher.domain.units import KIB, format_size
from model_switcher.engine.gguf.header import HeaderError, Tensor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from model_switcher.engine.gguf.header import Value

DEFAULT_ALIGNMENT = 32
_MAX_ELEMENTS = 2**63 - 1
# Forks of llama.cpp number their own types up to some 400.
_MAX_TYPE = 511


def alignment_of(metadata: Mapping[str, Value]) -> int:
    """Bytes that every tensor's offset is a multiple of.

    Raises:
        HeaderError: It is no power of two.
    """
    value = metadata.get("general.alignment", DEFAULT_ALIGNMENT)
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0 or value & (value - 1):
        raise HeaderError(Reject.DAMAGED, "its header has an impossible alignment; download it again")
    return value


def align(position: int, alignment: int) -> int:
    """The next multiple of `alignment`."""
    return -(-position // alignment) * alignment


def check_layout(tensors: Iterable[Tensor], data_offset: int, alignment: int, file_size: int) -> None:
    """Refuse a tensor table that llama.cpp would refuse, and a file that ends before its weights do.

    Raises:
        HeaderError: The table is damaged, or the file is truncated.
    """
    expected: int | None = 0
    end = 0
    for tensor in tensors:
        size = _checked_size(tensor)
        if tensor.offset % alignment or (expected is not None and tensor.offset != expected):
            raise HeaderError(
                Reject.DAMAGED, "the places of its tensors contradict each other; download it again"
            )
        end = max(end, tensor.offset + (size or 0))
        # Behind a tensor of unknown type any place may be right.
        expected = None if size is None else align(tensor.offset + size, alignment)
    missing = data_offset + end - file_size
    if end and missing > 0:
        plural = "" if missing == 1 else "s"
        amount = f"{missing:,} byte{plural}" if missing < KIB else format_size(missing)
        reason = f"the file ends {amount} early; download it again"
        raise HeaderError(Reject.TRUNCATED, reason, whole_size=data_offset + end)


def _checked_size(tensor: Tensor) -> int | None:
    kind, shape = TENSOR_TYPES.get(tensor.type), tensor.shape
    elements = math.prod(shape)
    whole = kind is None or not shape or shape[0] % kind.block_elements == 0
    if elements > _MAX_ELEMENTS or tensor.type > _MAX_TYPE or not whole:
        raise HeaderError(Reject.DAMAGED, "its header has an impossible tensor; download it again")
    return elements // kind.block_elements * kind.block_bytes if kind else None
