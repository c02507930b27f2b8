"""Whether a tray is there yet.

Qt asks once whether the desktop speaks StatusNotifier. Asked before the panel has started, it never shows the icon;
so this is found out without Qt's tray, and waited for where needed.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QGuiApplication

from model_switcher.desktop.x11 import TRAY, selection_is_owned

if TYPE_CHECKING:
    from collections.abc import Callable

WATCHER = "org.kde.StatusNotifierWatcher"
LOOK_AGAIN_MS = 1_000
PATIENCE_MS = 5_000
"""A session that is just starting may need a while for its panel."""
NO_TRAY = (
    "This desktop has no tray yet, so there is no icon: Model Switcher shows a window instead and takes the tray when "
    "it comes (GNOME needs the extension AppIndicator for it)."
)

_log = logging.getLogger(__name__)


class TrayHost(QObject):
    """Calls `found` once, as soon as there is a tray; `by_panel` then tells whether the panel draws the menu.

    `missing` is called once where there is none after a while; one that comes later is found all the same.
    """

    def __init__(self, found: Callable[[], None], missing: Callable[[], None]) -> None:
        super().__init__()
        self._found, self._missing = found, missing
        self._done = False
        self.by_panel = False
        self._look_again = QTimer(self, interval=LOOK_AGAIN_MS)
        self._patience = QTimer(self, interval=PATIENCE_MS, singleShot=True)
        self._patience.timeout.connect(self._say_missing)

    def wait(self) -> None:
        """Calls back at once where the tray is there, else when it comes."""
        if not sys.platform.startswith("linux"):
            self.by_panel = sys.platform == "darwin"
            self._finish()
            return
        self._watch()

    def _watch(self) -> None:
        from PySide6.QtDBus import QDBusConnection, QDBusServiceWatcher  # noqa: PLC0415 - Linux only

        bus = QDBusConnection.sessionBus()
        mode = QDBusServiceWatcher.WatchModeFlag.WatchForRegistration
        self._watcher = QDBusServiceWatcher(WATCHER, bus, mode, self)
        self._watcher.serviceRegistered.connect(self._registered)
        if bus.isConnected() and bus.interface().isServiceRegistered(WATCHER).value():
            self._registered()
            return
        # An older tray does not come over D-Bus. Looked for after a moment only: a panel that has
        # both is a little late with the newer one.
        self._look_again.timeout.connect(self._look_for_older_tray)
        self._look_again.start()
        self._patience.start()

    def _registered(self) -> None:
        self.by_panel = True
        self._finish()

    def _look_for_older_tray(self) -> None:
        if not self._done and QGuiApplication.platformName() == "xcb" and selection_is_owned(TRAY):
            self._finish()

    def _say_missing(self) -> None:
        _log.warning(NO_TRAY)
        self._missing()

    def _finish(self) -> None:
        if not self._done:
            self._done = True
            self._look_again.stop()
            self._patience.stop()
            self._found()
