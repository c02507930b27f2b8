"""Errors of this program as failures: what was found out before an engine was started."""

from __future__ import annotations

from model_switcher.domain.catalog import Reject
from model_switcher.domain.errors import EngineUnusable, NoEngine, SwitcherError, UnsupportedOption
from model_switcher.domain.remedies import Remedy, RemedyKind
from model_switcher.domain.states import Failure


def failure_of(error: SwitcherError) -> Failure:
    """The error as a value, with what can be done about it."""
    return Failure(cause=error.code, sentence=error.message, hint=error.hint, action=_action(error))


def _action(error: SwitcherError) -> Remedy | None:
    if isinstance(error, UnsupportedOption):
        options = error.details.get("options") or [None]
        return Remedy(action=RemedyKind.EDIT_SETTINGS, option=options[0])
    if isinstance(error, NoEngine | EngineUnusable):
        return Remedy(action=RemedyKind.GET_ENGINE)
    if error.code == Reject.UNREADABLE:
        return Remedy(action=RemedyKind.RESCAN)
    return None
