"""Whether Qt works in a packaged program: its platform, its drawing, and an icon in the tray."""

from __future__ import annotations

import gc
import sys

from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

from model_switcher.desktop.tray import Tray
from model_switcher.desktop.view_state import view_state
from model_switcher.domain.snapshot import Snapshot


def icon_shown(seconds: float) -> str | None:
    """Shows the icon and takes it away again; what is wrong if that is not possible.

    Args:
        seconds: How long a desktop may take that has a tray at all.
    """
    app = QApplication(sys.argv[:1])
    app.setQuitOnLastWindowClosed(False)
    shown = _shown(app, seconds)
    # What Qt made goes here and now, not when some other thread happens to collect garbage.
    gc.collect()
    return None if shown else "This desktop shows no tray icon"


def _shown(app: QApplication, seconds: float) -> bool:
    tray = Tray(theme="system", offered=frozenset(), first=view_state(Snapshot()))
    loop = QEventLoop()
    look_again = QTimer(interval=20)
    look_again.timeout.connect(lambda: loop.quit() if tray.is_shown else None)
    tray.missing.connect(loop.quit)
    tray.appear()
    if not tray.is_shown:
        look_again.start()
        QTimer.singleShot(round(seconds * 1000), loop.quit)
        loop.exec()
    shown = tray.is_shown
    tray.vanish()
    app.processEvents()
    return shown
