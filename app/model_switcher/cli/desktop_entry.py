"""`model-switcher desktop-entry on|off`: the program in the application menu of a Linux desktop."""

from __future__ import annotations

import os
import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from model_switcher.domain.errors import UsageError
from model_switcher.engine.autostart.command import program_command
from model_switcher.engine.autostart.xdg import join_exec
from model_switcher.engine.files import remove, write_atomically
from model_switcher.engine.surroundings import surroundings

if TYPE_CHECKING:
    import argparse

_ICONS = {
    "model-switcher.svg": "scalable/apps/model-switcher.svg",
    "model-switcher-48.png": "48x48/apps/model-switcher.png",
    "model-switcher-256.png": "256x256/apps/model-switcher.png",
}


async def desktop_entry(options: argparse.Namespace) -> int:
    """`desktop-entry on|off`.

    Raises:
        UsageError: This system has no such menu, or its folder cannot be written to.
    """
    if sys.platform in ("win32", "darwin"):
        raise UsageError("Only Linux desktops list their programs in such files")
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    entry = data / "applications" / "model-switcher.desktop"
    icons = {source: data / "icons" / "hicolor" / place for source, place in _ICONS.items()}
    try:
        if options.wish == "off":
            for path in (entry, *icons.values()):
                remove(path)
            print("Model Switcher is not in the application menu any more.")
            return 0
        _write(entry, icons)
    except OSError as error:
        raise UsageError(f"{error.filename or entry} cannot be written: {error.strerror or error}") from error
    print(f"Model Switcher is in the application menu: {entry}")
    return 0


def _write(entry: Path, icons: dict[str, Path]) -> None:
    """The entry that the program carries, with the command that starts this installation of it."""
    assets = files("model_switcher.resources")
    command = program_command(surroundings(), frozen=getattr(sys, "frozen", False))
    lines = assets.joinpath("model-switcher.desktop").read_text("utf-8").splitlines()
    text = "\n".join(f"Exec={join_exec(command)}" if line.startswith("Exec=") else line for line in lines)
    for source, path in icons.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, assets.joinpath(source).read_bytes())
    entry.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(entry, f"{text}\n".encode())
