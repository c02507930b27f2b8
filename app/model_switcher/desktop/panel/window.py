"""The panel as a window: next to the tray it has no frame and goes when one turns to something else; where there is
no tray it is a window like any other.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QMargins, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from model_switcher.desktop.panel.content import Content
from model_switcher.desktop.panel.look import RADIUS, WIDTH, Look, colour
from model_switcher.desktop.panel.placement import Room, place, tray_corner
from model_switcher.desktop.panel.style import sheet
from model_switcher.desktop.wording import APP_NAME
from model_switcher.desktop.x11 import is_composited

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from PySide6.QtGui import QCloseEvent

    from model_switcher.desktop.ask import Ask
    from model_switcher.desktop.theme import Colours
    from model_switcher.domain.catalog import Model
    from model_switcher.domain.launch import Options

SHADOW = 20
"""Pixels around the panel that its shadow falls on."""
SHADE, LOWER = 0.025, 5
"""How dark each ring of the shadow is at most, and how much lower it lies than what casts it."""
LEAST_HEIGHT = 240


class PanelWindow(QWidget):
    """Holds the content.

    Args:
        colours: Of the theme.
        offered: Of log and settings: what there is a link to.
        options: What a model would be started with.
        framed: A window like any other: there is no tray to be next to.

    Signals:
        closing: Its frame's button was pressed, or what the desktop has instead.
    """

    closing = Signal()

    def __init__(
        self,
        colours: Colours,
        *,
        offered: Collection[Ask],
        options: Callable[[Model], Options],
        framed: bool = False,
    ) -> None:
        flags = Qt.WindowType.Window if framed else Qt.WindowType.Tool | Qt.WindowType.FramelessWindowHint
        super().__init__(None, flags | Qt.WindowType.NoDropShadowWindowHint)
        self.framed = framed
        self.left_at = 0.0  # when it went because one turned to something else, on the monotonic clock
        self._dismissed = False
        # Without a compositor what should be transparent is black: then the corners are square.
        self.floating = not framed and is_composited()
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground, self.floating)
        self.setAttribute(Qt.WidgetAttribute.WA_QuitOnClose, False)
        self.setWindowTitle(APP_NAME)
        self._anchor: QRect | None = None
        self._look = Look(colours, QApplication.font())
        self.content = Content(self, self._look, offered=offered, leaving=framed, options=options)
        self.content.grown.connect(self._fit)
        column = QVBoxLayout(self)
        column.setContentsMargins(self._margins)
        column.addWidget(self.content)
        self.dress(colours)

    @property
    def _margins(self) -> QMargins:
        """What is around the content: the shadow, or the thin edge."""
        around = SHADOW if self.floating else 0 if self.framed else 1
        return QMargins(around, around, around, around)

    def dress(self, colours: Colours) -> None:
        """Takes on the colours of another theme, or another font of the desktop."""
        self._look = Look(colours, QApplication.font())
        self.setStyleSheet(sheet(self._look))
        self.content.dress(self._look)
        self.update()

    def open_at(self, anchor: QRect | None) -> None:
        """Shows the panel beside `anchor`, a place of the screen: the tray icon, or where it was clicked.

        None where nothing was clicked and the desktop does not say where the icon is.
        """
        self._anchor = anchor
        self.content.begin()
        self._fit()
        self._dismissed = False
        self.show()
        self.raise_()
        self.activateWindow()

    def dismiss(self) -> None:
        """Closes the panel because that was asked for."""
        self._dismissed = True
        self.hide()

    def _fit(self) -> None:
        """Takes the height that the content wants, as far as the screen has it, and stays beside the tray."""
        rooms = _rooms()
        anchor = self._anchor if self._anchor is not None else tray_corner(rooms[0])
        room = next((one for one in rooms if one.whole.contains(anchor.center())), rooms[0])
        most = room.free.height() - 2 * self._look.px(SHADOW)
        wanted = self.content.sizeHint().height()
        inside = QSize(self._look.px(WIDTH), max(min(wanted, most), LEAST_HEIGHT))
        outside = inside.grownBy(self._margins)
        if self.framed:
            self.setMinimumSize(self._look.px(WIDTH), LEAST_HEIGHT)
            if not self.isVisible():
                self.resize(outside)
            return
        self.setFixedSize(outside)
        corner = place(inside, anchor, rooms)
        self.move(corner.x() - self._margins.left(), corner.y() - self._margins.top())

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() is QEvent.Type.ApplicationFontChange:
            self.dress(self._look.colours)
        left = event.type() is QEvent.Type.ActivationChange and not self.isActiveWindow()
        stays = self.framed or self._dismissed or QApplication.activePopupWidget() is not None
        if left and self.isVisible() and not stays:
            self.left_at = time.monotonic()
            self.hide()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() != Qt.Key.Key_Escape:
            super().keyPressEvent(event)
        elif not self.content.step_back() and not self.framed:
            self.dismiss()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        # What looks like the desktop behind it acts like that.
        if self.floating and not self.content.geometry().contains(event.position().toPoint()):
            self.dismiss()

    def closeEvent(self, event: QCloseEvent) -> None:
        event.ignore()
        if self.framed:
            self.closing.emit()
        else:
            self.dismiss()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002 - of Qt
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        c = self._look.colours
        inside = QRectF(self.content.geometry())
        if not self.floating:
            painter.fillRect(self.rect(), colour(c.background if self.framed else c.line))
            painter.fillRect(inside, colour(c.background))
            painter.end()
            return
        radius = self._look.px(RADIUS)
        _cast_shadow(painter, inside, radius)
        shape = QPainterPath()
        shape.addRoundedRect(inside, radius, radius)
        painter.fillPath(shape, colour(c.background))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(colour(c.line), 1.0))
        painter.drawRoundedRect(inside.adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
        painter.end()


def _cast_shadow(painter: QPainter, inside: QRectF, radius: float) -> None:
    """Soft, and a little lower than what casts it."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(Qt.GlobalColor.black)
    reach = SHADOW - LOWER
    for ring in range(reach, 0, -1):
        painter.setOpacity(SHADE * (1 - ring / (reach + 1)))
        grown = inside.adjusted(-ring, -ring + LOWER, ring, ring + LOWER)
        painter.drawRoundedRect(grown, radius + ring, radius + ring)
    painter.setOpacity(1.0)


def _rooms() -> list[Room]:
    primary = QGuiApplication.primaryScreen()
    screens = sorted(QGuiApplication.screens(), key=lambda one: one is not primary)
    return [Room(screen.geometry(), screen.availableGeometry()) for screen in screens]
