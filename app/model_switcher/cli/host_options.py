"""What makes one instance; known before anything of it is imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model_switcher.domain.settings import Settings
    from model_switcher.engine.control.deadlines import Deadlines
    from model_switcher.places import Places


@dataclass(frozen=True, slots=True, kw_only=True)
class HostOptions:
    """What makes one instance.

    Attributes:
        settings: Its settings.
        places: Where its files lie.
        mode: "tray" takes over from a headless instance; "headless" does not.
        linger: Seconds without use after which it ends by itself; None to stay.
        notice: What its user should know, such as problems in the settings file.
        is_first: Whether there was no settings file before this start.
        deadlines: Of each server's steps; None for those that suit real engines.
    """

    settings: Settings
    places: Places
    mode: str = "headless"
    linger: float | None = None
    notice: str | None = None
    is_first: bool = False
    deadlines: Deadlines | None = None
