"""The head of the panel: the state as a picture, the title with the line under it, and one button."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from model_switcher.desktop.icons import draw
from model_switcher.desktop.panel.texts import ElidedLabel, dress

if TYPE_CHECKING:
    from model_switcher.desktop.panel.look import Look
    from model_switcher.desktop.view_state.header import HeaderView
    from model_switcher.desktop.view_state.icon import IconView

PICTURE = 34


class StatePicture(QWidget):
    """The tray icon in large. It says nothing that the title does not say, so screen readers pass it over."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._view: IconView | None = None
        self._look: Look | None = None

    def dress(self, look: Look) -> None:
        self._look = look
        self.setFixedSize(look.px(PICTURE), look.px(PICTURE))
        self.update()

    def show_icon(self, view: IconView) -> None:
        if view != self._view:
            self._view = view
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002 - of Qt
        if self._view is None or self._look is None:
            return
        painter = QPainter(self)
        draw(painter, self._view, self._look.colours, QRectF(self.rect()), track=self._look.colours.free)
        painter.end()


class Header(QWidget):
    """Shows a `HeaderView`; `pressed` tells of its button."""

    pressed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.picture = StatePicture(self)
        self.title, self.line = ElidedLabel(self), ElidedLabel(self)
        self.button = QPushButton(self)
        self.button.clicked.connect(lambda _=False: self.pressed.emit())
        self._texts = QVBoxLayout()
        self._texts.addWidget(self.title)
        self._texts.addWidget(self.line)
        self._row = QHBoxLayout(self)
        self._row.addWidget(self.picture)
        self._row.addLayout(self._texts, 1)
        self._row.addWidget(self.button)

    def dress(self, look: Look) -> None:
        """Takes on colours, fonts and sizes."""
        px = look.px
        self._row.setContentsMargins(px(16), px(14), px(16), px(12))
        self._row.setSpacing(px(12))
        self._texts.setSpacing(px(1))
        self.picture.dress(look)
        dress(self.title, look.title, look.colours.text)
        dress(self.line, look.line, look.colours.dim)

    def show_view(self, view: HeaderView) -> None:
        """Shows `view`."""
        self.picture.show_icon(view.icon)
        self.title.say(view.title)
        self.line.say(view.line)
        self.button.setText(view.control.text)
        self.button.setAccessibleName(view.control.text)
        self.button.setEnabled(view.control.enabled)
