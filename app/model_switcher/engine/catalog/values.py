"""Values out of a header's metadata, each of the type that is asked for or None."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from model_switcher.engine.gguf import Value

_MAX_LENGTH = 200


def text(metadata: Mapping[str, Value], key: str) -> str | None:
    """A string without control characters; None if there is none, or nothing in it."""
    value = metadata.get(key)
    return _clean(value[:_MAX_LENGTH]) if isinstance(value, str) else None


def texts(metadata: Mapping[str, Value], key: str) -> tuple[str, ...]:
    """The strings of a list, or the one in place of it; empty ones are left out."""
    value = metadata.get(key)
    values = value if isinstance(value, tuple) else (value,)
    cleaned = (_clean(item[:_MAX_LENGTH]) for item in values if isinstance(item, str))
    return tuple(dict.fromkeys(item for item in cleaned if item))


def number(metadata: Mapping[str, Value], key: str) -> int | None:
    """A positive whole number; None for everything else (the first part of a split model has number 0)."""
    value = metadata.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def most(metadata: Mapping[str, Value], key: str) -> int | None:
    """The greatest of the positive whole numbers that a key gives: one for all layers, or one for each."""
    value = metadata.get(key)
    if not isinstance(value, tuple):
        return number(metadata, key)
    numbers = (item for item in value if isinstance(item, int) and not isinstance(item, bool) and item > 0)
    return max(numbers, default=None)


def flag(metadata: Mapping[str, Value], key: str) -> bool | None:
    """Yes or no; None if the key is missing or has another type."""
    value = metadata.get(key)
    return value if isinstance(value, bool) else None


@functools.lru_cache(4096)  # a thousand models have a dozen architectures and licences
def _clean(value: str) -> str | None:
    if not value.isprintable():
        value = "".join(character if character.isprintable() else " " for character in value)
    return " ".join(value.split()) or None
