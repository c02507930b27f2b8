"""What a desktop remembers of a program that starts at login, and where: the port behind which the platforms differ."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol

from model_switcher.engine.autostart.macos import LaunchAgent
from model_switcher.engine.autostart.xdg import XdgAutostart

if TYPE_CHECKING:
    from model_switcher.engine.autostart.entry import LoginEntry
    from model_switcher.engine.surroundings import Surroundings


class LoginEntries(Protocol):
    """Where one entry of the user's lies. Every method blocks, for some milliseconds."""

    @property
    def place(self) -> str:
        """Where it is, for a person."""
        ...

    def read(self) -> LoginEntry | None:
        """The entry; None if there is none, or one that says no command.

        Raises:
            OSError: It cannot be read.
        """
        ...

    def write(self, command: tuple[str, ...]) -> None:
        """Make the entry, or change it, and switch it on.

        Raises:
            OSError, ValueError: It cannot be written, or not with this command.
        """
        ...

    def remove(self) -> None:
        """Remove the entry, if there is one.

        Raises:
            OSError: It cannot be removed.
        """
        ...


def login_entries(name: str, title: str, around: Surroundings) -> LoginEntries:
    """The entry called `name` (for files) and `title` (for people) on this platform."""
    if sys.platform == "win32":
        from model_switcher.engine.autostart.windows import (  # noqa: PLC0415 - there alone is a registry
            RunKey,
            UserRegistry,
        )

        return RunKey(title, UserRegistry())
    if sys.platform == "darwin":
        return LaunchAgent(name, around.home)
    return XdgAutostart(name, title, around)
