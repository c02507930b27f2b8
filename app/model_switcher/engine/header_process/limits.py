"""What the process that reads headers may take."""

from __future__ import annotations

from dataclasses import dataclass

from model_switcher.domain.units import MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the process may take.

    Attributes:
        start: Seconds until it is ready.
        idle: Seconds without work after which it ends.
        look: Seconds between two looks at what it takes, while an answer is waited for.
        processor: Seconds of the processor for one file. Waiting for a disk takes none: that may last.
        memory: Bytes.
        workers: How many of them there may be; more than one only while drives do not answer.
        crashes: So many in a row, with no answer between, and it is not started again.
    """

    start: float = 20.0
    idle: float = 5.0
    look: float = 1.0
    processor: float = 10.0
    memory: int = 512 * MIB
    workers: int = 4
    crashes: int = 6
