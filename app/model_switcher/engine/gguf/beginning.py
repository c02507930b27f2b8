"""The beginning of a header in one read: what stands before the vocabulary, in some 50 microseconds.

Converters write names and hyper-parameters first, then the vocabulary, then the tensors. What is found here is only
shown until the whole header has been read, which alone decides whether a file is sound.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_switcher.engine.gguf.cursor import open_regular
from model_switcher.engine.gguf.value_types import ARRAY, SCALARS, STRING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from model_switcher.engine.gguf.header import Value

MAX_BEGINNING = 64 * 1024
# Most say all of it much earlier: what is not read need not be copied.
_ENOUGH = 8 * 1024

_PREAMBLE = struct.Struct("<4sIQQ")
_VERSIONS = (2, 3)
_LENGTH = struct.Struct("<Q")
_KIND = struct.Struct("<I")
_ARRAY = struct.Struct("<IQ")
_SCALARS = {number: struct.Struct(f"<{kind.letter}") for number, kind in SCALARS.items()}
_VOCABULARY = b"tokenizer."
_MAX_ELEMENTS = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What the beginning of a header says.

    Attributes:
        metadata: As `Header.metadata`, of the keys that stand before the vocabulary.
        all_keys: Whether those are all keys of the file.
        tensor_count: Number of tensors.
        file_size: Bytes of the file.
    """

    metadata: Mapping[str, Value]
    all_keys: bool
    tensor_count: int
    file_size: int


def read_beginning(path: str | os.PathLike[str]) -> Beginning | None:
    """What the first 64 KiB of the file at `path` say; None for a file that only the whole header can tell about.

    Raises:
        HeaderError: It is no regular file.
        OSError: It cannot be opened or read.
    """
    descriptor, size = open_regular(path)
    try:
        data = os.read(descriptor, _ENOUGH)
        beginning, goes_on = _parse(data, size)
        if goes_on and len(data) == _ENOUGH:
            beginning, _ = _parse(data + os.read(descriptor, MAX_BEGINNING - _ENOUGH), size)
    finally:
        os.close(descriptor)
    return beginning


def _parse(data: bytes, size: int) -> tuple[Beginning | None, bool]:
    """What `data` says, and whether it ends before all that could be said."""
    if len(data) < _PREAMBLE.size:
        return None, False
    magic, version, tensor_count, key_count = _PREAMBLE.unpack_from(data)
    if magic != b"GGUF" or version not in _VERSIONS:
        return None, False
    metadata: dict[str, Value] = {}
    all_keys = goes_on = False
    try:
        all_keys = _read_keys(data, key_count, metadata)
    except (struct.error, OverflowError):  # it goes on behind what was read, or makes no sense
        goes_on = True
    if not all_keys and "general.architecture" not in metadata:
        return None, goes_on
    said = Beginning(metadata=metadata, all_keys=all_keys, tensor_count=tensor_count, file_size=size)
    return said, goes_on


def _read_keys(data: bytes, count: int, metadata: dict[str, Value]) -> bool:
    """Add keys up to the vocabulary; returns whether there were no others.

    Raises:
        struct.error, OverflowError: A length leads out of `data`.
    """
    position = _PREAMBLE.size
    length_at, kind_at = _LENGTH.unpack_from, _KIND.unpack_from
    for _ in range(count):
        start = position + 8
        end = start + length_at(data, position)[0]
        key = data[start:end]
        if key.startswith(_VOCABULARY):
            return False
        (kind,) = kind_at(data, end)
        position = end + 4
        value: Value | None
        if kind == STRING:  # most are: the time of a call counts
            start = position + 8
            position = start + length_at(data, position)[0]
            if position > len(data):
                raise struct.error
            value = str(data[start:position], "utf-8", "replace")
        elif kind == ARRAY:
            value, position = _array(data, position)
        elif kind in _SCALARS:
            form = _SCALARS[kind]
            (value,) = form.unpack_from(data, position)
            position += form.size
        else:
            return False
        if value is not None:
            metadata[str(key, "utf-8", "replace")] = value
    return True


def _string(data: bytes, position: int) -> tuple[str, int]:
    start = position + 8
    end = start + _LENGTH.unpack_from(data, position)[0]
    if end > len(data):
        raise struct.error
    return data[start:end].decode("utf-8", "replace"), end


def _array(data: bytes, position: int) -> tuple[Value | None, int]:
    kind, count = _ARRAY.unpack_from(data, position)
    position += _ARRAY.size
    if kind == STRING:
        strings: list[str] = []
        for _ in range(count):
            value, position = _string(data, position)
            strings.append(value)
        return tuple(strings), position
    if kind not in SCALARS:
        raise struct.error
    end = position + count * SCALARS[kind].size
    if count > _MAX_ELEMENTS:
        return None, end
    return struct.unpack_from(f"<{count}{SCALARS[kind].letter}", data, position), end
