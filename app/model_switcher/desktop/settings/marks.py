"""Boxes to tick, dots to choose and lists to open, drawn in the colours of the window; a shape tells each state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QAbstractButton, QCheckBox, QComboBox, QRadioButton, QWidget

from model_switcher.desktop.panel.look import colour

if TYPE_CHECKING:
    from PySide6.QtGui import QWheelEvent

    from model_switcher.desktop.panel.look import Look

MARK = 18
GAP = 8


class Tick(QCheckBox):
    """A box to tick."""

    def __init__(self, parent: QWidget, look: Look, text: str = "") -> None:
        super().__init__(text, parent)
        self._look = look
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def dress(self, look: Look) -> None:
        """Takes on colours, fonts and sizes."""
        self._look = look
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return _size(self, self._look)

    def hitButton(self, pos: object) -> bool:  # noqa: ARG002 - of Qt: all of it can be clicked
        return True

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002 - of Qt
        painter, box = _begin(self, self._look)
        c = self._look.colours
        radius = self._look.px(5)
        painter.setPen(QPen(colour(c.accent if self.isChecked() else c.dim), 1.4))
        painter.setBrush(colour(c.accent if self.isChecked() else c.card))
        painter.drawRoundedRect(box, radius, radius)
        if self.isChecked():
            pen = QPen(colour(c.on_accent), self._look.px(2))
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(pen)
            size = box.width()
            corners = [(0.26, 0.52), (0.44, 0.70), (0.76, 0.32)]
            points = [QPointF(box.left() + x * size, box.top() + y * size) for x, y in corners]
            painter.drawPolyline(QPolygonF(points))
        _finish(self, painter, box, self._look, radius)


class Dot(QRadioButton):
    """One of several, of which one is chosen."""

    def __init__(self, parent: QWidget, look: Look, text: str = "") -> None:
        super().__init__(text, parent)
        self._look = look
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def dress(self, look: Look) -> None:
        """Takes on colours, fonts and sizes."""
        self._look = look
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return _size(self, self._look)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002 - of Qt
        painter, box = _begin(self, self._look)
        c = self._look.colours
        painter.setPen(QPen(colour(c.accent if self.isChecked() else c.dim), 1.4))
        painter.setBrush(colour(c.card))
        painter.drawEllipse(box)
        if self.isChecked():
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour(c.accent))
            inner = box.width() * 0.28
            painter.drawEllipse(box.adjusted(inner, inner, -inner, -inner))
        _finish(self, painter, box, self._look, box.width() / 2)


class Chooser(QComboBox):
    """A list to open; the wheel scrolls the page, not the value, unless it has the keyboard."""

    def __init__(self, parent: QWidget, look: Look) -> None:
        super().__init__(parent)
        self._look = look
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)

    def dress(self, look: Look) -> None:
        """Takes on colours, fonts and sizes."""
        self._look = look
        self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        px = self._look.px
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colour(self._look.colours.dim), 1.6))
        middle = QPointF(self.width() - px(15), self.height() / 2)
        arm = px(4)
        corners = [QPointF(-arm, -arm / 2), QPointF(0, arm / 2), QPointF(arm, -arm / 2)]
        painter.drawPolyline(QPolygonF([middle + corner for corner in corners]))
        painter.end()


def _size(button: QAbstractButton, look: Look) -> QSize:
    metrics = button.fontMetrics()
    text = metrics.horizontalAdvance(button.text())
    mark = look.px(MARK)
    return QSize(mark + (look.px(GAP) + text if text else 0) + 6, max(mark, metrics.height()) + 6)


def _begin(button: QAbstractButton, look: Look) -> tuple[QPainter, QRectF]:
    painter = QPainter(button)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    size = look.px(MARK) - 2
    return painter, QRectF(3, (button.height() - size) / 2, size, size)


def _finish(button: QAbstractButton, painter: QPainter, box: QRectF, look: Look, radius: float) -> None:
    """The ring of the keyboard, and the text."""
    c = look.colours
    if button.hasFocus():
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(colour(c.text), 1.5))
        painter.drawRoundedRect(box.adjusted(-2, -2, 2, 2), radius + 2, radius + 2)
    painter.setPen(colour(c.text if button.isEnabled() else c.dim))
    place = QRectF(box.right() + look.px(GAP), 0, button.width() - box.right(), button.height())
    painter.drawText(place, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, button.text())
    painter.end()
