"""Writing GGUF files: what demo models, benchmarks and tests need, in little memory."""

from __future__ import annotations

import contextlib
import math
import secrets
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model_switcher.domain.tensor_types import TENSOR_TYPES, TYPE_NUMBERS
from model_switcher.engine.gguf.layout import DEFAULT_ALIGNMENT, align
from model_switcher.engine.gguf.value_types import ARRAY, SCALAR_NUMBERS, SCALARS, STRING

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping, Sequence

WritableScalar = bool | int | float | str | bytes
Writable = WritableScalar | list[str] | list[bytes] | list[int] | list[float] | list[bool]

VERSION = 3
_UINT32_LIMIT = 1 << 32
_INT32_LIMIT = 1 << 31


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorData:
    """A tensor to write.

    Attributes:
        name: "blk.0.attn_q.weight".
        type: Name of its type ("F16").
        shape: Elements in each dimension, the row length first.
        data: Its bytes in pieces, asked for only when they are written.
    """

    name: str
    type: str
    shape: tuple[int, ...]
    data: Iterable[bytes | memoryview]

    @property
    def size(self) -> int:
        """Bytes of its data."""
        kind = TENSOR_TYPES[TYPE_NUMBERS[self.type]]
        return math.prod(self.shape) // kind.block_elements * kind.block_bytes


def write_gguf(
    path: str | os.PathLike[str], metadata: Mapping[str, Writable], tensors: Iterable[TensorData] = ()
) -> None:
    """Write a little-endian GGUF file; it appears at `path` whole or not at all.

    Integers become uint32 (uint64, int64 where they do not fit), in lists int32; floats become float32.

    Raises:
        ValueError: The data of a tensor is shorter or longer than its shape.
        OSError: It could not be written.
    """
    target = Path(path)
    table = tuple(tensors)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            header = b"".join(_header(metadata, table))
            file.write(header.ljust(align(len(header), DEFAULT_ALIGNMENT), b"\0"))
            for tensor in table:
                file.writelines(_checked(tensor))
                file.write(bytes(align(tensor.size, DEFAULT_ALIGNMENT) - tensor.size))
        temporary.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _header(metadata: Mapping[str, Writable], tensors: Sequence[TensorData]) -> Iterator[bytes]:
    yield b"GGUF" + struct.pack("<IQQ", VERSION, len(tensors), len(metadata))
    for key, value in metadata.items():
        yield _string(key)
        yield _value(value)
    offset = 0
    for tensor in tensors:
        yield _string(tensor.name)
        yield struct.pack(
            f"<I{len(tensor.shape)}QIQ", len(tensor.shape), *tensor.shape, TYPE_NUMBERS[tensor.type], offset
        )
        offset += align(tensor.size, DEFAULT_ALIGNMENT)


def _checked(tensor: TensorData) -> Iterator[bytes | memoryview]:
    written = 0
    for piece in tensor.data:
        written += len(piece)
        yield piece
    if written != tensor.size:
        raise ValueError(f"{tensor.name} has {written} bytes of data, its shape needs {tensor.size}")


def _value(value: Writable) -> bytes:
    if isinstance(value, list):
        return struct.pack("<I", ARRAY) + _list(value)
    if isinstance(value, str | bytes):
        return struct.pack("<I", STRING) + _string(value)
    number = SCALAR_NUMBERS[_scalar_type(value)]
    return struct.pack(f"<I{SCALARS[number].letter}", number, value)


def _list(values: Sequence[WritableScalar]) -> bytes:
    first = values[0] if values else ""
    if isinstance(first, str | bytes):
        strings = [_string(value) for value in values if isinstance(value, str | bytes)]
        return struct.pack("<IQ", STRING, len(strings)) + b"".join(strings)
    kind = "bool" if isinstance(first, bool) else "float32" if isinstance(first, float) else "int32"
    number = SCALAR_NUMBERS[kind]
    return struct.pack(f"<IQ{len(values)}{SCALARS[number].letter}", number, len(values), *values)


def _scalar_type(value: bool | float) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, float):
        return "float32"
    if value < 0:
        return "int32" if value >= -_INT32_LIMIT else "int64"
    return "uint32" if value < _UINT32_LIMIT else "uint64"


def _string(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(data)) + data
