"""The foot of the panel: the address for programs, and the way to other places."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QWidget

from model_switcher.desktop.ask import Ask
from model_switcher.desktop.language import tr
from model_switcher.desktop.panel.texts import ElidedLabel, dress

if TYPE_CHECKING:
    from collections.abc import Collection

    from model_switcher.desktop.panel.look import Look

COPIED_MS = 1_500


class Footer(QWidget):
    """Shows the endpoint; asks for the web interface, the log, the settings and, where nothing else does, for the end."""

    asked = Signal(Ask)

    def __init__(self, parent: QWidget, *, offered: Collection[Ask], leaving: bool) -> None:
        super().__init__(parent)
        self._endpoint = ""
        self.address = ElidedLabel(self, Qt.TextElideMode.ElideMiddle)
        self.address.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.copy = QPushButton(tr("Copy"), self)
        self.copy.setAccessibleName(tr("Copy the endpoint address"))
        self.copy.clicked.connect(self._copy)
        self.web_ui = self._link(tr("Web UI"), tr("Open the web interface"), Ask.WEB_UI)
        self.log = self._link(tr("Log"), tr("Show the log"), Ask.LOG)
        self.log.setVisible(Ask.LOG in offered)
        self.settings = self._link(tr("Settings"), tr("Open the settings"), Ask.SETTINGS)
        self.settings.setVisible(Ask.SETTINGS in offered)
        self.quit = self._link(tr("Quit"), tr("End Model Switcher"), Ask.QUIT)
        self.quit.setVisible(leaving)
        self._row = QHBoxLayout(self)
        self._row.addWidget(self.address)
        self._row.addSpacing(4)
        self._row.addWidget(self.copy)
        self._row.addStretch(1)
        for link in (self.web_ui, self.log, self.settings, self.quit):
            self._row.addWidget(link)
        self._copied = QTimer(self, singleShot=True, interval=COPIED_MS)
        self._copied.timeout.connect(lambda: self.copy.setText(tr("Copy")))

    def dress(self, look: Look) -> None:
        """Takes on colours, fonts and sizes."""
        self._row.setContentsMargins(look.px(12), look.px(9), look.px(10), look.px(9))
        self._row.setSpacing(look.px(4))
        dress(self.address, look.mono, look.colours.text)
        self.copy.setMinimumWidth(look.px(62))

    def show_addresses(self, endpoint: str, web_ui: str) -> None:
        """Shows where programs find the server; the web interface is offered while it answers."""
        self.address.say(endpoint or tr("Not listening yet"), short=endpoint.partition("://")[2])
        self.copy.setEnabled(bool(endpoint))
        self._endpoint = endpoint
        self.web_ui.setEnabled(bool(web_ui))

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._endpoint)
        self.copy.setText(tr("Copied"))
        self._copied.start()

    def _link(self, text: str, name: str, ask: Ask) -> QPushButton:
        link = QPushButton(text, self)
        link.setProperty("kind", "link")
        link.setAccessibleName(name)
        link.setToolTip(name)
        link.setCursor(Qt.CursorShape.PointingHandCursor)
        link.clicked.connect(lambda _=False: self.asked.emit(ask))
        return link
