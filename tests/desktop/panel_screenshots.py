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
    from collections.abc import Callable

    from PySide6.QtGui import QImage, QPixmap
    from PySide6.QtWidgets import QApplication, QWidget

    from model_switcher.desktop.panel.window import PanelWindow
    from model_switcher.desktop.theme import Colours

OPTIONS = {"ctx-size": 16384, "cache-type-k": "q8_0", "flash-attn": "on", "n-gpu-layers": "auto"}
SCREEN = (1600, 1000)
GROUND = "#c9ccd3"
SERVED = (
    "0.00.140.250 W srv  llama_server: CORS is set to allow all origins ('*') and no API key is set",
    "0.00.156.240 I srv    load_model: loading model 'nemotron-nano-8b.gguf'",
    "0.00.415.685 I srv    load_model: initializing, n_slots = 4, n_ctx_slot = 16384, kv_unified = 'true'",
    "0.00.449.554 I srv  llama_server: model loaded",
    "0.03.441.008 I slot launch_slot_: id  3 | task 0 | processing task, is_child = 0",
    "0.03.444.981 I slot print_timing: id  3 | task 0 | prompt eval time = 21.71 ms / 35 tokens",
    "0.03.445.123 I slot      release: id  3 | task 0 | stop processing: n_tokens = 78, truncated = 0",
)


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
    Picture("no-engine", "no engine"),
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


def log_window(colours: Colours) -> QWidget:
    """The log of a load that failed after another model had served."""
    from model_switcher.desktop.log.window import LogWindow
    from model_switcher.engine.log import LogLine, LogPage

    served = (ROOT / "tests" / "unit" / "engine_logs" / "gpu-weights.txt").read_text("utf-8").splitlines()[8:]
    texts = [*SERVED, *(text for text in served if text)]
    window = LogWindow(colours)
    window.show_names({"a": "Nemotron Nano 8B", "b": "Qwen3 8B"})
    window.open()
    window.add(
        LogPage(0, [LogLine(1.0 + n * 0.13, "ab"[n >= len(SERVED)], text) for n, text in enumerate(texts)])
    )
    return window


def first_start(colours: Colours) -> QWidget:
    """The offer beside a llama-server that runs already."""
    from model_switcher.desktop.first_start.window import FirstStartWindow
    from model_switcher.desktop.view_state.first_start import first_start_view
    from model_switcher.domain.command_line import Taken
    from model_switcher.domain.foreign import Holder
    from model_switcher.engine.first_start import ForeignServer

    options = {"ctx-size": 16384, "flash-attn": "on", "n-gpu-layers": 99}
    taken = Taken(model="D:\\models\\Qwen3-8B-Q6_K.gguf", launch=options)
    holder = Holder(program="llama-server", pid=4242, created=1.0, own=True)
    window = FirstStartWindow(first_start_view(ForeignServer(holder=holder, port=8080, taken=taken)), colours)
    window.open()
    return window


def paint_window(app: QApplication, make: Callable[[Colours], QWidget], *, across: bool) -> QImage:
    """A window in light and in dark, beside each other or one below the other."""
    from PySide6.QtGui import QColor, QImage, QPainter

    from model_switcher.desktop.theme import DARK, LIGHT

    grabbed = []
    for colours in (LIGHT, DARK):
        window = make(colours)
        for _ in range(50):
            app.processEvents()
        grabbed.append(window.grab())
        window.hide()
        window.deleteLater()
    ratio, size = grabbed[0].devicePixelRatio(), grabbed[0].size()
    gap = round(16 * ratio)
    whole = (size.width() * 2 + gap, size.height()) if across else (size.width(), size.height() * 2 + gap)
    image = QImage(*whole, QImage.Format.Format_RGB32)
    image.setDevicePixelRatio(ratio)
    image.fill(QColor(GROUND))
    painter = QPainter(image)
    for number, pixmap in enumerate(grabbed):
        along = round(number * ((size.width() if across else size.height()) + gap) / ratio)
        painter.drawPixmap(along if across else 0, 0 if across else along, pixmap)
    painter.end()
    return image


def main(folder: Path, scale: int) -> int:
    app = application(scale)
    paint_window(app, log_window, across=False).save(str(folder / "log.png"))
    paint_window(app, first_start, across=True).save(str(folder / "first-start.png"))
    for picture in PICTURES:
        paint(app, picture).save(str(folder / f"panel-{picture.name}.png"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), int(sys.argv[2])))
