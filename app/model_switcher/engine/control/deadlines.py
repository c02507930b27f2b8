"""How long each step of a server's life may take."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """In seconds.

    Attributes:
        stall: A load that reports no further progress.
        silent: A load of an engine that does not report progress at all.
        graceful: From the request to exit until SIGTERM, and from there until the kill.
        kill: From the kill until the process is gone.
        poll: Between two questions to an engine that does not report its state.
        beat: Between two questions after the health of one that is ready, and for each answer.
    """

    stall: float = 180.0
    silent: float = 900.0
    graceful: float = 1.0
    kill: float = 5.0
    poll: float = 0.1
    beat: float = 5.0
