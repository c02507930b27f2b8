"""Builds the Windows program under Wine, starts it, and tries what Wine can show.

PYTHONPATH=tests python distribution/wine/build_and_try.py build/wine

It takes some minutes, and each step has a bound. What Wine cannot show is listed in docs/packaging.md.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from windows import ROOT, STUBS, Windows

from fakes.instance import free_port
from fakes.screen import eventually, screen
from model_switcher.engine.demo_models import write_demo_models

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakes.screen import Screen

BUILD_SECONDS = 900.0
RUN_SECONDS = 300.0
CLICK_SECONDS = 30.0
SECOND_MODEL = 112
"""Pixels from the upper edge of the menu to the entry of the second model."""
RUN_KEY = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run"


def main() -> None:
    """Every step; the first that fails ends it with a message."""
    folder = Path(sys.argv[1]).resolve()
    with screen("xfce4-panel") as private:
        windows = Windows(folder, private.environment["DISPLAY"])
        windows.prepare()
        try:
            program = build(windows)
            say_size(program)
            check_selftest(windows, program)
            check_login_entry(windows, program)
            check_menu_click_and_kill(windows, program, private)
        finally:
            windows.end()


def step(text: str) -> None:
    """Say how far it is."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def build(windows: Windows) -> Path:
    """The one-folder build; returns the program for terminals."""
    step("building")
    source = windows.folder / "checkout"
    shutil.rmtree(source, ignore_errors=True)
    source.mkdir()
    for name in ("app", "resources", "distribution"):
        shutil.copytree(
            ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
    for name in ("build.spec", "pyproject.toml", "LICENSE"):
        shutil.copy(ROOT / name, source)
    words = ("-m", "PyInstaller", "--noconfirm", "--log-level", "WARN", "build.spec")
    windows.run(windows.python, *words, seconds=BUILD_SECONDS, cwd=source)
    program = source / "dist" / "model-switcher" / "model-switcher.exe"
    assert program.with_name("model-switcher-tray.exe").is_file()
    # PyInstaller took the stubs for parts of Windows; Wine needs them, and nobody else may get them.
    for stub in STUBS:
        if not list(program.parent.rglob(stub)):
            shutil.copy(windows.python.parent / stub, program.parent / "_internal")
    return program


def say_size(program: Path) -> None:
    """How large the folder is, as far as it would be shipped."""
    files = [path for path in program.parent.rglob("*") if path.is_file() and path.name not in STUBS]
    size = sum(path.stat().st_size for path in files)
    step(f"one folder: {size / 2**20:.1f} MiB in {len(files)} files")
    said = {path.name.casefold() for path in files}
    assert not [name for name in said if name.startswith(("qt6network", "qt6pdf", "opengl32sw"))], said


def check_selftest(windows: Windows, program: Path) -> None:
    """Imports, resources, an icon in the tray, and a switch between two models with the embedded engine."""
    step(windows.run(program, "--version", seconds=RUN_SECONDS).strip())
    began = time.monotonic()
    said = windows.run(program, "selftest", "--packaged", "--json", seconds=RUN_SECONDS)
    form = json.loads(said[said.index("{") :])
    for one in form["steps"]:
        print(
            f"          {'ok' if one['ok'] else 'XX'} {one['step']} {one['model'] or ''} {one['seconds']:.2f} s {one['problem'] or ''}"
        )
    assert form["ok"], form
    step(f"selftest --packaged: whole, after {time.monotonic() - began:.1f} s")


def check_login_entry(windows: Windows, program: Path) -> None:
    """The login entry is written to the registry, read from there, and removed."""
    windows.run(program, "autostart", "on", seconds=RUN_SECONDS)
    value = windows.run("reg", "query", RUN_KEY, "/v", "Model Switcher", seconds=RUN_SECONDS)
    assert "model-switcher-tray.exe" in value, value
    assert "tray --quiet" in value, value
    status = json.loads(windows.run(program, "autostart", "status", "--json", seconds=RUN_SECONDS))
    assert status["state"] == "on", status
    windows.run(program, "autostart", "off", seconds=RUN_SECONDS)
    status = json.loads(windows.run(program, "autostart", "status", "--json", seconds=RUN_SECONDS))
    assert status["state"] == "off", status
    step("login entry: written, read and removed in Wine's registry")


def check_menu_click_and_kill(windows: Windows, program: Path, private: Screen) -> None:
    """A click in the tray's menu switches; when the tray is killed, no engine is left."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as ours:
        models = write_demo_models(Path(folder))
        settings = Path(folder) / "settings.toml"
        port = free_port()
        settings.write_text(
            f"model-folders = ['Z:{folder}']\nstores = []\ndefault-model = 'demo-alder'\n"
            f"[memory]\nkeep-resident = 'one at a time'\n[server]\nport = {port}\nengine = 'embedded'\n",
        )
        assert models
        config = ("--config", f"Z:{settings}".replace("/", "\\"))
        tray = windows.begin(program.with_name("model-switcher-tray.exe"), *config, "tray")
        ours.callback(tray.kill)

        def served() -> str | None:
            # Wine's loopback is this computer's.
            with contextlib.suppress(OSError, ValueError):
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/switcher/state", timeout=10) as answer:
                    state = json.load(answer)
                ready = [one["model"] for one in state["servers"] if one["state"] == "ready"]
                return ready[0] if len(ready) == 1 else None
            return None

        eventually(lambda: served() == "demo-alder", within=RUN_SECONDS, what="the first model is served")
        private.photograph(windows.folder / "tray.png")
        step("tray started, first model served")
        eventually(lambda: _clicked(private, served), within=RUN_SECONDS, what="a click in the menu switches")
        step("a click in the menu switched the model")
        engines = _engines()
        assert engines, "the engine is a process of its own"
        # The unix process of the tray itself, not what Wine started it through.
        victims = [
            pid
            for pid, words in _processes()
            if "model-switcher-tray.exe" in words and "--embedded" not in words
        ]
        subprocess.run(["kill", "-9", *map(str, victims)], check=False)
        eventually(lambda: not _engines(), within=30, what="no engine is left")
        step("tray killed: no engine is left")


def _clicked(private: Screen, served: Callable[[], str | None]) -> bool:
    """Open the menu with the right button and click the second model; whether it is served then."""
    private.run("xdotool", "mousemove", "1196", "784", "click", "3")
    time.sleep(2)
    private.run("xdotool", "mousemove", "1150", "700")
    under = _shell(private.run("xdotool", "getmouselocation", "--shell"))
    corner = _shell(private.run("xdotool", "getwindowgeometry", "--shell", under["WINDOW"]))
    private.photograph(private.folder / "menu.png")
    # Below the header, the gauge and the first model.
    x, y = int(corner["X"]) + 60, int(corner["Y"]) + SECOND_MODEL
    private.run("xdotool", "mousemove", str(x), str(y), "click", "1")
    deadline = time.monotonic() + CLICK_SECONDS
    while time.monotonic() < deadline:
        if served() == "demo-birch":
            return True
        time.sleep(0.5)
    private.run("xdotool", "key", "Escape")
    return False


def _shell(said: str) -> dict[str, str]:
    """What xdotool says in the form of a shell."""
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)


def _processes() -> list[tuple[int, str]]:
    said = subprocess.run(["ps", "-eo", "pid=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.strip().split(maxsplit=1) for line in said.splitlines()]
    return [(int(row[0]), row[1]) for row in rows if len(row) > 1]


def _engines() -> list[int]:
    return [pid for pid, words in _processes() if ".exe" in words and "--embedded-engine" in words]


if __name__ == "__main__":
    main()
