"""What to do next, as a pure function of what is wanted and what runs.

The controller calls `plan` after every event and carries the action out; `plan` never changes anything. Each
policy is a row in a table of cases in the unit tests.

The rules, first match wins:

1. A paused or sleeping program holds nothing: whatever runs is stopped.
2. The goal is the first model of `candidates` that has not failed for good: the chosen one, then the one
   that was served before it, then the default.
3. A server that comes up for another model than the goal is cancelled.
4. A ready server of another model is drained, then stopped; past `cut_at` its answers are cut.
5. While anything is being stopped, wait: its memory is not free yet.
6. A goal that crashed is started again after a pause that doubles, at most five times in ten minutes.
7. The goal is started, if it does not run yet.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from model_switcher.domain.states import COMING_UP, ServerState

if TYPE_CHECKING:
    from collections.abc import Mapping

RESTART_LIMIT = 5
RESTART_WINDOW = 600.0


@dataclass(frozen=True, slots=True)
class Resident:
    """One server as `plan` sees it."""

    model: str
    state: ServerState
    in_flight: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything `plan` may know. Times are seconds of a clock that never goes back.

    Attributes:
        now: The time.
        candidates: Models to serve, the preferred first, then the fallbacks.
        awake: False while nothing is to be loaded: paused, stopped, or waiting for the first request.
        residents: What runs, by no particular order.
        failed: Models that failed for good since the last choice.
        crashes: For each model, when it crashed after it had been ready.
        cut_at: When running answers are cut; None to wait for them however long they take.
    """

    now: float
    candidates: tuple[str, ...] = ()
    awake: bool = True
    residents: tuple[Resident, ...] = ()
    failed: frozenset[str] = frozenset()
    crashes: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    cut_at: float | None = None


@dataclass(frozen=True, slots=True)
class Start:
    """Start a server for the model."""

    model: str


@dataclass(frozen=True, slots=True)
class Drain:
    """Admit nothing new to the model; what runs there finishes."""

    model: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop the idle server of the model."""

    model: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Kill the server that is coming up for the model."""

    model: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Every candidate failed: serve nothing, and say so."""


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Nothing to do before that time."""

    time: float


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing to do until something happens."""


Action = Start | Drain | Stop | Cancel | GiveUp | WaitUntil | Nothing


def plan(situation: Situation) -> Action:
    """The next action; see the rules at the top."""
    goal = goal_of(situation)
    for resident in situation.residents:
        if resident.model == goal and resident.state is not ServerState.STOPPING:
            continue
        return _leave(resident, cut=situation.cut_at is not None and situation.now >= situation.cut_at)
    if goal is None:
        return GiveUp() if situation.awake and situation.candidates else Nothing()
    if situation.residents:
        return Nothing()
    due = restart_due(situation.crashes.get(goal, ()), situation.now)
    if due > situation.now:
        return WaitUntil(due)
    return Start(goal)


def goal_of(situation: Situation) -> str | None:
    """The model that is to be served, or None for nothing."""
    if not situation.awake:
        return None
    return next((model for model in situation.candidates if model not in situation.failed), None)


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


def _leave(resident: Resident, *, cut: bool) -> Action:
    if resident.state is ServerState.STOPPING:
        return Nothing()
    if resident.state in COMING_UP:
        return Cancel(resident.model)
    if resident.in_flight and not cut:
        return Drain(resident.model)
    return Stop(resident.model)
