"""Mistakes of ours that must not end all the rest: each is logged once, and shown in the catalog until it is over."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from model_switcher.domain.catalog import Reject, Rejected

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_log = logging.getLogger(__name__)


class Troubles:
    """What goes wrong although nobody thought that it could.

    Args:
        on_change: Called when there is another one, or one less.
    """

    def __init__(self, on_change: Callable[[], None]) -> None:
        self._on_change = on_change
        self._entries: dict[str, Rejected] = {}

    @property
    def entries(self) -> list[Rejected]:
        """As they are shown."""
        return list(self._entries.values())

    async def survive(self, place: str, what: str, step: Awaitable[None]) -> bool:
        """Whether `step` went well; if not, it is told at `place` that `what` failed."""
        try:
            await step
        except Exception as error:  # noqa: BLE001 - nobody thought of it
            if place not in self._entries:
                self._entries[place] = trouble(place, what, error)
                self._on_change()
            return False
        self.forget(place)
        return True

    def forget(self, place: str) -> None:
        """Nothing is wrong there any more."""
        if self._entries.pop(place, None) is not None:
            self._on_change()


def trouble(place: str, what: str, error: Exception) -> Rejected:
    """Log a mistake; returns how to show it."""
    _log.error("%s: %s failed", place, what, exc_info=error)
    reason = f"{what} failed unexpectedly ({type(error).__name__}); the log says more"
    return Rejected(path=place, code=Reject.UNREADABLE, reason=reason)
