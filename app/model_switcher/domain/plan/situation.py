"""Everything that `plan` may know. Times are seconds of a clock that never goes back, sizes are bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from model_switcher.domain.states import COMING_UP, ServerState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from model_switcher.domain.settings import Settings


@dataclass(frozen=True, slots=True)
class Resident:
    """One server.

    Attributes:
        model: What it holds.
        state: STOPPING until its process is gone and its memory is free again.
        in_flight: Requests that it answers.
        used: When it was last given a request, or came up.
        left: When its last request ended, or it came up.
        pinned: Whether it is never unloaded to make room.
        held: What it takes of the memory that counts; None if unknown.
    """

    model: str
    state: ServerState
    in_flight: int = 0
    used: float = 0.0
    left: float = 0.0
    pinned: bool = False
    held: int | None = None

    @property
    def coming_up(self) -> bool:
        return self.state in COMING_UP

    @property
    def stopping(self) -> bool:
        return self.state is ServerState.STOPPING


@dataclass(frozen=True, slots=True)
class Want:
    """Requests that wait for a model, the oldest since then. Their model passed its preflight."""

    model: str
    since: float


@dataclass(frozen=True, slots=True)
class Claim:
    """A lease that waits for its model or has been granted it. Claims come first in, first out."""

    model: str
    since: float
    granted: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """What a model takes: at least, and at most."""

    low: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the user set.

    Attributes:
        beside: Whether models stay loaded beside each other while they fit; else one at a time.
        margin: Memory that is left free beside.
        starvation_bound: How long a busy model may keep others waiting.
        return_after: How long it must be quiet before the selected model comes back.
        unload_after_idle: After how long without a request a model is unloaded.
    """

    beside: bool = False
    margin: int = 0
    starvation_bound: float = 10.0
    return_after: float = 60.0
    unload_after_idle: float = math.inf

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Those of the settings."""
        return cls(
            beside=settings.memory.keep_resident == "while it fits",
            margin=settings.memory.margin,
            starvation_bound=settings.server.starvation_bound,
            return_after=settings.server.return_after,
            unload_after_idle=settings.memory.unload_after_idle,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is wanted, what runs, what is known.

    Attributes:
        now: The time.
        candidates: Models for the user's choice, the preferred first, then the fallbacks.
        choosing: Whether the user's choice is being carried out right now.
        awake: Whether the user's choice is to be loaded at all.
        paused: Whether nothing at all may be loaded.
        returning: Whether the user's choice comes back at once, not after quiet: a lease has ended.
        wants: What requests wait for, each model once.
        claims: Leases in order.
        residents: What runs.
        leaving: Models that are to be unloaded whatever is wanted.
        failed: Models that failed for good, or for now.
        crashes: For each model, when it crashed after it had been ready.
        cut_at: When running answers are cut; None to wait for them however long they take.
        room: Memory free right now; None if unknown.
        needs: What models take, as far as it is known.
        limits: What the user set.
    """

    now: float
    candidates: tuple[str, ...] = ()
    choosing: bool = False
    awake: bool = True
    paused: bool = False
    returning: bool = False
    wants: tuple[Want, ...] = ()
    claims: tuple[Claim, ...] = ()
    residents: tuple[Resident, ...] = ()
    leaving: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()
    crashes: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    cut_at: float | None = None
    room: int | None = None
    needs: Mapping[str, Span] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)

    @property
    def cut(self) -> bool:
        """Whether running answers are cut by now."""
        return self.cut_at is not None and self.now >= self.cut_at

    def resident(self, model: str) -> Resident | None:
        return next((resident for resident in self.residents if resident.model == model), None)

    def lent(self, model: str) -> bool:
        """Whether a program has it right now."""
        return any(claim.granted and claim.model == model for claim in self.claims)
