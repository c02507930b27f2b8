"""Linux and other systems with freedesktop.org's sessions: a file in the autostart folder.

https://specifications.freedesktop.org/autostart-spec/ and https://specifications.freedesktop.org/desktop-entry-spec/
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from model_switcher.engine.autostart.entry import LoginEntry
from model_switcher.engine.files import remove, write_atomically

if TYPE_CHECKING:
    from model_switcher.engine.surroundings import Surroundings

_GROUP = "[Desktop Entry]"
# An argument with one of these stands between double quotes; in there four characters need a backslash.
_RESERVED = re.compile(r"[\s\"'\\><~|&;$*?#()`]")
_IN_QUOTES = re.compile(r'(["`$\\])')
_ARGUMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_STRING_ESCAPES = {"s": " ", "n": "\n", "t": "\t", "r": "\r", "\\": "\\"}


class XdgAutostart:
    """`$XDG_CONFIG_HOME/autostart/NAME.desktop`.

    Desktops that let the user switch an entry off write `Hidden` or a key of their own into the same file.

    Args:
        name: Of the file, without its suffix.
        title: Of the program, for people.
        around: The environment and the home folder.
    """

    def __init__(self, name: str, title: str, around: Surroundings) -> None:
        configured = around.environment.get("XDG_CONFIG_HOME", "")
        # The specification: a relative path is to be ignored.
        folder = Path(configured) if configured.startswith("/") else around.home / ".config"
        self._file = folder / "autostart" / f"{name}.desktop"
        self._title = title

    @property
    def place(self) -> str:
        return str(self._file)

    def read(self) -> LoginEntry | None:
        try:
            keys = _keys(self._file.read_text("utf-8", errors="replace"))
        except FileNotFoundError:
            return None
        command = split_exec(keys.get("Exec", ""))
        hidden = keys.get("Hidden", "false") == "true"
        switched_off = keys.get("X-GNOME-Autostart-enabled", "true") == "false"
        return LoginEntry(command, enabled=not hidden and not switched_off) if command else None

    def write(self, command: tuple[str, ...]) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        lines = (
            _GROUP,
            "Type=Application",
            f"Name={_string(self._title)}",
            "Comment=Switches the model behind one llama.cpp address",
            "Icon=model-switcher",
            f"Exec={join_exec(command)}",
            # Where the program is gone, the desktop passes over the entry.
            f"TryExec={_string(command[0])}",
            "Terminal=false",
            "StartupNotify=false",
            "X-GNOME-Autostart-enabled=true",
        )
        write_atomically(self._file, ("\n".join(lines) + "\n").encode())

    def remove(self) -> None:
        remove(self._file)


def join_exec(command: tuple[str, ...]) -> str:
    """A command as the value of `Exec`.

    Raises:
        ValueError: An argument has a line break, which desktops read differently.
    """
    if any("\n" in word or "\r" in word for word in command):
        raise ValueError("a path with a line break cannot be started at login")
    return _string(" ".join(_quoted(word.replace("%", "%%")) for word in command))


def split_exec(value: str) -> tuple[str, ...]:
    """The command in a value of `Exec`, without the fields that stand for files."""
    text = re.sub(r"\\(.)", lambda found: _STRING_ESCAPES.get(found[1], found[0]), value)
    words = []
    for quoted, plain in _ARGUMENT.findall(text):
        word = re.sub(r'\\(["`$\\])', r"\1", quoted) if quoted or not plain else plain
        if re.fullmatch(r"%[a-zA-Z]", word):
            continue
        words.append(word.replace("%%", "%"))
    return tuple(words)


def _quoted(word: str) -> str:
    if word and not _RESERVED.search(word):
        return word
    escaped = _IN_QUOTES.sub(r"\\\1", word)
    return f'"{escaped}"'


def _string(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")


def _keys(text: str) -> dict[str, str]:
    """The keys of the first group."""
    keys: dict[str, str] = {}
    inside = False
    for line in text.splitlines():
        if line.startswith("["):
            inside = line.strip() == _GROUP
        elif inside and "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            keys.setdefault(key.strip(), value.strip())
    return keys
