"""A header as a list of parts that can be changed one by one and put together again.

It shares no code with the reader, so that it can also say what the reader should have seen.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

STRING, ARRAY = 8, 9
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


@dataclass
class Key:
    name: bytes
    kind: int
    value: bytes  # with the lengths and counts inside it


@dataclass
class TensorEntry:
    name: bytes
    shape: list[int]
    kind: int
    offset: int


@dataclass
class Parts:
    version: int = 3
    order: str = "<"
    keys: list[Key] = field(default_factory=list)
    tensors: list[TensorEntry] = field(default_factory=list)
    rest: bytes = b""
    more_keys: int = 0  # what the counts of the file say beyond the truth
    more_tensors: int = 0

    def encode(self) -> bytes:
        order = self.order
        out = [
            b"GGUF",
            struct.pack(
                f"{order}IQQ",
                self.version % 2**32,
                (len(self.tensors) + self.more_tensors) % 2**64,
                (len(self.keys) + self.more_keys) % 2**64,
            ),
        ]
        for key in self.keys:
            out += [self.text(key.name), struct.pack(f"{order}I", key.kind), key.value]
        for tensor in self.tensors:
            form = f"{order}I{len(tensor.shape)}QIQ"
            numbers = (len(tensor.shape), *tensor.shape, tensor.kind, tensor.offset)
            out += [self.text(tensor.name), struct.pack(form, *numbers)]
        return b"".join(out) + self.rest

    def text(self, data: bytes) -> bytes:
        return struct.pack(f"{self.order}Q", len(data)) + data


class _Walk:
    def __init__(self, data: bytes, order: str) -> None:
        self.data, self.order, self.at = data, order, 24

    def number(self, letter: str) -> int:
        form = struct.Struct(self.order + letter)
        (value,) = form.unpack_from(self.data, self.at)
        self.at += form.size
        return int(value)

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise struct.error
        self.at += count
        return self.data[self.at - count : self.at]

    def value(self, kind: int) -> bytes:
        start = self.at
        if kind == STRING:
            self.take(self.number("Q"))
        elif kind == ARRAY:
            element, count = self.number("I"), self.number("Q")
            if element == STRING:
                for _ in range(count):
                    self.take(self.number("Q"))
            elif element in SIZES:
                self.take(count * SIZES[element])
            else:
                raise struct.error
        elif kind in SIZES:
            self.take(SIZES[kind])
        else:
            raise struct.error
        return self.data[start : self.at]


def parse(data: bytes) -> tuple[Parts, bool]:
    """The parts of a file as far as they make sense, and whether all did; what does not is left in `rest`."""
    if data[:4] != b"GGUF" or len(data) < 24:
        return Parts(rest=data), False
    order = ">" if data[6:8] != b"\0\0" else "<"
    version, tensor_count, key_count = struct.unpack_from(f"{order}IQQ", data, 4)
    walk, parts = _Walk(data, order), Parts(version=version, order=order)
    whole = True
    good = walk.at
    try:
        for _ in range(key_count):
            name = walk.take(walk.number("Q"))
            kind = walk.number("I")
            parts.keys.append(Key(name, kind, walk.value(kind)))
            good = walk.at
        for _ in range(tensor_count):
            name = walk.take(walk.number("Q"))
            dimensions = walk.number("I")
            if dimensions > 8:
                raise struct.error  # noqa: TRY301 - one way out
            shape = [walk.number("Q") for _ in range(dimensions)]
            parts.tensors.append(TensorEntry(name, shape, walk.number("I"), walk.number("Q")))
            good = walk.at
    except struct.error:
        whole = False
    parts.rest = data[good:]
    parts.more_keys = key_count - len(parts.keys)
    parts.more_tensors = tensor_count - len(parts.tensors)
    return parts, whole
