"""Which models are wanted loaded now, the most urgent first."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from model_switcher.domain.plan.situation import Resident, Situation


class Why(Enum):
    """Who wants a model, and so what a busy model in its way has to expect."""

    LEASE = auto()
    CHOICE = auto()
    REQUESTS = auto()
    RETURN = auto()


@dataclass(frozen=True, slots=True)
class Demand:
    """A model that is wanted; `since` is when the oldest request or the lease came."""

    model: str
    why: Why
    since: float = 0.0

    def drain_at(self, situation: Situation) -> float:
        """When busy models in its way are drained; infinity for never: they have to fall quiet by themselves."""
        if self.why is Why.REQUESTS:
            return self.since + situation.limits.starvation_bound
        if self.why is Why.RETURN and not situation.returning:
            return math.inf
        return situation.now

    def replace_at(self, situation: Situation, idle: Iterable[Resident]) -> float:
        """When idle models in its way are stopped."""
        if self.why is not Why.RETURN or situation.returning:
            return situation.now
        quiet = max((one.left for one in idle if not one.stopping), default=-math.inf)
        return max(situation.now, quiet + situation.limits.return_after)


def goal_of(situation: Situation) -> str | None:
    """The model that is to be served as the user's choice, or None for none."""
    if situation.paused or not situation.awake:
        return None
    return next((model for model in situation.candidates if model not in situation.failed), None)


def demands(situation: Situation) -> list[Demand]:
    """Each wanted model once, the most urgent first.

    1. What is lent already. 2. The user's choice, while it is being carried out. 3. What requests and the next lease
    wait for, in the order in which the first of each came. 4. The user's choice, when nothing else is wanted.
    """
    if situation.paused:
        return []
    first: dict[str, Demand] = {}
    for demand in _all(situation):
        if demand.model not in situation.failed:
            first.setdefault(demand.model, demand)
    return list(first.values())


def _all(situation: Situation) -> Iterator[Demand]:
    lent = [claim for claim in situation.claims if claim.granted]
    yield from (Demand(claim.model, Why.LEASE, claim.since) for claim in lent)
    goal = goal_of(situation)
    if goal is not None and situation.choosing:
        yield Demand(goal, Why.CHOICE)
    waiting = [Demand(want.model, Why.REQUESTS, want.since) for want in situation.wants]
    if situation.claims and not lent:
        head = situation.claims[0]
        waiting.append(Demand(head.model, Why.LEASE, head.since))
    yield from sorted(waiting, key=lambda demand: demand.since)
    if goal is not None:
        yield Demand(goal, Why.RETURN)
