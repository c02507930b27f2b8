"""Makes the pictures in docs/screenshots: `python tests/desktop/screenshots.py`.

The menus are photographed on a private virtual screen, one drawn by Qt beside one drawn by xfce's panel: a long list
in the dark and in the light theme, and what they show during a load and after a failure.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from fakes.screen import eventually, screen  # noqa: E402 - tests are no installed package
from fakes.snapshots import STATES  # noqa: E402
from fakes.tray import TrayDriver  # noqa: E402

if TYPE_CHECKING:
    from PySide6.QtGui import QColor, QImage, QPainter

    from fakes.screen import Screen
    from model_switcher.desktop.theme import Colours

PICTURES = ROOT / "docs" / "screenshots"
ICON_AT = (1196, 784)
CROP = "600x540+680+260"
CELL = 112


def main() -> int:
    PICTURES.mkdir(parents=True, exist_ok=True)
    icons().save(str(PICTURES / "icons.png"))
    for theme in ("dark", "light"):
        menus(theme, PICTURES / f"menu-{theme}.png", "many")
    menus("dark", PICTURES / "menu-loading.png", state="progress 0.57", shows="57 %")
    menus("light", PICTURES / "menu-failed.png", state="show failed", shows="Nothing is served")
    return 0


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


def menus(theme: str, to: Path, *arguments: str, state: str = "", shows: str = "ready") -> None:
    """The menu as Qt draws it (left) and as xfce's panel does, once the stand-in was told to show `state`."""
    with screen() as private, tempfile.TemporaryDirectory() as folder:
        by_qt, by_panel = Path(folder) / "qt.png", Path(folder) / "panel.png"
        environment = {**private.environment, "PYTHONPATH": str(ROOT / "tests")}
        command = [sys.executable, "-m", "fakes.stand_in", theme, *arguments]
        program = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, text=True)
        try:
            with TrayDriver(private.bus) as tray:
                eventually(lambda: tray.items() and "ready" in tray.tooltip())
                if state and program.stdin is not None:
                    program.stdin.write(f"{state}\n")
                    program.stdin.flush()
                # A message that was told stands in the tooltip for a while.
                eventually(lambda: shows in tray.tooltip())
                _photograph_menus(private, tray, by_qt, by_panel)
                tray.click("Quit")
            program.wait(20)
        finally:
            program.kill()
        subprocess.run(
            ["convert", str(by_qt), str(by_panel), "-gravity", "south", "+append", str(to)], check=True
        )


def _photograph_menus(private: Screen, tray: TrayDriver, by_qt: Path, by_panel: Path) -> None:
    _move(private, *ICON_AT)
    tray.activate()
    _settled_picture(private, by_qt, CROP)
    private.run("xdotool", "key", "Escape")
    _move(private, *ICON_AT)
    private.run("xdotool", "click", "3")
    _settled_picture(private, by_panel, CROP)
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
