"""The tray icon with its menu, tooltip and messages."""

from __future__ import annotations

import sys
from collections import deque
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, QRect, QSize, Signal
from PySide6.QtGui import QCursor, QGuiApplication
from PySide6.QtWidgets import QSystemTrayIcon

from model_switcher.desktop.ask import Ask
from model_switcher.desktop.icons import Icons
from model_switcher.desktop.menu import Drawn, Menu
from model_switcher.desktop.theme import colours
from model_switcher.desktop.tray_host import TrayHost
from model_switcher.desktop.wording import APP_NAME

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Literal

    from model_switcher.desktop.notices import Notice
    from model_switcher.desktop.theme import Colours
    from model_switcher.desktop.view_state import ViewState

KEPT_NOTICES = 3
"""Messages that wait for the icon: older ones are no news when it comes."""

CLICKS_ARE_TOLD = sys.platform != "linux"
"""Whether a click on a message comes back: over D-Bus Qt asks for that only with messages that stay until put away."""

ICON = 32
"""Pixels that an icon is taken to have around the pointer that clicked it."""


class Tray(QObject):
    """Shows view states and notices; appears as soon as the desktop has a tray.

    Args:
        theme: Of the settings.
        offered: Of log, settings and start at login: what the menu has an entry for.
        first: What is shown until something is known.

    Signals:
        chosen: Load the model of that id.
        asked: What a fixed entry of the menu asks for.
        clicked: The icon was clicked with the left button.
        opening: The menu is about to be shown.
        notice_clicked: The message that was told last was clicked; carries it.
        missing: The desktop has no tray, as far as one can tell by now.
    """

    chosen = Signal(str)
    asked = Signal(Ask)
    clicked = Signal()
    opening = Signal()
    notice_clicked = Signal(object)
    missing = Signal()

    def __init__(
        self, *, theme: Literal["system", "light", "dark"], offered: Collection[Ask], first: ViewState
    ) -> None:
        super().__init__()
        self._theme: Literal["system", "light", "dark"] = theme
        self._offered = offered
        self._login = False
        self._state = first
        self._icons = Icons()
        self._looks: object = None
        self._icon: QSystemTrayIcon | None = None
        self._menu: Menu | None = None
        self._told: Notice | None = None
        self._unsaid: deque[Notice] = deque(maxlen=KEPT_NOTICES)
        self._host = TrayHost(self._appear, self.missing.emit)

    @property
    def is_shown(self) -> bool:
        """Whether there is an icon."""
        return self._icon is not None

    def appear(self) -> None:
        """Shows the icon, at once or when the desktop has a tray."""
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._repaint)
        self._host.wait()

    def show_state(self, state: ViewState) -> None:
        """Shows `state` in icon, tooltip and menu."""
        self._state = state
        self._repaint()
        if self._menu is not None:
            self._menu.show_state(state)
        if self._icon is not None and self._icon.toolTip() != state.tooltip:
            self._icon.setToolTip(state.tooltip)

    def show_login(self, *, on: bool) -> None:
        """Shows in the menu whether the program starts at login."""
        self._login = on
        if self._menu is not None:
            self._menu.show_login(on=on)

    def set_theme(self, theme: Literal["system", "light", "dark"]) -> None:
        """Takes on other colours."""
        self._theme = theme
        self._repaint()

    def tell(self, notice: Notice) -> None:
        """Shows a message; one that comes before the icon is kept for it."""
        if self._icon is None:
            self._unsaid.append(notice)
            return
        self._told = notice
        kinds = QSystemTrayIcon.MessageIcon
        text = f"{notice.text} {notice.click}".strip() if CLICKS_ARE_TOLD else notice.text
        self._icon.showMessage(notice.title, text, kinds.Warning if notice.warning else kinds.Information)

    def place(self, *, clicked: bool = False) -> QRect | None:
        """Where the icon is; where the desktop does not tell, the pointer that has just `clicked` it, else None."""
        place = QRect() if self._icon is None else self._icon.geometry()
        if place.isValid() and not place.isEmpty():
            return place
        # Wayland does not say where the pointer is either: it is at the origin then.
        if not clicked or QCursor.pos().isNull():
            return None
        icon = QRect(QPoint(0, 0), QSize(ICON, ICON))
        icon.moveCenter(QCursor.pos())
        return icon

    def vanish(self) -> None:
        """Takes the icon away."""
        if self._icon is not None:
            self._icon.hide()

    def _appear(self) -> None:
        self._icon = QSystemTrayIcon(self)
        self._menu = self._new_menu(Drawn.BY_PANEL if self._host.by_panel else Drawn.BY_QT)
        self._looks = None  # whatever was painted before was without them
        self._icon.setContextMenu(self._menu)
        self._icon.activated.connect(self._activated)
        self._icon.messageClicked.connect(self._message_clicked)
        self.show_state(self._state)
        self._icon.show()
        while self._unsaid:
            self.tell(self._unsaid.popleft())

    def _new_menu(self, drawn: Drawn) -> Menu:
        menu = Menu(drawn=drawn, offered=self._offered)
        menu.setTitle(APP_NAME)
        menu.show_login(on=self._login)
        menu.aboutToShow.connect(self.opening)
        menu.chosen.connect(self.chosen)
        menu.asked.connect(self.asked)
        return menu

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason is QSystemTrayIcon.ActivationReason.Trigger:
            self.clicked.emit()

    def _message_clicked(self) -> None:
        if self._told is not None:
            self.notice_clicked.emit(self._told)

    def _colours(self) -> Colours:
        return colours(self._theme, QGuiApplication.styleHints())

    def _repaint(self) -> None:
        """Sets icon and style where they look different from what is shown: panels redraw at each change."""
        palette = self._colours()
        looks = (self._state.icon, palette)
        if looks == self._looks or self._icon is None or self._menu is None:
            return
        self._looks = looks
        self._icon.setIcon(self._icons.icon(self._state.icon, palette))
        if self._menu.colours != palette:
            self._menu.dress(palette)
