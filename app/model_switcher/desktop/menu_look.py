"""How Qt draws the menu, where no panel does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRect, Qt
from PySide6.QtGui import QColor, QPainter, QPen
from PySide6.QtWidgets import QMenu

from model_switcher.desktop.theme import menu_style

if TYPE_CHECKING:
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QAction, QActionEvent, QPaintEvent

    from model_switcher.desktop.theme import Colours

EDGE = 12
"""Pixels between the text of an entry and its right end, as the style sheet has it."""
MARK = 22
"""Pixels at the left of an entry that its mark stands in."""


class LookMenu(QMenu):
    """A menu in the colours of the theme. A style sheet cannot say two things that are painted over it here:

    What follows a tab ends at the right edge, in a lighter colour; and a tick, not a dot, marks what is on or off by
    itself.
    """

    def __init__(self, title: str = "", parent: QMenu | None = None) -> None:
        self._widest: int | None = None
        super().__init__(title, parent)
        self.colours: Colours | None = parent.colours if isinstance(parent, LookMenu) else None

    def dress(self, colours: Colours) -> None:
        """Takes on the colours, with all menus in it."""
        for menu in (self, *self.findChildren(LookMenu)):
            menu.colours = colours
        self.setStyleSheet(menu_style(colours))  # which menus in it inherit

    def actionEvent(self, event: QActionEvent) -> None:
        self._widest = None
        super().actionEvent(event)

    def changeEvent(self, event: QEvent) -> None:
        self._widest = None  # the font may be another
        super().changeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self.colours is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        entries = [(one, self.actionGeometry(one)) for one in self.actions() if one.isVisible()]
        seen = [(one, place) for one, place in entries if place.intersects(event.rect())]
        if self._widest is None:
            # Of all of them: that wide is the column that is painted over.
            words = self.fontMetrics()
            self._widest = max((words.horizontalAdvance(_detail(one)) for one, _ in entries), default=0)
        for action, place in seen:
            if _detail(action):
                self._paint_detail(painter, self.colours, action, place, self._widest)
            elif action.isCheckable() and action.actionGroup() is None:
                self._paint_tick(painter, self.colours, action, place)
        painter.end()

    def _paint_detail(
        self, painter: QPainter, colours: Colours, action: QAction, place: QRect, widest: int
    ) -> None:
        column = place.adjusted(place.width() - EDGE - widest - 2, 0, -EDGE + 2, 0)
        marked = action is self.activeAction() and action.isEnabled()
        painter.fillRect(column, QColor(colours.accent if marked else colours.background))
        painter.setFont(self.font())
        painter.setPen(QColor(colours.on_accent if marked else colours.dim))
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        painter.drawText(column.adjusted(0, 0, -2, 0), right, _detail(action))

    def _paint_tick(self, painter: QPainter, colours: Colours, action: QAction, place: QRect) -> None:
        marked = action is self.activeAction() and action.isEnabled()
        box = QRect(place.left() + 6, place.top() + 2, MARK - 4, place.height() - 4)
        painter.fillRect(box, QColor(colours.accent if marked else colours.background))
        if not action.isChecked():
            return
        x, y = box.center().x() + 0.5, box.center().y() + 0.5
        painter.setPen(QPen(QColor(colours.on_accent if marked else colours.text), 1.6))
        painter.drawPolyline([QPointF(x - 4, y), QPointF(x - 1, y + 3), QPointF(x + 4, y - 4)])


def _detail(action: QAction) -> str:
    """What stands at the right of an entry."""
    return action.text().partition("\t")[2].replace("&&", "&")
