"""What the doctor says."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How grave a finding is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at: how it is, and what to do about it."""

    level: Level
    topic: str
    sentence: str
    hint: str = ""


def ok(topic: str, sentence: str) -> Finding:
    """All is well there."""
    return Finding(level=Level.OK, topic=topic, sentence=sentence)


def warning(topic: str, sentence: str, hint: str) -> Finding:
    """It works, but not as it could."""
    return Finding(level=Level.WARNING, topic=topic, sentence=sentence, hint=hint)


def problem(topic: str, sentence: str, hint: str) -> Finding:
    """It does not work."""
    return Finding(level=Level.PROBLEM, topic=topic, sentence=sentence, hint=hint)
