"""The command that starts the tray at login: one that stays right when the program is updated in its place."""

from __future__ import annotations

import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from model_switcher.engine.surroundings import Surroundings

WINDOWED = "model-switcher-tray"
QUIET = ("tray", "--quiet")


def login_command(around: Surroundings, *, frozen: bool, config: Path | None) -> tuple[str, ...]:
    """What is to be started at login.

    Args:
        around: The running interpreter, or the frozen program.
        frozen: Which of the two it is.
        config: The settings file, if it is not the user's own.
    """
    words = () if config is None else ("--config", str(config))
    return (*program_command(around, frozen=frozen), *words, *QUIET)


def program_command(around: Surroundings, *, frozen: bool) -> tuple[str, ...]:
    """The command that starts the tray as a user does."""
    return _program(around, frozen=frozen, scripts=script_folders())


def script_folders() -> list[Path]:
    """Where this interpreter's installer puts programs: into its environment, or the user's own folder."""
    user = sysconfig.get_preferred_scheme("user")
    return [Path(sysconfig.get_path("scripts")), Path(sysconfig.get_path("scripts", user))]


def _program(around: Surroundings, *, frozen: bool, scripts: Iterable[Path]) -> tuple[str, ...]:
    suffix = ".exe" if around.platform == "win32" else ""
    beside = around.program.parent
    if frozen:
        # The program for terminals would open one on Windows.
        windowed = beside / f"{WINDOWED}{suffix}"
        return (str(windowed if windowed.is_file() else around.program),)
    for folder in scripts:
        if (script := folder / f"{WINDOWED}{suffix}").is_file():
            return (str(script),)
    windowed = beside / "pythonw.exe"
    interpreter = windowed if around.platform == "win32" and windowed.is_file() else around.program
    return (str(interpreter), "-m", "model_switcher")
