"""What a first start finds: a llama-server that somebody else started, whose command line can become the settings."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import psutil

from model_switcher.domain.command_line import Taken, take
from model_switcher.engine.embedded.command_line import help_text
from model_switcher.engine.foreign import look_at
from model_switcher.engine.settings_file import load, update

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from model_switcher.domain.foreign import Holder

USUAL_PORT = 8080
HELP_SECONDS = 10.0
if sys.platform == "win32":
    _NO_WINDOW = subprocess.CREATE_NO_WINDOW
else:
    _NO_WINDOW = 0
_MAGIC = b"GGUF"
_OURS = ",~"
"""In the alias of every server that an instance of this program started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignServer:
    """A llama-server that runs already: its process, where it listens, and what its command line asks for."""

    holder: Holder
    port: int
    taken: Taken


class FirstStart:
    """Looks around before the first engine is started, and writes what the user takes over. Everything blocks.

    Args:
        settings: The settings file.
        is_first: Whether there was none before this start.
    """

    def __init__(self, settings: Path, *, is_first: bool) -> None:
        self._settings = settings
        self.is_first = is_first
        self.changed = False

    def look(self) -> ForeignServer | None:
        """A llama-server that runs, that of the usual port before others; None if there is none."""
        found = sorted(foreign_servers(), key=lambda server: server.port != USUAL_PORT)
        return next(iter(found), None)

    def take_over(self, server: ForeignServer, *, port: int | None) -> None:
        """Make its command line the settings, beside the folders and keys that are in there.

        Args:
            server: Whose.
            port: Where to listen; None where the settings say.

        Raises:
            SettingsError: The file cannot be written; it is as it was.
        """
        update(self._settings, server.taken.changes(load(self._settings).settings, port=port))
        self.changed = True

    def use_port(self, port: int) -> None:
        """Listen on another port.

        Raises:
            SettingsError: The file cannot be written; it is as it was.
        """
        update(self._settings, {("server", "port"): port})
        self.changed = True


def foreign_servers() -> Iterator[ForeignServer]:
    """Every llama-server of this computer that serves one model and that no instance of this program started."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            server = _server(process)
            if server is not None:
                yield server


def server_of(pid: int) -> ForeignServer | None:
    """The llama-server that is that process; None if it is something else."""
    with contextlib.suppress(psutil.Error, OSError):
        return _server(psutil.Process(pid))
    return None


def _server(process: psutil.Process) -> ForeignServer | None:
    if not process.name().lower().startswith("llama-server"):
        return None
    command = process.cmdline()
    if not command or any(_OURS in word for word in command) or os.getpid() == process.pid:
        return None
    taken = take(command, _usage(process), _folder(process), _environment(process))
    if taken.downloaded:
        taken = replace(taken, model=loaded_model(process))
    if taken.model is None:
        return None
    return ForeignServer(holder=look_at(process.pid), port=taken.port or USUAL_PORT, taken=taken)


def loaded_model(process: psutil.Process) -> str | None:
    """The model file that a process has mapped; None where it has none, or where the system does not tell."""
    maps = getattr(process, "memory_maps", None)  # not on macOS
    sizes = {} if maps is None else {one.path: one.rss for one in maps() if _is_model(one.path)}
    return _named(Path(max(sizes, key=lambda path: sizes[path]))) if sizes else None


def _is_model(path: str) -> bool:
    if path.startswith("[") or "mmproj" in PurePath(path).name:
        return False
    try:
        with Path(path).open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except (OSError, ValueError):
        return False


def _named(path: Path) -> str:
    """The name that Hugging Face's cache gives a file: what is mapped is the blob behind it."""
    if path.parent.name != "blobs":
        return str(path)
    links = (path.parent.parent / "snapshots").rglob("*.gguf")
    return next((str(link) for link in sorted(links) if link.resolve() == path.resolve()), str(path))


def _environment(process: psutil.Process) -> Mapping[str, str]:
    try:
        return process.environ()
    except psutil.Error:
        return {}


def _folder(process: psutil.Process) -> str:
    try:
        return process.cwd()
    except psutil.Error:
        return ""


def _usage(process: psutil.Process) -> str:
    """What this very program prints for `--help`; the embedded engine's where it cannot be asked.

    It ends by itself in some milliseconds, at the latest with the call, and dies with no thread: so it may be started
    from this one.
    """
    try:
        program, environment = process.exe(), _without_options(process.environ())
        if not PurePath(program).name.lower().startswith("llama-server"):
            return help_text()
        done = subprocess.run(
            [program, "--help"],
            capture_output=True, timeout=HELP_SECONDS, check=False, env=environment, creationflags=_NO_WINDOW,
        )  # fmt: skip
    except (psutil.Error, OSError, subprocess.SubprocessError):
        return help_text()
    usage = done.stdout.decode(errors="replace")
    return usage if "--model" in usage else help_text()


def _without_options(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith("LLAMA_")}
