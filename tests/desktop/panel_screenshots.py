"""Paints the panel in every state, in both themes: `python tests/desktop/panel_screenshots.py FOLDER SCALE`.

It draws off screen, so that nothing but the fonts depends on the machine: Inter is used where it is installed. Every
picture holds the light panel beside the dark one. `screenshots.py` calls it.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

if TYPE_CHECKING:
    from PySide6.QtGui import QImage, QPixmap
    from PySide6.QtWidgets import QApplication

    from model_switcher.desktop.panel.window import PanelWindow
    from model_switcher.desktop.theme import Colours

OPTIONS = {"ctx-size": 16384, "cache-type-k": "q8_0", "flash-attn": "on", "n-gpu-layers": "auto"}
SCREEN = (1600, 1000)
GROUND = "#c9ccd3"


@dataclass(frozen=True)
class Picture:
    """One state of `fakes.panel_states`, with what was typed or marked before, or the model whose details are shown
    (`scrolled`: to their end); `contrast`: for those who ask their system for high contrast.
    """

    name: str
    state: str
    typed: str = ""
    down: int = 0
    details: str = ""
    scrolled: bool = False
    contrast: bool = False


PICTURES = (
    Picture("idle", "idle", down=2),
    Picture("high-contrast", "idle", down=2, contrast=True),
    Picture("loading", "loading"),
    Picture("switching", "switching"),
    Picture("rolled-back", "rolled back"),
    Picture("failed", "failed"),
    Picture("borrowed", "borrowed"),
    Picture("thousand", "thousand", typed="zephyr 4"),
    Picture("broken", "loading", typed="broken"),
    Picture("no-models", "no models"),
    Picture("no-gpu", "no GPU", down=2),
    Picture("several-gpus", "several GPUs", down=3),
    Picture("details", "idle", details="nemotron-nano-8b"),
    Picture("details-below", "idle", details="nemotron-nano-8b", scrolled=True),
)


def application(scale: int) -> QApplication:
    """Qt on a screen that nobody sees."""
    width, height = (size * scale for size in SCREEN)
    one = {"name": "one", "x": 0, "y": 0, "width": width, "height": height, "logicalDpi": 96}
    file = Path(tempfile.mkdtemp()) / "screens.json"
    file.write_text(json.dumps({"screens": [{**one, "logicalBaseDpi": 96, "dpr": 1}]}), encoding="utf-8")
    os.environ["QT_QPA_PLATFORM"] = f"offscreen:configfile={file}"
    os.environ["QT_SCALE_FACTOR"] = str(scale)
    os.environ["TZ"] = "UTC"
    time.tzset()
    os.environ["QT_LOGGING_RULES"] = "qt.qpa.*=false"
    from PySide6.QtGui import QFont, QFontDatabase
    from PySide6.QtWidgets import QApplication

    new = QApplication([])
    if "Inter" in QFontDatabase.families():
        new.setFont(QFont("Inter", 9))
    return new


def window_of(picture: Picture, colours: Colours) -> PanelWindow:
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QApplication, QScrollArea

    from fakes import panel_states as states
    from model_switcher.desktop.ask import Ask
    from model_switcher.desktop.panel.window import PanelWindow

    snapshot = states.STATES[picture.state]()
    window = PanelWindow(colours, offered=(Ask.LOG, Ask.SETTINGS), options=lambda _: OPTIONS)
    recent = states.RECENT if snapshot.catalog.models else ()
    window.content.show_snapshot(snapshot, recent, states.trail_of(snapshot))
    window.open_at(None)
    window.content.page.filter.setText(picture.typed)
    for _ in range(picture.down):
        QTest.keyClick(window.content.page.filter, Qt.Key.Key_Down)
    if picture.details:
        window.content.show_history(states.history())
        window.content.show_details(picture.details)
        window.content.details.setFocus()
    if picture.scrolled:
        QApplication.processEvents()
        bar = window.content.details.findChild(QScrollArea).verticalScrollBar()
        bar.setValue(bar.maximum())
    return window


def grab(app: QApplication, picture: Picture, colours: Colours) -> QPixmap:
    """One panel, which has the keyboard."""
    window = window_of(picture, colours)
    while not window.isActiveWindow():
        app.processEvents()
    app.processEvents()
    grabbed = window.grab()
    window.dismiss()
    window.deleteLater()
    app.processEvents()
    return grabbed


def paint(app: QApplication, picture: Picture) -> QImage:
    """The light panel beside the dark one."""
    from model_switcher.desktop.theme import DARK, DARK_CONTRAST, LIGHT, LIGHT_CONTRAST

    pair = (LIGHT_CONTRAST, DARK_CONTRAST) if picture.contrast else (LIGHT, DARK)
    return beside([grab(app, picture, colours) for colours in pair])


def beside(grabbed: list[QPixmap]) -> QImage:
    """Pictures of one size, one beside the other."""
    from PySide6.QtGui import QColor, QImage, QPainter

    ratio, size = grabbed[0].devicePixelRatio(), grabbed[0].size()
    image = QImage(size.width() * 2, size.height(), QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    image.fill(QColor(GROUND))
    painter = QPainter(image)
    for number, pixmap in enumerate(grabbed):
        painter.drawPixmap(round(number * size.width() / ratio), 0, pixmap)
    painter.end()
    return image


def main(folder: Path, scale: int) -> int:
    app = application(scale)
    for picture in PICTURES:
        paint(app, picture).save(str(folder / f"panel-{picture.name}.png"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), int(sys.argv[2])))
