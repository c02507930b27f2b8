"""How far a switch is, at every moment: from what the engine reports, and from how long it took before."""

from __future__ import annotations

import math
from dataclasses import dataclass

from model_switcher.domain.snapshot import Phase

# The part of a switch at which each step begins and ends. The load is nearly all of it.
_SPANS = {
    Phase.PREFLIGHT: (0.0, 0.02),
    Phase.DRAIN: (0.02, 0.04),
    Phase.STOP: (0.04, 0.1),
    Phase.START: (0.1, 1.0),
    Phase.ROLLBACK: (0.0, 1.0),
}
_SOON, _LONG = 1.0, 10.0  # seconds; what another step, and a load, take of which nothing is known
_NEARLY = 0.9  # where a step is that has taken as long as was expected
_MOST = 0.99  # only its end ends a step
_LEAST_TOLD = 0.02  # of a load; the first reports say little about the rest


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a switch is.

    Attributes:
        fraction: 0.0–1.0; it reaches 1.0 only with the end.
        seconds_left: Until the model is ready; None where nobody can tell, as while running answers finish.
    """

    fraction: float
    seconds_left: float | None = None


def progress(
    *, phase: Phase, elapsed: float, engine: float | None, expected: float | None, previous: float = 0.0
) -> Progress:
    """The figure of this moment.

    Args:
        phase: The step that is under way.
        elapsed: Seconds since it began.
        engine: The part of the load that the engine reports, 0.0–1.0; None before it does.
        expected: Seconds that the load will take, by this machine's history; None without one.
        previous: The fraction that was shown last for this switch: it never goes back.
    """
    begin, end = _SPANS[phase]
    if phase in (Phase.START, Phase.ROLLBACK):
        part, left = _load(elapsed, engine, expected)
    else:
        part = _creep(elapsed / _SOON)
        left = None if phase is Phase.DRAIN else expected
    return Progress(fraction=max(previous, begin + (end - begin) * part), seconds_left=left)


def _load(elapsed: float, engine: float | None, expected: float | None) -> tuple[float, float | None]:
    """The part of the load that is done, and the seconds that are left.

    History knows how long all of it takes; the engine how much it has read, which says the more the further it is,
    but nothing of what comes after the reading.
    """
    told = None if engine is None or engine < _LEAST_TOLD else min(engine, 1.0)
    by_engine = elapsed * (1 - told) / told if told is not None and told < 1 else None
    if expected is None:
        return _creep(elapsed / _LONG) if told is None else _NEARLY * told, by_engine
    # Once it takes longer than was expected, history has nothing more to say.
    by_history = expected - elapsed if elapsed < expected else None
    if by_history is not None and by_engine is not None and told is not None:
        left: float | None = (1 - told / 2) * by_history + told / 2 * by_engine
    else:
        left = by_engine if by_history is None else by_history
    if left is None or elapsed + left == 0:
        return _creep(elapsed / expected if expected else math.inf), None
    return _MOST * elapsed / (elapsed + left), left


def _creep(times: float) -> float:
    """The part that is done after so many times the expected time: steadily at first, then ever slower."""
    if times < 1:
        return _NEARLY * times
    return _NEARLY + (_MOST - _NEARLY) * -math.expm1(1 - times)
