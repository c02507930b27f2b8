"""Reading the header of a GGUF file: quick, in little memory, and safe on files that are not what they seem."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from model_switcher.domain.reject import Reject
from model_switcher.engine.gguf.cursor import Cursor, open_regular
from model_switcher.engine.gguf.header import Header, HeaderError, Tensor
from model_switcher.engine.gguf.known_keys import check_known_keys
from model_switcher.engine.gguf.layout import align, alignment_of, check_layout
from model_switcher.engine.gguf.look_alikes import name_look_alike
from model_switcher.engine.gguf.value_types import ARRAY, SCALARS, STRING

if TYPE_CHECKING:
    from model_switcher.engine.gguf.header import Value

_PREAMBLE = 24
_VERSIONS = (2, 3)
_MAX_KEYS = 1 << 16
_MAX_KEY_LENGTH = 65_535  # gguf.md
_MAX_TENSORS = 1 << 16  # the largest files have some thousand
_MAX_TENSOR_NAME = 255  # gguf.md says 64; forks of ggml raise it
_MAX_DIMENSIONS = 4
# Shape, type and offset of a tensor, by its number of dimensions.
_PLACES = tuple(f"{dimensions}QIQ" for dimensions in range(_MAX_DIMENSIONS + 1))
_MAX_ARRAY_KEPT = 4096  # per-layer numbers are kept, vocabularies are not
_MAX_STRINGS_KEPT = 256  # lists of languages and tags are kept
_MAX_LISTED_STRING = 1024
_MAX_STRINGS = 1 << 21  # the largest vocabularies have 0.3 million, and 0.5 million merges
_MAX_STRING_KEPT = 1 << 20
# What a hostile file can make us keep: bytes of values, and of names of keys and tensors. Real ones have some 20 KB of
# each; in memory text can take four times as much.
_MAX_KEPT = 4 << 20
_MAX_NAMES = 4 << 20
_BYTES_PER_NUMBER = 40
_BYTES_PER_STRING = 64  # and for each key and each tensor


def read_header(path: str | os.PathLike[str]) -> Header:
    """The header of the GGUF file at `path`, with the full tensor table.

    Raises:
        HeaderError: It is no GGUF file, or damaged, or truncated, or of a version this program does not know.
        OSError: It cannot be opened or read.
    """
    descriptor, size = open_regular(path)
    try:
        return _Reader(Cursor(descriptor, size)).read()
    finally:
        os.close(descriptor)


class _Reader:
    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._metadata: dict[str, Value] = {}
        self._arrays: dict[str, tuple[str, int]] = {}
        self._keys: set[str] = set()
        self._strings = 0
        self._budget = _MAX_KEPT
        self._names = _MAX_NAMES

    def read(self) -> Header:
        cursor = self._cursor
        version, big_endian = self._preamble()
        tensor_count, key_count = cursor.length(), cursor.length()
        if key_count > _MAX_KEYS or tensor_count > _MAX_TENSORS:
            raise _damaged("its header has impossible counts")
        for _ in range(key_count):
            self._entry()
        check_known_keys(self._metadata, self._arrays)
        tensors = tuple(self._tensor() for _ in range(tensor_count))
        if len({tensor.name for tensor in tensors}) != len(tensors):
            raise _damaged("two of its tensors have the same name")
        alignment = alignment_of(self._metadata)
        data_offset = align(cursor.position, alignment)
        check_layout(tensors, data_offset, alignment, cursor.size)
        return Header(
            version=version,
            big_endian=big_endian,
            metadata=self._metadata,
            arrays=self._arrays,
            tensors=tensors,
            data_offset=data_offset,
            file_size=cursor.size,
            bytes_read=cursor.bytes_read,
        )

    def _preamble(self) -> tuple[int, bool]:
        """Check what kind of file it is; returns version and byte order."""
        cursor = self._cursor
        if cursor.size == 0:
            raise HeaderError(Reject.EMPTY, "the file is empty; download it again")
        beginning = cursor.peek(64)
        if beginning[:4] != b"GGUF":
            raise HeaderError(Reject.NOT_GGUF, name_look_alike(beginning))
        if cursor.size < _PREAMBLE:
            raise HeaderError(
                Reject.TRUNCATED, "the file ends in the middle of its header; download it again"
            )
        cursor.skip(4)
        (version,) = cursor.numbers("I")
        # Versions are small: with the low half empty, the number was written the other way round.
        big_endian = version & 0xFFFF == 0 and version != 0
        if big_endian:
            version = int.from_bytes(version.to_bytes(4, "little"), "big")
            cursor.set_big_endian()
        if version not in _VERSIONS:
            age = "older" if version < min(_VERSIONS) else "newer"
            raise HeaderError(Reject.VERSION, f"it has GGUF version {version}, {age} than what can be read")
        return version, big_endian

    def _entry(self) -> None:
        """One key with its value."""
        cursor = self._cursor
        key = self._text(_MAX_KEY_LENGTH)
        if not key:
            raise _damaged("its header has a key without a name")
        if key in self._keys:
            raise _damaged(f"its header has the key {key[:64]!r} twice")
        self._keys.add(key)
        (kind,) = cursor.numbers("I")
        if kind == ARRAY:
            self._array(key)
        elif kind == STRING:
            self._string(key)
        elif kind in SCALARS:
            (self._metadata[key],) = cursor.values(SCALARS[kind].letter, 1)
        else:
            raise _damaged("its header has a value of an unknown type")

    def _string(self, key: str) -> None:
        cursor = self._cursor
        length = cursor.length()
        if length <= _MAX_STRING_KEPT and length <= self._budget:
            self._budget -= length
            self._metadata[key] = cursor.take(length).decode("utf-8", "replace")
        else:
            cursor.skip(length)

    def _array(self, key: str) -> None:
        cursor = self._cursor
        (kind,) = cursor.numbers("I")
        count = cursor.length()
        if kind == STRING:
            self._arrays[key] = ("string", count)
            self._strings += count
            if self._strings > _MAX_STRINGS:
                raise _damaged("its header has impossible counts")
            if count <= _MAX_STRINGS_KEPT:
                self._list_of_strings(key, count)
            else:
                cursor.skip_strings(count)
            return
        scalar = SCALARS.get(kind)
        if scalar is None:  # arrays of arrays too: nothing writes them, and depth is an attack
            raise _damaged("its header has an array of an unknown type")
        self._arrays[key] = (scalar.name, count)
        if count <= _MAX_ARRAY_KEPT and count * _BYTES_PER_NUMBER <= self._budget:
            self._budget -= count * _BYTES_PER_NUMBER
            cursor.check_count(count, scalar.size)
            self._metadata[key] = cursor.values(scalar.letter, count)
        else:
            cursor.skip(count * scalar.size)

    def _list_of_strings(self, key: str, count: int) -> None:
        """Keep a short list of short strings; one that has a long one among them is passed over."""
        cursor = self._cursor
        kept: list[str] = []
        while len(kept) < count:
            length = cursor.length()
            taken = length + _BYTES_PER_STRING
            if length > _MAX_LISTED_STRING or taken > self._budget:
                cursor.skip(length)
                cursor.skip_strings(count - len(kept) - 1)
                return
            self._budget -= taken
            kept.append(cursor.take(length).decode("utf-8", "replace"))
        self._metadata[key] = tuple(kept)

    def _tensor(self) -> Tensor:
        """One entry of the tensor table."""
        cursor = self._cursor
        name = self._text(_MAX_TENSOR_NAME)
        (dimensions,) = cursor.numbers("I")
        if not name or dimensions > _MAX_DIMENSIONS:
            raise _damaged("its header has an impossible tensor")
        *shape, kind, offset = cursor.numbers(_PLACES[dimensions])
        return Tensor(name, kind, tuple(shape), offset)

    def _text(self, limit: int) -> str:
        """A name of at most `limit` bytes."""
        length = self._cursor.length()
        taken = length + _BYTES_PER_STRING
        if length > limit or taken > self._names:
            raise _damaged("its header has impossible lengths")
        self._names -= taken
        return str(self._cursor.take(length), "utf-8", "replace")


def _damaged(what: str) -> HeaderError:
    return HeaderError(Reject.DAMAGED, f"{what}; download it again")
