"""The settings in force: read again when their file changes, written when somebody changes them in a view."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from model_switcher.domain.settings_state import SettingsState, applied
from model_switcher.engine.background import in_background
from model_switcher.engine.settings_file import LoadedSettings, load, settings_error, stamp, update

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from model_switcher.domain.settings import Settings
    from model_switcher.engine.hub import Hub
    from model_switcher.engine.settings_file import Changes, Stamp

LOOK_SECONDS = 2.0
"""Editors replace a file in many ways; a look at its stamp sees them all, and takes microseconds."""


class LiveSettings:
    """Lives on the runtime's loop.

    A file that is broken changes nothing: the last good settings stay in force, and the snapshot says what is wrong.

    Args:
        settings: In force from the start.
        path: The file that they come from.
        hub: Is told of changes and of problems.
    """

    def __init__(self, settings: Settings, path: Path, hub: Hub) -> None:
        self.in_force = settings
        self._path = path
        self._hub = hub
        self._file = settings
        self._problems: LoadedSettings | None = None
        self._stamp: Stamp | None = None
        self._turn = asyncio.Lock()
        self._read = self._gone = False
        self._listeners: list[Callable[[Settings], None]] = []

    @property
    def state(self) -> SettingsState:
        """What the file says, and what is in force."""
        return SettingsState(
            file=self._file,
            in_force=self.in_force,
            path=str(self._path),
            problems=self._problems.problems if self._problems is not None else (),
        )

    def on_change(self, listener: Callable[[Settings], None]) -> None:
        """Call `listener` with the settings in force whenever they have changed."""
        self._listeners.append(listener)

    async def watch(self) -> None:
        """Look at the file from time to time, for ever."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Read the file if it is another one than before."""
        async with self._turn:
            now = await in_background(stamp, self._path)
            if now is None and self._stamp is not None:
                self._note_gone()
            elif not self._read or now != self._stamp:
                self._take(await in_background(load, self._path))

    async def change(self, changes: Changes) -> SettingsState:
        """Write single keys into the file, and go by them.

        Raises:
            SettingsError: They are not right, or the file cannot be changed; `details["problems"]` has every problem
                by its key. Nothing was changed.
        """
        async with self._turn:
            self._take(await in_background(update, self._path, changes))
        return self.state

    def _note_gone(self) -> None:
        """Editors may take a file away for a moment to put another in its place: only at the second look it is gone."""
        if self._gone:
            notice = f"The settings file {self._path} is gone; the last good settings stay in force"
            self._hub.update(settings_notice=notice)
        self._gone = True

    def _take(self, loaded: LoadedSettings) -> None:
        first, self._read = not self._read, True
        self._gone = False
        self._stamp = loaded.stamp
        if loaded.problems:
            self._problems = loaded
            if first:
                self._file = loaded.settings  # it was started with what could be read
            self._hub.update(settings_notice=settings_error(self._path, loaded.problems).message)
            self._tell()
            return
        self._problems, self._file = None, loaded.settings
        # Whoever started the program may have named another port than the file does.
        wanted = applied(loaded.settings, self.in_force)
        changed = wanted != self.in_force and not (first and loaded.stamp is None)
        if changed:
            self.in_force = wanted
        self._hub.update(settings_notice=None)
        if changed:
            for listener in self._listeners:
                listener(wanted)
        self._tell()

    def _tell(self) -> None:
        self._hub.update(settings_edition=self._hub.snapshot.settings_edition + 1)
