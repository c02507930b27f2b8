"""What to do next, as a pure function of what is wanted and what runs. See `decide` for the rules."""

from model_switcher.domain.plan.actions import Action, Cancel, GiveUp, Refuse, Start, Stop, Wait
from model_switcher.domain.plan.decide import goal_of, plan
from model_switcher.domain.plan.making_room import Blocked, Evict, Fits, Short, make_room
from model_switcher.domain.plan.restarts import (
    recent_crashes,
    restart_due,
    restarts_exhausted,
)
from model_switcher.domain.plan.situation import Claim, Limits, Resident, Situation, Span, Want

__all__ = [
    "Action",
    "Blocked",
    "Cancel",
    "Claim",
    "Evict",
    "Fits",
    "GiveUp",
    "Limits",
    "Refuse",
    "Resident",
    "Short",
    "Situation",
    "Span",
    "Start",
    "Stop",
    "Wait",
    "Want",
    "goal_of",
    "make_room",
    "plan",
    "recent_crashes",
    "restart_due",
    "restarts_exhausted",
]
