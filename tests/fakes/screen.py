"""A private virtual screen with its own session bus, window manager and panel: a desktop that harms nobody's own."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Panel = Literal["xfce4-panel", "trayer", "none"]
Edge = Literal["bottom", "top", "left", "right"]

# Of xfce's panel on each edge: where its middle is, and whether it stands upright.
_PLACES: dict[Edge, tuple[int, int, int]] = {
    "bottom": (640, 784, 0),
    "top": (640, 16, 0),
    "left": (16, 400, 1),
    "right": (1264, 400, 1),
}

_PANEL_SETTINGS = """<?xml version="1.0" encoding="UTF-8"?>
<channel name="xfce4-panel" version="1.0">
  <property name="configver" type="int" value="2"/>
  <property name="panels" type="array">
    <value type="int" value="1"/>
    <property name="dark-mode" type="bool" value="true"/>
    <property name="panel-1" type="empty">
      <property name="position" type="string" value="p={snap};x={x};y={y}"/>
      <property name="mode" type="uint" value="{upright}"/>
      <property name="length" type="uint" value="100"/>
      <property name="position-locked" type="bool" value="true"/>
      <property name="size" type="uint" value="32"/>
      <property name="plugin-ids" type="array">
        <value type="int" value="1"/>
        <value type="int" value="2"/>
        <value type="int" value="3"/>
      </property>
    </property>
  </property>
  <property name="plugins" type="empty">
    <property name="plugin-1" type="string" value="separator">
      <property name="expand" type="bool" value="true"/>
      <property name="style" type="uint" value="0"/>
    </property>
    <property name="plugin-2" type="string" value="systray">
      <property name="square-icons" type="bool" value="true"/>
    </property>
    <property name="plugin-3" type="string" value="clock"/>
  </property>
</channel>
"""


class Screen:
    """A virtual screen of 1280 × 800 with a session bus; `environment` is for programs that shall be on it."""

    def __init__(self, folder: Path, processes: contextlib.ExitStack) -> None:
        self.folder = folder
        self._processes = processes
        self.display: subprocess.Popen[bytes] | None = None
        for name in ("run", "home", "config", "cache", "data", "state"):
            (folder / name).mkdir(mode=0o700)
        self.environment = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(folder / "home"),
            "XDG_RUNTIME_DIR": str(folder / "run"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "XDG_DATA_HOME": str(folder / "data"),
            "XDG_STATE_HOME": str(folder / "state"),
            "NO_AT_BRIDGE": "1",
            "GTK_A11Y": "none",
            "QT_QPA_PLATFORM": "xcb",
        }

    @property
    def bus(self) -> str:
        return self.environment["DBUS_SESSION_BUS_ADDRESS"]

    def begin(self, *command: str) -> subprocess.Popen[bytes]:
        """Starts a program on this screen; it is killed with the screen."""
        with (self.folder / f"{Path(command[0]).name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._processes.callback(_end, process)
        return process

    def run(self, *command: str) -> str:
        """What a program says that ends by itself."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=True, timeout=20
        )
        return done.stdout

    def begin_panel(self, panel: Panel, edge: Edge = "bottom") -> None:
        """Starts a window manager and a tray; only that of xfce can be on another edge."""
        if panel == "none":
            return
        self.begin("openbox", "--sm-disable")
        if panel == "xfce4-panel":
            settings = self.folder / "config/xfce4/xfconf/xfce-perchannel-xml"
            settings.mkdir(parents=True)
            x, y, upright = _PLACES[edge]
            place = {"x": x, "y": y, "upright": upright, "snap": 8 if edge == "bottom" else 0}
            (settings / "xfce4-panel.xml").write_text(_PANEL_SETTINGS.format(**place), encoding="utf-8")
            self.begin("xfce4-panel", "--disable-wm-check")
        else:
            self.begin("trayer", "--edge", "bottom", "--align", "right", "--height", "32")

    def break_down(self) -> None:
        """Ends the X server under everything that is on the screen, as the end of a session does."""
        assert self.display is not None
        _end(self.display)

    def photograph(self, to: Path, crop: str | None = None) -> None:
        """A picture of the whole screen, or of a part ("300x200+10+20")."""
        extra = () if crop is None else ("-crop", crop, "+repage")
        self.run("import", "-window", "root", *extra, str(to))


@contextlib.contextmanager
def screen(panel: Panel = "xfce4-panel", edge: Edge = "bottom") -> Iterator[Screen]:
    """A new screen; everything on it is dead afterwards."""
    with contextlib.ExitStack() as processes:
        folder = Path(tempfile.mkdtemp(prefix="screen-"))
        processes.callback(shutil.rmtree, folder, ignore_errors=True)
        new = Screen(folder, processes)
        new.environment["DISPLAY"] = _begin_display(new)
        new.environment["DBUS_SESSION_BUS_ADDRESS"] = _begin_bus(new)
        new.begin_panel(panel, edge)
        yield new


def eventually(probe: Callable[[], object], *, within: float = 20.0, what: str = "") -> None:
    """Returns when `probe` is true, without an assertion on how long that takes.

    Raises:
        AssertionError: It never was.
    """
    deadline = time.monotonic() + within
    while not probe():
        assert time.monotonic() < deadline, f"it never came true: {what or probe}"
        _pause()


def _pause() -> None:
    # A wait on nothing: what is waited for has no event that could be had from outside.
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(["sleep", "0.02"], check=False, timeout=1)


def _begin_display(new: Screen) -> str:
    """Lets the X server choose a free number, so that tests can run side by side.

    Without `-noreset` it begins anew when its last client leaves, and turns away who comes in that moment.
    """
    reading, writing = os.pipe()
    with (new.folder / "Xvfb.log").open("wb") as log:
        command = [
            "Xvfb",
            "-displayfd",
            str(writing),
            "-screen",
            "0",
            "1280x800x24",
            "-nolisten",
            "tcp",
            "-noreset",
        ]
        process = subprocess.Popen(command, env=new.environment, pass_fds=[writing], stdout=log, stderr=log)
    new.display = process
    new._processes.callback(_end, process)
    os.close(writing)
    with os.fdopen(reading) as answer:
        number = answer.readline().strip()
    assert number, (new.folder / "Xvfb.log").read_text()
    return f":{number}"


def _begin_bus(new: Screen) -> str:
    reading, writing = os.pipe()
    address = f"unix:path={new.folder}/run/bus"
    process = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", f"--address={address}", f"--print-address={writing}"],
        env=new.environment,
        pass_fds=[writing],
        stderr=subprocess.DEVNULL,
    )
    new._processes.callback(_end, process)
    os.close(writing)
    with os.fdopen(reading) as answer:
        return answer.readline().strip()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(3)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
