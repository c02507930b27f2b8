"""What a search for programs and files depends on besides the disk."""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What a search depends on besides the disk.

    Attributes:
        platform: As `sys.platform`.
        environment: The environment's variables.
        home: The user's home folder.
        program: The running interpreter, or the frozen program.
        embedded: Command of the embedded engine, None where it is not installed.
        roots: Folders outside the home folder in which programs are installed.
    """

    platform: str
    environment: Mapping[str, str]
    home: Path
    program: Path
    embedded: tuple[str, ...] | None
    roots: tuple[Path, ...]

    @property
    def executable(self) -> str:
        return "llama-server.exe" if self.platform == "win32" else "llama-server"


def surroundings() -> Surroundings:
    """The surroundings of this process."""
    home = Path.home()
    installed = importlib.util.find_spec("xllamacpp") is not None
    return Surroundings(
        platform=sys.platform,
        environment=os.environ,
        home=home,
        program=Path(sys.executable),
        embedded=_embedded_command() if installed else None,
        roots=_roots(sys.platform, os.environ),
    )


def _embedded_command() -> tuple[str, ...]:
    if getattr(sys, "frozen", False):
        return (sys.executable, "--embedded-engine")
    return (sys.executable, "-m", "model_switcher.engine.embedded")


def _roots(platform: str, environment: Mapping[str, str]) -> tuple[Path, ...]:
    if platform == "win32":
        programs = [environment[name] for name in ("ProgramFiles", "PROGRAMFILES") if environment.get(name)]
        drive = environment.get("SystemDrive") or environment.get("SYSTEMDRIVE") or "C:"
        return tuple(Path(folder) for folder in (*dict.fromkeys(programs), f"{drive}\\"))
    if platform == "darwin":
        return (Path("/opt/homebrew"), Path("/usr/local"), Path("/opt"))
    return (Path("/home/linuxbrew/.linuxbrew"), Path("/usr/local"), Path("/opt"), Path("/usr"))
