"""Sizes and durations as people write them."""

from __future__ import annotations

import math
import re

KIB = 1024
MIB = 1024**2
GIB = 1024**3

_SIZE = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(B|KiB|MiB|GiB|TiB|KB|MB|GB|TB|K|M|G|T)?\s*$", re.IGNORECASE)
_SIZE_UNITS = {
    "": 1, "b": 1,
    "k": KIB, "kib": KIB, "m": MIB, "mib": MIB, "g": GIB, "gib": GIB, "t": 1024 * GIB, "tib": 1024 * GIB,
    "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
}  # fmt: skip

_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|sec|min|m|h|d)?\s*$", re.IGNORECASE)
_DURATION_UNITS = {
    "": 1.0,
    "ms": 0.001,
    "s": 1.0,
    "sec": 1.0,
    "min": 60.0,
    "m": 60.0,
    "h": 3600.0,
    "d": 86400.0,
}


def parse_size(text: str) -> int:
    """Bytes in `text`: "768 MiB", "16GB", "1.5 g", "4096".

    Raises:
        ValueError: `text` is not a size.
    """
    match = _SIZE.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a size such as '768 MiB' or '2 GiB'")
    return round(float(match[1]) * _SIZE_UNITS[(match[2] or "").lower()])


def parse_duration(text: str) -> float:
    """Seconds in `text`: "250 ms", "10 s", "5 min", "2 h"; "never" is infinite.

    Raises:
        ValueError: `text` is not a duration.
    """
    if text.strip().lower() == "never":
        return math.inf
    match = _DURATION.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a duration such as '10 s', '5 min' or 'never'")
    return float(match[1]) * _DURATION_UNITS[(match[2] or "").lower()]


def format_size(size: int | None) -> str:
    """A size for people: "6.8 GiB", "250 KiB"; "unknown" for None."""
    if size is None:
        return "unknown"
    if size >= GIB / 10:
        return f"{size / GIB:.1f} GiB"
    if size >= MIB / 10:
        return f"{size / MIB:.1f} MiB"
    return f"{size / KIB:.0f} KiB"


def format_gib(size: int | None) -> str:
    """A size in GiB without the unit, for places that name the unit once: "6.8"; "?" for None."""
    return "?" if size is None else f"{size / GIB:.1f}"


def format_seconds(seconds: float) -> str:
    """A duration for people: "85 ms", "3.2 s", "2 min 5 s"."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)} min {int(seconds % 60)} s"
