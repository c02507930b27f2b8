"""The tray icon with its menu, tooltip and messages."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QRect, Signal
from PySide6.QtGui import QCursor, QGuiApplication
from PySide6.QtWidgets import QSystemTrayIcon

from model_switcher.desktop.icons import Icons
from model_switcher.desktop.menu import Ask, Drawn, Menu
from model_switcher.desktop.theme import colours, menu_style
from model_switcher.desktop.tray_host import TrayHost
from model_switcher.desktop.wording import APP_NAME

if TYPE_CHECKING:
    from typing import Literal

    from model_switcher.desktop.notices import Notice
    from model_switcher.desktop.theme import Colours
    from model_switcher.desktop.view_state import ViewState

KEPT_NOTICES = 3
"""Messages that wait for the icon: older ones are no news when it comes."""


class Tray(QObject):
    """Shows view states and notices; appears as soon as the desktop has a tray."""

    chosen = Signal(str)
    asked = Signal(Ask)

    def __init__(self, *, theme: Literal["system", "light", "dark"], logs: bool, first: ViewState) -> None:
        super().__init__()
        self._theme: Literal["system", "light", "dark"] = theme
        self._logs = logs
        self._state = first
        self._icons = Icons()
        self._looks: object = None
        self._icon: QSystemTrayIcon | None = None
        # There is one even without an icon: a second start of the program opens it.
        self._menus = [self._new_menu(Drawn.BY_QT)]
        self._unsaid: deque[Notice] = deque(maxlen=KEPT_NOTICES)
        self._host = TrayHost(self._appear)

    def appear(self) -> None:
        """Shows the icon, at once or when the desktop has a tray."""
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._repaint)
        self._host.wait()

    def show_state(self, state: ViewState) -> None:
        """Shows `state` in icon, tooltip and menu."""
        self._state = state
        self._repaint()
        for menu in self._menus:
            menu.show_state(state)
        if self._icon is not None and self._icon.toolTip() != state.tooltip:
            self._icon.setToolTip(state.tooltip)

    def tell(self, notice: Notice) -> None:
        """Shows a message; one that comes before the icon is kept for it."""
        if self._icon is None:
            self._unsaid.append(notice)
            return
        kinds = QSystemTrayIcon.MessageIcon
        self._icon.showMessage(
            notice.title, notice.text, kinds.Warning if notice.warning else kinds.Information
        )

    def open_menu(self) -> None:
        """Opens the menu at the icon, or at the pointer where the desktop does not say where the icon is."""
        place = QRect() if self._icon is None else self._icon.geometry()
        self._menus[-1].popup(place.center() if place.isValid() else QCursor.pos())
        self._menus[-1].activateWindow()

    def vanish(self) -> None:
        """Takes the icon away."""
        if self._icon is not None:
            self._icon.hide()

    def _appear(self) -> None:
        self._icon = QSystemTrayIcon(self)
        # A menu that the panel draws cannot also be opened by us: a second one is for the left click.
        if self._host.by_panel:
            self._menus.insert(0, self._new_menu(Drawn.BY_PANEL))
        self._looks = None  # whatever was painted before was without them
        self._icon.setContextMenu(self._menus[0])
        self._icon.activated.connect(self._activated)
        self.show_state(self._state)
        self._icon.show()
        while self._unsaid:
            self.tell(self._unsaid.popleft())

    def _new_menu(self, drawn: Drawn) -> Menu:
        menu = Menu(drawn=drawn, logs=self._logs)
        menu.setTitle(APP_NAME)
        menu.chosen.connect(self.chosen)
        menu.asked.connect(self.asked)
        return menu

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason is QSystemTrayIcon.ActivationReason.Trigger:
            self.open_menu()

    def _colours(self) -> Colours:
        return colours(self._theme, QGuiApplication.styleHints())

    def _repaint(self) -> None:
        """Sets icon and style where they look different from what is shown: panels redraw at each change."""
        palette = self._colours()
        looks = (self._state.icon, palette)
        if looks == self._looks:
            return
        self._looks = looks
        if self._icon is not None:
            self._icon.setIcon(self._icons.icon(self._state.icon, palette))
        style = menu_style(palette)
        for menu in self._menus:
            if menu.styleSheet() != style:
                menu.setStyleSheet(style)
