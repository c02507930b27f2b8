"""What a GGUF header says, as frozen values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from model_switcher.domain.tensor_types import TENSOR_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from model_switcher.domain.reject import Reject

Scalar = bool | int | float | str
Value = Scalar | tuple[bool | int | float, ...] | tuple[str, ...]


class HeaderError(Exception):
    """A file whose header cannot be used.

    Attributes:
        code: Why, as a stable code.
        reason: Why, in one sentence for a person, to follow the file's name and a colon.
        whole_size: Bytes that the file should have, where it is only too short.
    """

    def __init__(self, code: Reject, reason: str, *, whole_size: int | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.whole_size = whole_size


class Tensor(NamedTuple):
    """One entry of the tensor table.

    Attributes:
        name: "blk.0.attn_q.weight".
        type: Number of its type in `enum ggml_type`.
        shape: Elements in each dimension, the row length first, as in the file.
        offset: Bytes from the header's `data_offset`.
    """

    name: str
    type: int
    shape: tuple[int, ...]
    offset: int

    @property
    def type_name(self) -> str | None:
        """The type as llama.cpp names it ("Q4_K"); None for one this program does not know."""
        kind = TENSOR_TYPES.get(self.type)
        return kind.name if kind else None

    @property
    def elements(self) -> int:
        """Number of weights."""
        return math.prod(self.shape)

    @property
    def size(self) -> int | None:
        """Bytes of its data; None for a type this program does not know."""
        kind = TENSOR_TYPES.get(self.type)
        return self.elements // kind.block_elements * kind.block_bytes if kind else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """All that stands before the weights.

    Attributes:
        version: Of the format: 2 or 3.
        big_endian: Whether the file is for machines of that byte order.
        metadata: Scalars, strings and short arrays by key. Very long strings are left out.
        arrays: For every array its element type ("string", "float32") and its number of elements.
        tensors: The tensor table, in the order of the file.
        data_offset: Where the weights begin, in bytes from the beginning of the file.
        file_size: Bytes of the file.
        bytes_read: Bytes that were read to find all this out.
    """

    version: int
    big_endian: bool
    metadata: Mapping[str, Value]
    arrays: Mapping[str, tuple[str, int]]
    tensors: tuple[Tensor, ...]
    data_offset: int
    file_size: int
    bytes_read: int
