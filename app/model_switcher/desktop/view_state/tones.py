"""What a text means, beside what it says: views give each meaning a colour, and never a colour alone."""

from __future__ import annotations

from enum import StrEnum


class Tone(StrEnum):
    """How a text is meant."""

    PLAIN = "plain"
    DIM = "dim"
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
