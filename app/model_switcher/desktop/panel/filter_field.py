"""The field that filters the list. It has the keyboard while the panel is open, and passes on what is for the list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from model_switcher.desktop.language import tr
from model_switcher.desktop.panel.glyphs import draw_lens

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_switcher.desktop.panel.look import Look

LENS = 13


class FilterField(QLineEdit):
    """`typed` carries what is in it; `details_asked` says that the right arrow was pressed at its end."""

    typed = Signal(str)
    details_asked = Signal()

    def __init__(self, parent: QWidget, steer: Callable[[QKeyEvent], bool]) -> None:
        super().__init__(parent)
        self._look: Look | None = None
        self._steer = steer
        self.setClearButtonEnabled(False)
        self.setAccessibleName(tr("Filter models"))
        self.setAccessibleDescription(tr("Arrows move in the list, Enter loads, Alt+Enter shows details"))
        self.textChanged.connect(self.typed)

    def dress(self, look: Look) -> None:
        """Takes on colours, fonts and sizes."""
        self._look = look
        self.setTextMargins(look.px(22), 0, look.px(4), 0)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        at_end = self.cursorPosition() == len(self.text()) and not self.hasSelectedText()
        if event.key() == Qt.Key.Key_Right and at_end and not event.modifiers():
            self.details_asked.emit()
        elif not self._steer(event):
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        # Escape belongs to the panel; the field would take it for itself to undo what was typed.
        if isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape:
            event.ignore()
            return False
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._look is None:
            return
        size = self._look.px(LENS)
        painter = QPainter(self)
        place = QRectF(self._look.px(11), (self.height() - size) / 2, size, size)
        draw_lens(painter, place, self._look.colours.dim)
        painter.end()
