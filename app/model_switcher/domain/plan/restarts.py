"""When a model that crashed may start again."""

from __future__ import annotations

RESTART_LIMIT = 5
RESTART_WINDOW = 600.0


def recent_crashes(crashes: tuple[float, ...], now: float) -> tuple[float, ...]:
    """Those of the crashes that still count."""
    return tuple(time for time in crashes if now - time < RESTART_WINDOW)


def restart_due(crashes: tuple[float, ...], now: float) -> float:
    """When a model that crashed at those times may start again: 1, 2, 4 … s after the last crash."""
    recent = recent_crashes(crashes, now)
    return recent[-1] + 2.0 ** (len(recent) - 1) if recent else now


def restarts_exhausted(crashes: tuple[float, ...], now: float) -> bool:
    """Whether a model crashed too often to be started again."""
    return len(recent_crashes(crashes, now)) > RESTART_LIMIT
