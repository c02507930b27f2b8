"""One program that starts at login."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoginEntry:
    """One program that starts at login.

    Attributes:
        command: The program and its arguments.
        enabled: False where the user switched it off in the desktop's own settings.
    """

    command: tuple[str, ...]
    enabled: bool = True
