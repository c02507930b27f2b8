"""Whether the tray starts at login: asked, switched, and kept right when the program has moved."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from model_switcher.domain.errors import LoginEntryError
from model_switcher.engine.autostart.command import login_command
from model_switcher.engine.autostart.entries import login_entries
from model_switcher.engine.settings_file import load, update
from model_switcher.engine.surroundings import surroundings
from model_switcher.places import places

if TYPE_CHECKING:
    from model_switcher.engine.autostart.entries import LoginEntries
    from model_switcher.engine.autostart.entry import LoginEntry
    from model_switcher.places import Places

KEY = ("desktop", "start-at-login")


class LoginState(StrEnum):
    """What will happen at the next login."""

    OFF = "off"
    ON = "on"
    SWITCHED_OFF = "switched off"
    """There is an entry, which the user switched off in the desktop's own settings."""
    STALE = "stale"
    """There is an entry for a program that is not there any more."""
    OTHER = "other"
    """There is an entry for another installation of this program, which is still there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The entry as it is.

    Attributes:
        state: What will happen at the next login.
        place: Where the entry lies, for a person.
        command: What it starts; empty if there is none.
        expected: What it would start if it were made now.
    """

    state: LoginState
    place: str
    command: tuple[str, ...] = ()
    expected: tuple[str, ...]

    @property
    def on(self) -> bool:
        """Whether this program or another installation of it starts at login."""
        return self.state in {LoginState.ON, LoginState.OTHER}


class Autostart:
    """The login entry of one instance. Every method blocks for some milliseconds.

    The settings say what the user wants; the entry is what the desktop does. `turn` changes both, `keep` makes the entry
    follow the settings. What the user switched off in the desktop's own settings stays so until `turn`.

    Args:
        where: The instance's files.
        entries: Where its entry lies; None for this platform's.
        command: What is to be started; None for this program.
    """

    def __init__(
        self,
        where: Places,
        *,
        entries: LoginEntries | None = None,
        command: tuple[str, ...] | None = None,
    ) -> None:
        around = surroundings()
        own = places().settings
        config = None if where.settings == own else where.settings
        if entries is None:
            name = "model-switcher" if config is None else f"model-switcher-{where.runtime.name}"
            title = "Model Switcher" if config is None else f"Model Switcher ({config})"
            entries = login_entries(name, title, around)
        if command is None:
            command = login_command(around, frozen=getattr(sys, "frozen", False), config=config)
        self._settings = where.settings
        self._entries = entries
        self._command = command

    def look(self) -> Login:
        """How it is now.

        Raises:
            LoginEntryError: The entry cannot be read.
        """
        try:
            entry = self._entries.read()
        except OSError as error:
            raise self._error("read", error) from error
        return Login(
            state=self._state(entry),
            place=self._entries.place,
            command=() if entry is None else entry.command,
            expected=self._command,
        )

    def is_on(self) -> bool:
        """Whether the program starts at login, as far as one can see."""
        try:
            return self.look().on
        except LoginEntryError:
            return False

    def turn(self, *, on: bool) -> None:
        """Start at login from now on, or not any more; also says so in the settings.

        Raises:
            SettingsError: The settings file is broken; when switching off, the entry is removed all the same.
            LoginEntryError: The entry cannot be changed.
        """
        if on:
            self._say_so(on=True)
            self._write()
        else:
            self._remove()
            self._say_so(on=False)

    def keep(self) -> Login:
        """Make the entry follow the settings, and the program if that has moved.

        An entry of another installation that is still there is left alone, and nothing is touched while the settings
        have problems.

        Raises:
            LoginEntryError: The entry cannot be read or changed.
        """
        login = self.look()
        loaded = load(self._settings)
        if loaded.problems:
            return login
        wanted = loaded.settings.desktop.start_at_login
        if wanted and (login.state in {LoginState.OFF, LoginState.STALE} or self._moved(login)):
            self._write()
        elif not wanted and login.state is not LoginState.OFF:
            self._remove()
        else:
            return login
        return self.look()

    def _moved(self, login: Login) -> bool:
        """Whether it is ours, and would be written otherwise today."""
        return login.state is LoginState.ON and login.command != self._command

    def _state(self, entry: LoginEntry | None) -> LoginState:
        if entry is None:
            return LoginState.OFF
        if not entry.enabled:
            return LoginState.SWITCHED_OFF
        if entry.command[0] == self._command[0]:
            return LoginState.ON
        return LoginState.STALE if shutil.which(entry.command[0]) is None else LoginState.OTHER

    def _say_so(self, *, on: bool) -> None:
        if load(self._settings).settings.desktop.start_at_login != on:
            update(self._settings, {KEY: on})

    def _write(self) -> None:
        try:
            self._entries.write(self._command)
        except (OSError, ValueError) as error:
            raise self._error("written", error) from error

    def _remove(self) -> None:
        try:
            self._entries.remove()
        except OSError as error:
            raise self._error("removed", error) from error

    def _error(self, what: str, error: OSError | ValueError) -> LoginEntryError:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        return LoginEntryError(
            f"The login entry {self._entries.place} cannot be {what}: {reason}",
            hint="Add Model Switcher in your desktop's own settings for programs that start at login.",
        )
