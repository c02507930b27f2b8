"""Makes wheel and sdist, checks them, and installs the program as people do: with venv, pipx and uv, each tried by a demo.

python tests/packaging/installs.py build/installs
"""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("app", "distribution", "docs", "resources")
FILES = (
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "MANIFEST.in",
    "build.spec",
)


def main() -> None:
    """Every step; the first that fails ends it."""
    folder = Path(sys.argv[1]).resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tools = folder / "tools"
    venv.create(tools, with_pip=True)
    run(tools / "bin/python", "-m", "pip", "install", "--quiet", "build", "twine", "pipx", "uv")
    wheel, sdist = made(folder, tools)
    run(tools / "bin/twine", "check", "--strict", wheel, sdist)
    contents(wheel, sdist)
    by_hand(folder, wheel)
    by_pipx(folder, tools, wheel)
    by_uv(folder, tools, wheel)
    desktop_files(folder)
    unit()


def run(*command: str | Path, environment: dict[str, str] | None = None) -> str:
    """What a command says; it must end well."""
    whole = {**os.environ, **(environment or {})}
    done = subprocess.run(
        [*map(str, command)], env=whole, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def made(folder: Path, tools: Path) -> tuple[Path, Path]:
    """Wheel and sdist, made in a copy, since a build leaves its traces beside the sources."""
    source = folder / "source"
    for name in SOURCES:
        shutil.copytree(
            ROOT / name,
            source / name,
            ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "screenshots"),
        )
    for name in FILES:
        shutil.copy(ROOT / name, source)
    run(tools / "bin/python", "-m", "build", "--outdir", folder / "dist", source)
    return next((folder / "dist").glob("*.whl")), next((folder / "dist").glob("*.tar.gz"))


def contents(wheel: Path, sdist: Path) -> None:
    """The wheel holds the program, the sdist what makes it."""
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    for name in (
        "model-switcher.svg",
        "model-switcher.desktop",
        "model-switcher.service",
        "model_switcher.ps1",
    ):
        assert f"model_switcher/resources/{name}" in inside, name
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in ("build.spec", "pyproject.toml", "distribution/notices.py", "docs/quick-start.md", "LICENSE"):
        assert name in names, name
    print(f"wheel {wheel.stat().st_size / 1e6:.1f} MB, sdist {sdist.stat().st_size / 1e6:.1f} MB")


def tried(program: Path, registered: Path, environment: dict[str, str]) -> None:
    """The demo runs, and what would start at login is the program of this installation."""
    said = run(program, "demo", "--exit", environment=environment)
    assert "Switched to" in said, said
    said = run(program, "autostart", "on", environment=environment)
    assert str(registered) in said, said
    run(program, "autostart", "off", environment=environment)


def home(folder: Path, name: str) -> dict[str, str]:
    """A user of his own."""
    place = folder / name
    place.mkdir()
    return {
        "HOME": str(place),
        "XDG_CONFIG_HOME": str(place / "config"),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XDG_DATA_HOME": str(place / "data"),
        "XDG_STATE_HOME": str(place / "state"),
    }


def by_hand(folder: Path, wheel: Path) -> None:
    """A virtual environment."""
    environment = folder / "environment"
    venv.create(environment, with_pip=True)
    run(environment / "bin/pip", "install", "--quiet", wheel)
    bin_ = environment / "bin"
    tried(bin_ / "model-switcher", bin_ / "model-switcher-tray", home(folder, "by-hand"))
    size = sum(path.stat().st_size for path in environment.rglob("*") if path.is_file())
    print(f"venv: whole, {size / 2**20:.0f} MiB")


def by_pipx(folder: Path, tools: Path, wheel: Path) -> None:
    """`pipx install`, and the same again over it, as an update does."""
    own = home(folder, "by-pipx")
    own |= {"PIPX_HOME": str(folder / "pipx"), "PIPX_BIN_DIR": str(folder / "pipx-bin")}
    run(tools / "bin/pipx", "install", wheel, environment=own)
    registered = folder / "pipx/venvs/model-switcher/bin/model-switcher-tray"
    tried(folder / "pipx-bin/model-switcher", registered, own)
    run(folder / "pipx-bin/model-switcher", "autostart", "on", environment=own)
    run(tools / "bin/pipx", "install", "--force", wheel, environment=own)
    said = run(folder / "pipx-bin/model-switcher", "autostart", "status", environment=own)
    assert said.startswith("The tray starts at login."), said
    print("pipx: whole, and its login entry lasts over an update")


def by_uv(folder: Path, tools: Path, wheel: Path) -> None:
    """`uv tool install`."""
    own = home(folder, "by-uv")
    own |= {"UV_TOOL_DIR": str(folder / "uv"), "UV_TOOL_BIN_DIR": str(folder / "uv-bin")}
    run(tools / "bin/uv", "tool", "install", "--python", sys.executable, wheel, environment=own)
    tried(folder / "uv-bin/model-switcher", folder / "uv/model-switcher/bin/model-switcher-tray", own)
    print("uv tool: whole")


def desktop_files(folder: Path) -> None:
    """What stands in the menu and starts at login is valid."""
    own = home(folder, "desktop")
    program = folder / "environment/bin/model-switcher"
    run(program, "desktop-entry", "on", environment=own)
    run(program, "autostart", "on", environment=own)
    place = Path(own["HOME"])
    files = [*place.rglob("*.desktop")]
    assert len(files) == 2, files
    assert len([*place.rglob("icons/**/model-switcher.*")]) == 3
    run("desktop-file-validate", *files)
    run(program, "desktop-entry", "off", environment=own)
    run(program, "autostart", "off", environment=own)
    assert not [*place.rglob("*.desktop")]
    print("desktop files: valid, and gone again")


def unit() -> None:
    """The systemd unit says what it should; it cannot be started where no systemd runs."""
    parsed = configparser.RawConfigParser(strict=False)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read(ROOT / "resources/model-switcher.service")
    assert parsed["Service"]["ExecStart"].endswith("model-switcher serve")
    print("systemd unit: read")


if __name__ == "__main__":
    main()
