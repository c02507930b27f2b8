"""Whether this desktop has a tray, for `doctor`: asked of the session bus, without a window."""

from __future__ import annotations

import sys

from PySide6.QtCore import QCoreApplication
from PySide6.QtGui import QGuiApplication

from model_switcher.desktop.tray_host import WATCHER
from model_switcher.desktop.x11 import TRAY, selection_is_owned


def has_tray() -> bool:
    """Whether an icon would be shown now."""
    if not sys.platform.startswith("linux"):
        return True
    from PySide6.QtDBus import QDBusConnection  # noqa: PLC0415 - Linux only

    application = QCoreApplication.instance() or QGuiApplication(sys.argv[:1])
    bus = QDBusConnection.sessionBus()
    if bus.isConnected() and bus.interface().isServiceRegistered(WATCHER).value():
        return True
    owned = QGuiApplication.platformName() == "xcb" and selection_is_owned(TRAY)
    del application
    return owned
