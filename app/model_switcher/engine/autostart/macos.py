"""macOS: a launch agent of the user's (launchd.plist(5)); launchd finds it at the next login."""

from __future__ import annotations

import plistlib
from typing import TYPE_CHECKING
from xml.parsers.expat import ExpatError

from model_switcher.engine.autostart.entry import LoginEntry
from model_switcher.engine.files import remove, write_atomically

if TYPE_CHECKING:
    from pathlib import Path


class LaunchAgent:
    """`~/Library/LaunchAgents/NAME.plist`.

    Args:
        name: Of the agent, which is its label too.
        home: The user's home folder.
    """

    def __init__(self, name: str, home: Path) -> None:
        self._label = f"io.github.{name}"
        self._file = home / "Library" / "LaunchAgents" / f"{self._label}.plist"

    @property
    def place(self) -> str:
        return str(self._file)

    def read(self) -> LoginEntry | None:
        try:
            form = plistlib.loads(self._file.read_bytes())
        except FileNotFoundError:
            return None
        except (plistlib.InvalidFileException, ExpatError, ValueError):
            return None  # launchd cannot read it either
        command = form.get("ProgramArguments") if isinstance(form, dict) else None
        if not isinstance(command, list) or not command:
            return None
        enabled = form.get("RunAtLoad") is True and form.get("Disabled") is not True
        return LoginEntry(tuple(map(str, command)), enabled=enabled)

    def write(self, command: tuple[str, ...]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        form = {
            "Label": self._label,
            "ProgramArguments": list(command),
            "RunAtLoad": True,
            "LimitLoadToSessionType": "Aqua",
            # launchd takes a background process for one that may be slowed down.
            "ProcessType": "Interactive",
        }
        write_atomically(self._file, plistlib.dumps(form))

    def remove(self) -> None:
        remove(self._file)
