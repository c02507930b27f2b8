"""The line under the memory bar: what its pieces are, with their figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from model_switcher.desktop.panel.look import colour, metrics
from model_switcher.desktop.view_state.memory import MemoryView, Whose

if TYPE_CHECKING:
    from PySide6.QtGui import QFont

    from model_switcher.desktop.panel.look import Look
    from model_switcher.desktop.view_state.memory import Legend

SWATCH = 8
APART = 12


class LegendLine(QWidget):
    """Entries from the left, the figures of all at the right; a second line tells what is wrong with them."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._look: Look | None = None
        self._view: MemoryView | None = None

    def dress(self, look: Look) -> None:
        self._look = look
        self.updateGeometry()
        self.update()

    def show_legend(self, view: MemoryView) -> None:
        if view != self._view:
            self._view = view
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        if self._look is None or self._view is None:
            return QSize(0, 0)
        lines = bool(self._view.legend) + bool(self._view.note)
        return QSize(self._look.px(200), lines * self._line_height(self._look))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002 - of Qt
        if self._look is None or self._view is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = QRectF(0, 0, self.width(), self._line_height(self._look))
        if self._view.legend:
            self._paint_entries(painter, self._look, self._view, line)
            line.translate(0, line.height())
        if self._view.note:
            room = metrics(self._look.small)
            text = room.elidedText(self._view.note, Qt.TextElideMode.ElideRight, line.width())
            _write(painter, self._look.small, self._look.colours.dim, line, text)
        painter.end()

    def _line_height(self, look: Look) -> int:
        return round(metrics(look.line).height()) + look.px(3)

    def _paint_entries(self, painter: QPainter, look: Look, view: MemoryView, line: QRectF) -> None:
        total = metrics(look.bold_line).horizontalAdvance(view.figures)
        painter.setFont(look.bold_line)
        painter.setPen(colour(look.colours.text))
        painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, view.figures)
        free = line.width() - total - look.px(APART)
        left = 0.0
        for entry, text in zip(view.legend, self._texts(look, view, free), strict=True):
            width = min(self._width(look, entry, text), max(0.0, free - left))
            place = QRectF(left, line.top(), width, line.height())
            self._paint_entry(painter, look, entry, text, place)
            left += width + look.px(APART)

    def _texts(self, look: Look, view: MemoryView, free: float) -> list[str]:
        """What the entries say: from the last one on they become shorter until there is room for all."""
        texts = [entry.text for entry in view.legend]
        for number in reversed(range(len(texts))):
            widths = [self._width(look, entry, text) for entry, text in zip(view.legend, texts, strict=True)]
            if sum(widths) + look.px(APART) * (len(widths) - 1) <= free:
                break
            texts[number] = view.legend[number].short or texts[number]
        return texts

    def _width(self, look: Look, entry: Legend, text: str) -> float:
        words = metrics(look.line).horizontalAdvance(f"{text} ")
        rest = metrics(look.line).horizontalAdvance(f" {entry.rest}") if entry.rest else 0
        return look.px(SWATCH + 5) + words + metrics(look.bold_line).horizontalAdvance(entry.figure) + rest

    def _paint_entry(self, painter: QPainter, look: Look, entry: Legend, said: str, place: QRectF) -> None:
        size = look.px(SWATCH)
        swatch = QRectF(place.left(), place.center().y() - size / 2, size, size)
        _paint_swatch(painter, look, entry.whose, swatch)
        rest = f" {entry.rest}" if entry.rest else ""
        figures = metrics(look.bold_line).horizontalAdvance(entry.figure)
        after = metrics(look.line).horizontalAdvance(rest)
        left, dim = place.left() + look.px(SWATCH + 5), look.colours.dim
        room = place.right() - left - figures - after
        text = metrics(look.line).elidedText(f"{said} ", Qt.TextElideMode.ElideMiddle, room + 1)
        _write(painter, look.line, dim, QRectF(left, place.top(), room + 2, place.height()), text)
        left += metrics(look.line).horizontalAdvance(text)
        box = QRectF(left, place.top(), figures + 2, place.height())
        _write(painter, look.bold_line, look.colours.text, box, entry.figure)
        _write(painter, look.line, dim, QRectF(left + figures, place.top(), after + 2, place.height()), rest)


def _paint_swatch(painter: QPainter, look: Look, whose: Whose, place: QRectF) -> None:
    c = look.colours
    if whose is Whose.GHOST:
        pen = QPen(colour(c.accent), 1.5, Qt.PenStyle.CustomDashLine, Qt.PenCapStyle.FlatCap)
        pen.setDashPattern([1.5, 1.1])
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(place.adjusted(0.75, 0.75, -0.75, -0.75))
        return
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour(c.other if whose in (Whose.OTHER, Whose.DESKTOP) else c.own))
    painter.drawRoundedRect(place, 2, 2)


def _write(painter: QPainter, font: QFont, ink: str, place: QRectF, text: str) -> None:
    painter.setFont(font)
    painter.setPen(colour(ink))
    painter.drawText(place, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
