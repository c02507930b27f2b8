"""Windows: a value in the user's Run key (https://learn.microsoft.com/windows/win32/setupapi/run-and-runonce-registry-keys)."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from typing import Protocol

from model_switcher.engine.autostart.entry import LoginEntry

if sys.platform == "win32":
    import winreg

RUN = r"Software\Microsoft\Windows\CurrentVersion\Run"
# Where the task manager remembers what the user switched off: an odd first byte.
APPROVED = r"Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run"
LONGEST = 260
"""Characters that Windows runs of a value."""


class Registry(Protocol):
    """Values below the user's own key of the registry."""

    def get(self, key: str, name: str) -> str | bytes | None: ...

    def put(self, key: str, name: str, value: str) -> None: ...

    def delete(self, key: str, name: str) -> None: ...


class RunKey:
    """The value called `name` in the Run key."""

    def __init__(self, name: str, registry: Registry) -> None:
        self._name = name
        self._registry = registry

    @property
    def place(self) -> str:
        return rf"HKEY_CURRENT_USER\{RUN}\{self._name}"

    def read(self) -> LoginEntry | None:
        value = self._registry.get(RUN, self._name)
        if not isinstance(value, str) or not (command := split_command_line(value)):
            return None
        approved = self._registry.get(APPROVED, self._name)
        switched_off = isinstance(approved, bytes) and bool(approved) and bool(approved[0] & 1)
        return LoginEntry(command, enabled=not switched_off)

    def write(self, command: tuple[str, ...]) -> None:
        line = subprocess.list2cmdline(command)
        if len(line) > LONGEST:
            raise ValueError(
                f"Windows runs no command of more than {LONGEST} characters at login, and this one has {len(line)}"
            )
        self._registry.put(RUN, self._name, line)
        self._registry.delete(APPROVED, self._name)

    def remove(self) -> None:
        self._registry.delete(RUN, self._name)
        self._registry.delete(APPROVED, self._name)


def split_command_line(line: str) -> tuple[str, ...]:
    """The words of a command line, as CommandLineToArgvW finds them."""
    words: list[str] = []
    word, inside, begun, index = "", False, False, 0
    while index < len(line):
        character = line[index]
        slashes = len(line[index:]) - len(line[index:].lstrip("\\"))
        if slashes:
            index += slashes
            begun = True
            if line[index : index + 1] != '"':
                word += "\\" * slashes
                continue
            # Backslashes count in pairs before a quote alone; an odd one makes it a plain character.
            word += "\\" * (slashes // 2)
            if slashes % 2:
                word += '"'
                index += 1
            continue
        index += 1
        if character == '"':
            inside, begun = not inside, True
        elif character in " \t" and not inside:
            if begun:
                words.append(word)
            word, begun = "", False
        else:
            word, begun = word + character, True
    return (*words, word) if begun else tuple(words)


if sys.platform == "win32":

    class UserRegistry:
        """HKEY_CURRENT_USER."""

        def get(self, key: str, name: str) -> str | bytes | None:
            try:
                with winreg.OpenKey(winreg.HKEY_CURRENT_USER, key) as opened:
                    value = winreg.QueryValueEx(opened, name)[0]
            except FileNotFoundError:
                return None
            return value if isinstance(value, (str, bytes)) else None

        def put(self, key: str, name: str, value: str) -> None:
            with winreg.CreateKey(winreg.HKEY_CURRENT_USER, key) as opened:
                winreg.SetValueEx(opened, name, 0, winreg.REG_SZ, value)

        def delete(self, key: str, name: str) -> None:
            with (
                contextlib.suppress(FileNotFoundError),
                winreg.OpenKey(winreg.HKEY_CURRENT_USER, key, access=winreg.KEY_SET_VALUE) as opened,
            ):
                winreg.DeleteValue(opened, name)
