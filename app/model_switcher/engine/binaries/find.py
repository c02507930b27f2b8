"""Finds engine binaries: where package managers and release archives put them, and the one that comes with us."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from model_switcher.domain.engines import EngineBinary, Searched
from model_switcher.domain.errors import EngineUnusable, NoEngine
from model_switcher.engine.surroundings import surroundings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from model_switcher.engine.surroundings import Surroundings

WHERE_TO_GET_IT = (
    "Install llama.cpp (`winget install llama.cpp`, `brew install llama.cpp`, or an archive from "
    "https://github.com/ggml-org/llama.cpp/releases), or name llama-server in the settings: [server] engine."
)

_ARCHIVE = "a release archive"


def find_engines(setting: str, around: Surroundings | None = None) -> list[EngineBinary]:
    """Engine binaries in order of preference.

    Args:
        setting: "auto", "embedded", or the path of a llama-server or of the folder that it lies in.
        around: Where to look; this process' own surroundings if None.

    Raises:
        EngineUnusable: `setting` is a path at which there is no program.
    """
    around = around or surroundings()
    wanted = setting.strip().strip('"')
    if wanted == "embedded":
        return _embedded(around)
    if wanted != "auto":
        return [_at(wanted, around)]
    found: dict[str, EngineBinary] = {}
    for path, source in _places(around):
        if _is_program(path, around.platform):
            # winget's links lead away from the libraries that lie beside the program: follow them on Windows.
            command = os.path.realpath(path) if around.platform == "win32" else str(path)
            binary = EngineBinary(kind="llama-server", command=(command,), source=source)
            found.setdefault(os.path.realpath(path), binary)
    return [*found.values(), *_embedded(around)]


def choose_engine(setting: str, around: Surroundings | None = None) -> EngineBinary:
    """The engine binary to use.

    Raises:
        NoEngine: None was found.
        EngineUnusable: `setting` is a path at which there is no program.
    """
    found = find_engines(setting, around)
    if found:
        return found[0]
    if setting.strip() == "embedded":
        raise NoEngine(
            "The embedded engine is not installed",
            hint='Install it with `pip install xllamacpp`, or set [server] engine to "auto" or to a llama-server.',
        )
    raise NoEngine(
        "No llama-server was found beside the program, on PATH, or where winget, scoop, Homebrew and release "
        "archives put it, and the embedded engine is not installed",
        hint=WHERE_TO_GET_IT,
    )


def searched(around: Surroundings | None = None) -> tuple[Searched, ...]:
    """Where "auto" looks, in that order. Blocks: for a worker thread.

    Args:
        around: Where to look; this process' own surroundings if None.
    """
    around = around or surroundings()
    folders: dict[str, dict[str, None]] = {}
    for path, source in _places(around):
        if source != _ARCHIVE:
            folders.setdefault(source, {})[str(path.parent)] = None
    # Of archives not every folder that one may have, but where they are unpacked to.
    folders[_ARCHIVE] = dict.fromkeys(str(parent) for parent in _archive_parents(around))
    return tuple(Searched(source=source, folders=tuple(places)) for source, places in folders.items())


def _embedded(around: Surroundings) -> list[EngineBinary]:
    if around.embedded is None:
        return []
    return [EngineBinary(kind="embedded", command=around.embedded, source="with this program")]


def _at(wanted: str, around: Surroundings) -> EngineBinary:
    text = str(around.home / wanted[2:]) if wanted.startswith(("~/", "~\\")) else wanted
    path = Path(os.path.abspath(text))  # noqa: PTH100 - resolve() would follow links
    if path.is_dir():
        path /= around.executable
    if not path.exists():
        raise EngineUnusable(f"There is no engine at {path}", hint=WHERE_TO_GET_IT)
    if not _is_program(path, around.platform):
        raise EngineUnusable(
            f"{path} is not a program that may be run",
            hint="Name llama-server itself, and on Linux and macOS make it executable: `chmod +x`.",
        )
    return EngineBinary(kind="llama-server", command=(str(path),), source="settings")


def _is_program(path: Path, platform: str) -> bool:
    try:
        if not path.is_file():
            return False
    except OSError:
        return False
    return path.suffix.lower() == ".exe" if platform == "win32" else os.access(path, os.X_OK)


def _places(around: Surroundings) -> Iterator[tuple[Path, str]]:
    """Every path at which llama-server may be, the preferred first, and what to call the place."""
    name = around.executable
    beside = around.program.parent
    yield beside / name, "beside this program"
    yield beside / "llama.cpp" / name, "beside this program"
    separator = ";" if around.platform == "win32" else ":"
    for folder in around.environment.get("PATH", "").split(separator):
        if folder.strip('" '):
            yield Path(folder.strip('" ')) / name, "PATH"
    packages = _windows_packages(around) if around.platform == "win32" else _brew(around)
    for place, source in packages:
        yield place / name, source
    for place in _unpacked(around):
        yield place / name, _ARCHIVE


def _windows_packages(around: Surroundings) -> Iterator[tuple[Path, str]]:
    local = around.environment.get("LOCALAPPDATA")
    winget = (Path(local) if local else around.home / "AppData" / "Local") / "Microsoft" / "WinGet"
    for package in _newest_first(winget / "Packages", "ggml.llamacpp_*"):
        yield package, "winget"
    yield winget / "Links", "winget"
    scoop = Path(around.environment.get("SCOOP") or around.home / "scoop")
    yield scoop / "apps" / "llama.cpp" / "current", "scoop"
    yield scoop / "shims", "scoop"


def _brew(around: Surroundings) -> Iterator[tuple[Path, str]]:
    prefix = around.environment.get("HOMEBREW_PREFIX")
    prefixes = [Path(prefix)] if prefix else []
    prefixes += [root for root in around.roots if root.name in {"homebrew", ".linuxbrew"}]
    prefixes.append(around.home / ".linuxbrew")
    for folder in prefixes:
        yield folder / "bin", "Homebrew"
    for root in around.roots:
        yield root / "bin", "the system"
    yield around.home / ".local" / "bin", "the home folder"


def _unpacked(around: Surroundings) -> Iterator[Path]:
    """Folders of release archives and of builds, whose names are llama.cpp's own (llama-b6123-bin-win-vulkan-x64)."""
    for parent in _archive_parents(around):
        folders = [parent / "llama.cpp", parent / "llama-cpp", *_newest_first(parent, "llama-b*")]
        for folder in folders:
            yield from (
                folder,
                folder / "bin",
                folder / "build" / "bin",
                folder / "build" / "bin" / "Release",
            )


def _archive_parents(around: Surroundings) -> list[Path]:
    parents = [around.home, *around.roots, around.home / "Downloads", around.home / "Desktop"]
    local = around.environment.get("LOCALAPPDATA")
    return [*parents, Path(local), Path(local) / "Programs"] if local else parents


def _newest_first(parent: Path, pattern: str) -> Iterable[Path]:
    try:
        return sorted(parent.glob(pattern), key=_build_number, reverse=True)
    except OSError:
        return ()


def _build_number(folder: Path) -> tuple[int, str]:
    digits = "".join(_leading_digits(folder.name.removeprefix("llama-b")))
    return int(digits or 0), folder.name


def _leading_digits(text: str) -> Iterator[str]:
    for character in text:
        if character not in "0123456789":
            return
        yield character
