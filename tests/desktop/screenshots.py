"""Makes the pictures in docs/screenshots, and says which of them differ from the last ones:
`python tests/desktop/screenshots.py`. With `--check` the last ones stay as they are, what differs is put into
build/screenshots, and the exit status is 1 if anything does.

The panel in every state and every page of the settings are painted off screen, light beside dark, at 200 %, and all of
each on one sheet at 100 %; the log and the first start at both. The menus are photographed on a private virtual screen, one drawn by Qt beside one drawn by xfce's panel: a long list in the
dark and in the light theme, and what they show during a load and after a failure. Beside the system packages of
`tests/run.py` it wants fonts-inter.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from fakes.desktop_program import window  # noqa: E402 - tests are no installed package
from fakes.screen import eventually, screen  # noqa: E402
from fakes.snapshots import STATES  # noqa: E402
from fakes.tray import TrayDriver  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PySide6.QtGui import QColor, QImage, QPainter

    from fakes.screen import Panel, Screen
    from model_switcher.desktop.theme import Colours

PICTURES = ROOT / "docs" / "screenshots"
ICON_AT, OLDER_ICON_AT = (1196, 784), (1268, 784)
CROP = "600x700+680+100"
CELL = 112
CLOCK = "rectangle 1132,670 1200,700"
"""The time of day in a picture of a menu: the one thing that would be another each time."""


def main() -> int:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        new = Path(folder)
        icons().save(str(new / "icons.png"))
        painted(new, "panel_screenshots.py", "panel-*.png", sheet="panels-100.png", columns=2)
        painted(new, "settings_screenshots.py", "settings-*.png", sheet="settings-100.png", columns=1)
        for theme in ("dark", "light"):
            menus(theme, new / f"menu-{theme}.png", "idle", shows="ready")
        menus("dark", new / "menu-loading.png", "loading", shows="57 %")
        menus("light", new / "menu-failed.png", "failed", shows="Nothing is served")
        check, differ = "--check" in sys.argv[1:], 0
        for picture in sorted(new.glob("*.png")):
            said = compare(picture, PICTURES / picture.name)
            print(f"{picture.name}: {said}")
            if said != SAME:
                differ += 1
                place = ROOT / "build" / "screenshots" if check else PICTURES
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy(picture, place / picture.name)
    return 1 if check and differ else 0


def painted(to: Path, program: str, many: str, *, sheet: str, columns: int) -> None:
    """What a program paints off screen at 200 %, and at 100 %: the `many` of one name on one sheet."""
    paint = [sys.executable, str(ROOT / "tests" / "desktop" / program)]
    subprocess.run([*paint, str(to), "2"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*paint, folder, "1"], check=True)
        how = ["-tile", f"{columns}x", "-geometry", "+0+0", "-gravity", "north", "-background", "#c9ccd3"]
        small = sorted(Path(folder).glob(many))
        subprocess.run(["montage", *small, *how, str(to / sheet)], check=True)
        for other in set(Path(folder).glob("*.png")) - set(small):
            other.rename(to / f"{other.stem}-100.png")


SAME = "as before"


def compare(picture: Path, last: Path) -> str:
    """Whether a picture is another than the last one, and by how much."""
    # A palette of 256 colours shows them as they are, at a third of the size.
    subprocess.run(["convert", picture, "-strip", "-dither", "None", "-colors", "256", picture], check=True)
    if not last.exists():
        return "new"
    command = ["compare", "-metric", "AE", picture, last, "null:"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stderr
    count = said.split(" ")[0].strip()
    if count == "0":
        return SAME
    try:
        return f"{float(count):,.0f} pixels differ"
    except ValueError:
        return "other size"


def icons() -> QImage:
    """Every state in both themes, at sizes as trays show them."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from PySide6.QtGui import QColor, QGuiApplication, QImage, QPainter

    from model_switcher.desktop.theme import DARK, LIGHT

    application = QGuiApplication.instance() or QGuiApplication([])
    assert application is not None
    picture = QImage(CELL * len(STATES) + 16, 176, QImage.Format.Format_RGB32)
    picture.fill(QColor("#ffffff"))
    painter = QPainter(picture)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    font = painter.font()
    font.setPixelSize(12)
    painter.setFont(font)
    for column, name in enumerate(STATES):
        left = 8 + column * CELL
        _icons_of(painter, name, DARK, QColor("#20232a"), (left, 8))
        _icons_of(painter, name, LIGHT, QColor("#eceef2"), (left, 80))
        painter.setPen(QColor("#30343c"))
        painter.drawText(left, 150, CELL - 8, 20, 0x84, name)  # centred both ways
    painter.end()
    return picture


def _icons_of(painter: QPainter, name: str, colours: Colours, ground: QColor, at: tuple[int, int]) -> None:
    from PySide6.QtCore import Qt

    from model_switcher.desktop.icons import paint
    from model_switcher.desktop.view_state import icon_view

    x, y = at
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(ground)
    painter.drawRoundedRect(x, y, CELL - 8, 64, 8, 8)
    x += 10
    for size in (16, 24, 32):
        painter.drawPixmap(x, y + 32 - size // 2, paint(icon_view(STATES[name]()), colours, size))
        x += size + 6


def menus(theme: str, to: Path, state: str, *, shows: str) -> None:
    """The menu as Qt draws it (left) and as xfce's panel does, once it shows that state of `fakes.panel_states`."""
    with tempfile.TemporaryDirectory() as folder:
        by_qt, by_panel = Path(folder) / "qt.png", Path(folder) / "panel.png"
        with _on_a_screen("trayer", theme, state) as private:
            eventually(lambda: window(private), what="the icon is a window in the tray")
            private.run("sleep", "4")  # until it shows the state; an older tray cannot be asked what it shows
            _photograph_menu(private, OLDER_ICON_AT, by_qt)
        with _on_a_screen("xfce4-panel", theme, state) as private:
            with TrayDriver(private.bus) as tray:
                # A message that was told stands in the tooltip for a while.
                eventually(lambda: tray.items() and shows in tray.tooltip())
            private.run("sleep", "2")  # until the panel has drawn the icon, too
            _photograph_menu(private, ICON_AT, by_panel)
        beside = ["convert", str(by_qt), str(by_panel), "-gravity", "south", "+append"]
        subprocess.run([*beside, "-fill", "#343434", "-draw", CLOCK, str(to)], check=True)


@contextlib.contextmanager
def _on_a_screen(tray: Panel, theme: str, state: str) -> Iterator[Screen]:
    """A screen with the desktop on it, which was told to show `state`."""
    with screen(tray) as private:
        environment = {**private.environment, "PYTHONPATH": str(ROOT / "tests")}
        command = [sys.executable, "-m", "fakes.stand_in", theme, "silent"]
        with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, text=True) as program:
            try:
                assert program.stdin is not None
                program.stdin.write(f"panel {state}\n")
                program.stdin.flush()
                yield private
            finally:
                program.kill()


def _photograph_menu(private: Screen, icon: tuple[int, int], to: Path) -> None:
    _move(private, *icon)
    private.run("xdotool", "click", "3")
    _settled_picture(private, to, CROP)
    private.run("xdotool", "key", "Escape")


def _settled_picture(private: Screen, to: Path, crop: str) -> None:
    """A picture once two of them in a row are equal, and something is open."""
    _move(private, ICON_AT[0] - 20, ICON_AT[1] - 340)
    seen: list[bytes] = []

    def settled() -> bool:
        private.photograph(to, crop)
        seen.append(to.read_bytes())
        return len(seen) > 12 and seen[-1] == seen[-2]

    eventually(settled, what="the menu is drawn")


def _move(private: Screen, x: int, y: int) -> None:
    private.run("xdotool", "mousemove", str(x), str(y))


if __name__ == "__main__":
    raise SystemExit(main())
