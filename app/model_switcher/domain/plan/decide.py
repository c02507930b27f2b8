"""What to do next, as a pure function of what is wanted and what runs.

The controller calls `plan` after every event and carries the action out, until it is told to wait; `plan` never
changes anything. Each policy is a row in a table of cases in the unit tests.

The rules, first match wins:

1. What is to be unloaded leaves: what comes up is cancelled, what is idle stopped, what is busy drained; past
   `cut_at` its answers are cut. If the program is paused that is everything.
2. What comes up and is not wanted any more is cancelled.
3. The most urgent model that does not run (see `demands`) is started: beside what runs if it fits there, else after
   others have left. Until then nothing less urgent is started, unless it waits for a model that is lent.
4. A busy model in the way of the user's choice or of a lease is drained at once, in the way of requests when the
   oldest of them has waited for `starvation-bound`. The return of the user's choice waits until the others have been
   quiet for `return-after`; after a lease it waits for nothing.
5. A model that crashed is started again after a pause that doubles, at most five times in ten minutes.
6. A model that nobody has used for `unload-after-idle` is stopped.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from model_switcher.domain.plan.actions import Action, Cancel, GiveUp, Refuse, Start, Stop, Wait
from model_switcher.domain.plan.demands import Demand, Why, demands, goal_of
from model_switcher.domain.plan.making_room import Blocked, Evict, Fits, Short, make_room
from model_switcher.domain.plan.restarts import restart_due

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from model_switcher.domain.plan.situation import Resident, Situation

__all__ = ["goal_of", "plan"]


@dataclass(slots=True)
class _Waiting:
    """What a pass over the situation found to wait for."""

    times: list[float] = field(default_factory=list)
    draining: set[str] = field(default_factory=set)

    def action(self) -> Wait:
        return Wait(min(self.times, default=None), frozenset(self.draining))


def plan(situation: Situation) -> Action:
    """The next action; see the rules at the top."""
    waiting = _Waiting()
    wanted = demands(situation)
    return (
        _leave(situation, wanted, waiting)
        or _serve(situation, wanted, waiting)
        or _give_up(situation)
        or _unload_idle(situation, wanted, waiting)
        or waiting.action()
    )


def _leave(situation: Situation, wanted: Sequence[Demand], waiting: _Waiting) -> Action | None:
    names = {demand.model for demand in wanted}
    for one in situation.residents:
        if one.stopping:
            continue
        if situation.paused or one.model in situation.leaving:
            if one.coming_up:
                return Cancel(one.model)
            if not one.in_flight or situation.cut:
                return Stop(one.model)
            _drain(situation, one, waiting)
        elif one.coming_up and one.model not in names:
            return Cancel(one.model)
    return None


def _serve(situation: Situation, wanted: Sequence[Demand], waiting: _Waiting) -> Action | None:
    kept: set[str] = set()
    for demand in wanted:
        resident = situation.resident(demand.model)
        if resident is not None:
            if resident.stopping or demand.model in situation.leaving:
                return None  # it starts again when it is gone
            kept.add(demand.model)
            if resident.coming_up:
                return None
            continue
        match _room(situation, demand, kept, waiting):
            case Fits():
                return _start(situation, demand)
            case Evict(victims):
                return _evict(situation, demand, victims, waiting)
            case Blocked():
                continue
            case None:
                break
            case Short() as short:
                return Refuse(demand.model, short)
    return None


def _room(
    situation: Situation, demand: Demand, kept: Collection[str], waiting: _Waiting
) -> Fits | Evict | Blocked | Short | None:
    """What it takes to start a wanted model; None if nothing else may be started before it."""
    due = restart_due(situation.crashes.get(demand.model, ()), situation.now)
    if due <= situation.now:
        return make_room(situation, demand.model, kept)
    waiting.times.append(due)
    # Nobody comes between while a model is lent: its place is kept until it is there again.
    return None if situation.lent(demand.model) else Blocked()


def _start(situation: Situation, demand: Demand) -> Action | None:
    """One at a time: what comes up has not taken all of its memory yet, so that none can be counted on."""
    coming = next((one for one in situation.residents if one.coming_up), None)
    if coming is None:
        return Start(demand.model)
    return Cancel(coming.model) if demand.why is Why.CHOICE else None


def _evict(
    situation: Situation, demand: Demand, victims: Sequence[Resident], waiting: _Waiting
) -> Action | None:
    """The busy ones first: nothing is stopped in vain while they still run."""
    for one in victims:
        if one.coming_up:
            return Cancel(one.model)
    busy = [one for one in victims if one.in_flight and not one.stopping and not situation.cut]
    if busy:
        drain_at = demand.drain_at(situation)
        if drain_at <= situation.now:
            for one in busy:
                _drain(situation, one, waiting)
        elif drain_at < math.inf:
            waiting.times.append(drain_at)
        return None
    due = demand.replace_at(situation, victims)
    if due > situation.now:
        waiting.times.append(due)
        return None
    return next((Stop(one.model) for one in victims if not one.stopping), None)


def _drain(situation: Situation, one: Resident, waiting: _Waiting) -> None:
    waiting.draining.add(one.model)
    if situation.cut_at is not None:
        waiting.times.append(situation.cut_at)


def _give_up(situation: Situation) -> GiveUp | None:
    hopeless = situation.awake and not situation.paused and situation.candidates
    return GiveUp() if hopeless and goal_of(situation) is None else None


def _unload_idle(situation: Situation, wanted: Sequence[Demand], waiting: _Waiting) -> Stop | None:
    needed = {demand.model for demand in wanted if demand.why is not Why.RETURN}
    for one in situation.residents:
        if one.coming_up or one.stopping or one.in_flight or one.pinned or one.model in needed:
            continue
        due = one.left + situation.limits.unload_after_idle
        if due <= situation.now:
            return Stop(one.model, idle=True)
        if due < math.inf:
            waiting.times.append(due)
    return None
