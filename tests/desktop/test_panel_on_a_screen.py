"""The panel on a virtual screen with xfce's panel, with a real pointer and a real keyboard. The engine is a stand-in."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from PySide6.QtGui import QColor, QImage

from fakes import snapshots
from fakes.desktop_program import Program, shows, window, windows
from fakes.screen import Edge, eventually, screen
from fakes.tray import TrayDriver
from model_switcher.desktop.theme import DARK, LIGHT, Colours

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fakes.screen import Screen

ICON = (1196, 784)
# Where the icon is while xfce's panel is on that edge, and what is then left of the screen of 1280 × 800.
EDGES: dict[Edge, tuple[tuple[int, int], tuple[int, int, int, int]]] = {
    "bottom": (ICON, (0, 0, 1280, 768)),
    "top": ((1194, 16), (0, 32, 1280, 800)),
    "left": ((16, 652), (32, 0, 1280, 800)),
    "right": ((1264, 652), (0, 0, 1248, 800)),
}
OTHER_PROGRAM = """
from PySide6.QtWidgets import QApplication, QWidget
app = QApplication(["other"])
window = QWidget()
window.setGeometry(20, 20, 300, 200)
window.show()
app.exec()
"""


@pytest.fixture
def tray(private_screen: Screen) -> Iterator[TrayDriver]:
    with TrayDriver(private_screen.bus) as driver:
        eventually(lambda: not driver.items(), what="the icon of the test before is gone")
        yield driver


def click(private: Screen, x: int, y: int) -> None:
    private.run("xdotool", "mousemove", str(x), str(y), "click", "1")


def opened(private: Screen, tray: TrayDriver, icon: tuple[int, int] = ICON) -> None:
    """Clicks the icon; returns when the panel is open and has the keyboard."""
    eventually(shows(tray, "ready"))
    # xfce draws the icon a little after it was registered, and a click before that meets nothing.
    eventually(lambda: pixel(private, icon[0] + 8, icon[1]) != pixel(private, icon[0] + 16, icon[1]))
    click(private, *icon)
    eventually(lambda: window(private), what="the panel is open")
    eventually(lambda: focused(private) == window(private), what="it has the keyboard")


def focused(private: Screen) -> str:
    command = ("xdotool", "getwindowfocus")
    done = subprocess.run(
        command, env=private.environment, capture_output=True, text=True, check=False, timeout=20
    )
    return done.stdout.strip()


def geometry(private: Screen) -> tuple[int, int, int, int]:
    """Left, top, and what is just beyond the right and the lower edge of the panel."""
    found: list[str] = []
    # A search fails where a window of another program goes in the middle of it.
    eventually(lambda: found.append(window(private)) or found[-1], what="the panel is open")
    return geometry_of(private, found[-1])


def geometry_of(private: Screen, number: str) -> tuple[int, int, int, int]:
    lines = private.run("xdotool", "getwindowgeometry", "--shell", number).splitlines()
    values = {key: int(value) for key, value in (line.split("=") for line in lines)}
    return values["X"], values["Y"], values["X"] + values["WIDTH"], values["Y"] + values["HEIGHT"]


def photograph(private: Screen) -> QImage:
    file: Path = private.folder / "photograph.png"
    private.photograph(file)
    return QImage(str(file))


def pixel(private: Screen, x: int, y: int) -> str:
    return QColor(photograph(private).pixel(x, y)).name()


@pytest.mark.parametrize("edge", EDGES)
def test_a_left_click_opens_it_beside_the_icon_on_every_edge(edge: Edge) -> None:
    icon, free = EDGES[edge]
    with (
        screen("xfce4-panel", edge) as private,
        TrayDriver(private.bus) as tray,
        Program(private, "many") as program,
    ):
        opened(private, tray, icon)
        left, top, right, bottom = geometry(private)
        distances = {
            "bottom": free[3] - bottom,
            "top": top - free[1],
            "left": left - free[0],
            "right": free[2] - right,
        }
        assert min(distances.values()) >= 0
        assert distances[edge] <= 8
        tray.click("Quit")
        program.ends_well()


def test_it_is_filtered_and_used_with_the_keyboard_alone(private_screen: Screen, tray: TrayDriver) -> None:
    with Program(private_screen, "many") as program:
        opened(private_screen, tray)
        private_screen.run("xdotool", "type", "qwen")
        private_screen.run("xdotool", "key", "Return")
        eventually(lambda: program.said == [f"select {snapshots.QWEN.id}"])
        private_screen.run("xdotool", "key", "Escape")
        private_screen.run("xdotool", "key", "Down", "Down", "Return")
        eventually(lambda: len(program.said) == 2)
        assert window(private_screen)
        private_screen.run("xdotool", "key", "Escape")
        eventually(lambda: not window(private_screen), what="the panel is closed")
        tray.click("Quit")
        program.ends_well()


def test_the_pointer_loads_and_a_second_click_on_the_icon_closes(
    private_screen: Screen, tray: TrayDriver
) -> None:
    with Program(private_screen, "many") as program:
        opened(private_screen, tray)
        left, top, _right, _bottom = geometry(private_screen)
        # The second row of models: the first one of "All other models".
        click(private_screen, left + 120, top + 330)
        eventually(lambda: len(program.said) == 1)
        assert program.said[0].startswith("select ")
        click(private_screen, *ICON)
        eventually(lambda: not window(private_screen), what="the panel is closed")
        tray.click("Quit")
        program.ends_well()


def test_it_goes_when_one_clicks_into_another_window(private_screen: Screen, tray: TrayDriver) -> None:
    other = private_screen.begin(sys.executable, "-c", OTHER_PROGRAM)
    with Program(private_screen) as program:
        opened(private_screen, tray)
        click(private_screen, 150, 150)
        eventually(lambda: not window(private_screen), what="the panel is closed")
        tray.click("Quit")
        program.ends_well()
    other.kill()


def test_a_second_start_and_the_menu_open_it_too(private_screen: Screen, tray: TrayDriver) -> None:
    with Program(private_screen) as program:
        eventually(shows(tray, "ready"))
        for ask in (lambda: program.tell("again"), lambda: tray.click("Open panel")):
            ask()
            eventually(lambda: window(private_screen), what="the panel is open")
            eventually(lambda: focused(private_screen) == window(private_screen))
            private_screen.run("xdotool", "key", "Escape")
            eventually(lambda: not window(private_screen), what="the panel is closed")
        tray.click("Quit")
        program.ends_well()


def test_running_requests_are_asked_about_and_now_means_now(private_screen: Screen, tray: TrayDriver) -> None:
    with Program(private_screen) as program:
        opened(private_screen, tray)
        program.tell("panel switching")
        eventually(shows(tray, "Qwen3 8B is next"))
        # From the filter back over the buttons of the question: cancel, and then the choice.
        private_screen.run("xdotool", "key", "shift+Tab", "shift+Tab", "space")
        eventually(lambda: program.said == [f"select {snapshots.QWEN.id} now"])
        tray.click("Quit")
        program.ends_well()


def test_quit_asks_while_requests_run_and_ends_with_the_last_of_them(
    private_screen: Screen, tray: TrayDriver
) -> None:
    with Program(private_screen) as program:
        program.tell("panel switching")
        eventually(shows(tray, "Qwen3 8B is next"))
        tray.click("Quit")
        eventually(lambda: window(private_screen), what="the question is on the screen")
        eventually(lambda: focused(private_screen) == window(private_screen))
        private_screen.run("xdotool", "key", "Escape")
        eventually(lambda: not window(private_screen), what="the question is gone")
        tray.click("Quit")
        eventually(lambda: window(private_screen))
        program.tell("show ready")
        program.ends_well()


def test_the_details_show_what_the_engine_remembers_of_past_loads(
    private_screen: Screen, tray: TrayDriver
) -> None:
    with Program(private_screen, "many") as program:
        opened(private_screen, tray)
        private_screen.run("xdotool", "key", "Down", "Right")
        eventually(lambda: program.said == ["history"])
        tray.click("Quit")
        program.ends_well()


@pytest.mark.parametrize(("theme", "colours"), [("dark", DARK), ("light", LIGHT)])
@pytest.mark.parametrize("scale", [1, 2])
def test_it_is_drawn_in_the_colours_of_the_theme_at_every_scale(
    private_screen: Screen, tray: TrayDriver, theme: str, colours: Colours, scale: int
) -> None:
    with Program(private_screen, theme, environment={"QT_SCALE_FACTOR": str(scale)}) as program:
        opened(private_screen, tray)
        left, top, right, bottom = geometry(private_screen)
        # 424 wide, and a thin edge where nothing can be transparent; on a screen of 400 rows it ends with that.
        assert right - left == 426 * scale
        assert bottom - top <= 768
        eventually(lambda: pixel(private_screen, left + 4 * scale, top + 4 * scale) == colours.background)
        eventually(lambda: pixel(private_screen, left, bottom - 9) == colours.line)
        tray.click("Quit")
        program.ends_well()


def test_a_click_on_the_icon_in_an_older_tray_opens_it_beside_it() -> None:
    with screen("trayer") as private, Program(private) as program:
        eventually(lambda: window(private), what="the icon is a window in the tray")
        icon = window(private)
        left, top, right, bottom = geometry_of(private, icon)
        click(private, (left + right) // 2, (top + bottom) // 2)
        eventually(lambda: len(windows(private)) > 1, what="the panel is open")
        (panel,) = [one for one in windows(private) if one != icon]
        place = geometry_of(private, panel)
        assert place[2] - place[0] == 426
        assert 0 <= top - place[3] <= 20
        program.process.terminate()
        program.ends_well()
