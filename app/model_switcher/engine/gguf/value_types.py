"""The types of metadata values: their numbers in the file, their names, and how `struct` writes them."""

from __future__ import annotations

from typing import NamedTuple


class ValueType(NamedTuple):
    """A scalar type: its name in the specification, its `struct` letter, its bytes."""

    name: str
    letter: str
    size: int


STRING = 8
ARRAY = 9

SCALARS = {
    0: ValueType("uint8", "B", 1),
    1: ValueType("int8", "b", 1),
    2: ValueType("uint16", "H", 2),
    3: ValueType("int16", "h", 2),
    4: ValueType("uint32", "I", 4),
    5: ValueType("int32", "i", 4),
    6: ValueType("float32", "f", 4),
    7: ValueType("bool", "?", 1),
    10: ValueType("uint64", "Q", 8),
    11: ValueType("int64", "q", 8),
    12: ValueType("float64", "d", 8),
}

SCALAR_NUMBERS = {kind.name: number for number, kind in SCALARS.items()}
