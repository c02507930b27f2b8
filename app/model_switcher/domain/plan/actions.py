"""What the controller can be told to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model_switcher.domain.plan.making_room import Short


@dataclass(frozen=True, slots=True)
class Start:
    """Start a server for the model."""

    model: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop the server of the model; `idle` if only because nobody has used it for long."""

    model: str
    idle: bool = False


@dataclass(frozen=True, slots=True)
class Cancel:
    """Kill the server that is coming up for the model."""

    model: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """The model cannot be loaded: say so to whoever wants it."""

    model: str
    short: Short


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Every candidate failed: serve nothing, and say so."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing more to do until something happens, or until that time.

    Attributes:
        until: When to look again at the latest; None if only an event can change anything.
        draining: Ready models that admit nothing new; what runs there finishes.
    """

    until: float | None = None
    draining: frozenset[str] = frozenset()


Action = Start | Stop | Cancel | Refuse | GiveUp | Wait
