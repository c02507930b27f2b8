"""Ids of models: short, stable, and fit for a URL and a command line."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_OTHERS = re.compile(r"[^a-z0-9._-]+")
_DASHES = re.compile("-{2,}")
_MAX_LENGTH = 120


def slug(text: str) -> str:
    """`text` in lower-case ASCII letters, digits, dots, dashes and underscores; empty if nothing is left of it."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _DASHES.sub("-", _OTHERS.sub("-", plain.lower()))[:_MAX_LENGTH].strip("-._")


def identifiers(stems: Sequence[tuple[str, str]], taken: Collection[str] = ()) -> list[str]:
    """An id for each model, none of them twice and none among `taken`.

    Of several that would have the same, each bears its folder's name as well, so that the id of one does not depend
    on which was found first; and where that is the same too, a short hash of its path.

    Args:
        stems: Path and file stem (without shard numbers) of each model.
        taken: Ids that are in use.
    """
    short = [slug(stem) or f"model-{_hash(path)}" for path, stem in stems]
    counts = Counter([*short, *taken])
    middle = [
        name if counts[name] == 1 else f"{name}@{slug(Path(path).parent.name) or _hash(path)}"
        for name, (path, _) in zip(short, stems, strict=True)
    ]
    counts = Counter([*middle, *taken])
    return [
        name if counts[name] == 1 else f"{first}@{_hash(path)}"
        for name, first, (path, _) in zip(middle, short, stems, strict=True)
    ]


def _hash(path: str) -> str:
    return hashlib.sha256(path.encode("utf-8", "replace")).hexdigest()[:8]
