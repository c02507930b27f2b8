"""Whether a model can be started beside what runs, or what has to go first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from model_switcher.domain.plan.situation import Resident, Situation, Span


@dataclass(frozen=True, slots=True)
class Fits:
    """It can be started right now."""


@dataclass(frozen=True, slots=True)
class Evict:
    """These have to go first, in this order: what is leaving already, then the longest unused idle ones, then busy ones."""

    victims: tuple[Resident, ...]


@dataclass(frozen=True, slots=True)
class Blocked:
    """It has to wait for a more urgent model."""


@dataclass(frozen=True, slots=True)
class Short:
    """It does not fit, whatever is unloaded.

    Attributes:
        need: What it takes at least, in bytes.
        room: What would be free for it.
        pinned: Pinned models that would have to go.
    """

    need: int
    room: int
    pinned: tuple[str, ...] = ()

    @property
    def missing(self) -> int:
        return self.need - self.room


def make_room(situation: Situation, model: str, kept: Collection[str] = ()) -> Fits | Evict | Blocked | Short:
    """What it takes to start `model`.

    Beside another model it needs its upper bound and the margin; alone its lower bound is enough. Where its need or
    the memory is unknown, models take turns.

    Args:
        situation: What is the case.
        model: A model that is not resident.
        kept: Models that are more urgent: they stay.
    """
    others = [resident for resident in situation.residents if resident.model != model]
    in_the_way = [one for one in others if one.model not in kept and not one.pinned]
    staying = [one for one in others if one not in in_the_way]
    order = sorted(in_the_way, key=lambda one: (not one.stopping, one.in_flight > 0, one.used))
    need, room = situation.needs.get(model), situation.room
    if need is None or room is None:
        return _take_turns(order, staying, kept)
    if not situation.limits.beside and any(one.model in kept for one in staying):
        return Blocked()
    if situation.limits.beside and (found := _beside(order, need.high + situation.limits.margin - room)):
        return found
    return _alone(order, staying, kept, need, room)


def _take_turns(
    order: Sequence[Resident], staying: Sequence[Resident], kept: Collection[str]
) -> Fits | Evict | Blocked:
    if any(one.model in kept for one in staying):
        return Blocked()
    return Evict(tuple(order)) if order else Fits()


def _beside(order: Sequence[Resident], missing: int) -> Fits | Evict | None:
    """As few victims as make room for `missing` bytes; None if that cannot be said to suffice."""
    if missing <= 0:
        return Fits()
    for count, victim in enumerate(order, start=1):
        if victim.held is None:
            return None
        missing -= victim.held
        if missing <= 0:
            return Evict(tuple(order[:count]))
    return None


def _alone(
    order: Sequence[Resident], staying: Sequence[Resident], kept: Collection[str], need: Span, room: int
) -> Fits | Evict | Blocked | Short:
    """All that may go goes; then its lower bound has to fit, as far as one can tell."""
    held = [one.held for one in order]
    freed = sum(one for one in held if one is not None)
    if None in held or need.low <= room + freed:
        if any(one.model in kept for one in staying):
            return Blocked()  # beside a lent model there must be room with margin, and there is not
        return Evict(tuple(order)) if order else Fits()
    if any(one.model in kept for one in staying):
        return Blocked()
    return Short(need.low, room + freed, tuple(one.model for one in staying if one.pinned))
