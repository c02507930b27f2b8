"""Opens the panel beside a tray icon on every edge of two screens of different scales, and says where it came to lie.

Run as a program of its own: what Qt takes for screens is settled when it starts. It prints one line of JSON for each
place: the screen, the edge, what is whole of that screen, the icon, and the panel without its shadow.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtCore import QRect

ICON = 24
# As Qt gives them: a screen of 3840 × 2160 at 200 % is 1920 × 1080 of its own pixels.
SCREENS = (
    {"name": "at 100 %", "x": 0, "y": 0, "width": 1920, "height": 1080, "dpr": 1},
    {"name": "at 200 %", "x": 1920, "y": 0, "width": 1920, "height": 1080, "dpr": 2},
    {"name": "at 150 %", "x": -2560, "y": -200, "width": 1707, "height": 960, "dpr": 1.5},
)


def main() -> int:
    file = Path(tempfile.mkdtemp()) / "screens.json"
    screens = [{**one, "logicalDpi": 96, "logicalBaseDpi": 96} for one in SCREENS]
    file.write_text(json.dumps({"screens": screens}), encoding="utf-8")
    os.environ["QT_QPA_PLATFORM"] = f"offscreen:configfile={file}"
    from PySide6.QtWidgets import QApplication

    from fakes import panel_states
    from model_switcher.desktop.panel.window import PanelWindow
    from model_switcher.desktop.theme import DARK
    from model_switcher.desktop.view_state.trail import Trail

    app = QApplication([])
    window = PanelWindow(DARK, offered=(), options=lambda _: {})
    window.content.show_snapshot(panel_states.idle(), (), Trail())
    for screen in app.screens():
        for edge, icon in _icons(screen.geometry()).items():
            window.open_at(icon)
            app.processEvents()
            panel = window.geometry().marginsRemoved(window._margins)
            found = {
                "screen": screen.name(),
                "ratio": screen.devicePixelRatio(),
                "edge": edge,
                "whole": screen.geometry().getRect(),
                "icon": icon.getRect(),
                "panel": panel.getRect(),
                "on": window.screen().name(),
            }
            print(json.dumps(found))
            window.dismiss()
    return 0


def _icons(whole: QRect) -> dict[str, QRect]:
    """A tray icon near the end of a bar on each edge."""
    from PySide6.QtCore import QPoint, QRect, QSize

    wide, high = whole.width(), whole.height()
    corners = {
        "bottom": QPoint(wide - 200, high - 32),
        "top": QPoint(wide - 200, 8),
        "left": QPoint(8, high - 100),
        "right": QPoint(wide - 32, high - 100),
    }
    return {edge: QRect(whole.topLeft() + corner, QSize(ICON, ICON)) for edge, corner in corners.items()}


if __name__ == "__main__":
    sys.exit(main())
