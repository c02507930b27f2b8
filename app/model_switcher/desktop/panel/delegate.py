"""Paints the rows of the list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from model_switcher.desktop.panel.glyphs import draw_chevron, draw_cross, draw_glyph
from model_switcher.desktop.panel.look import colour, metrics
from model_switcher.desktop.panel.rows import ROW
from model_switcher.desktop.view_state import RowView

if TYPE_CHECKING:
    from PySide6.QtGui import QFont

    from model_switcher.desktop.panel.look import Look
    from model_switcher.desktop.panel.rows import Rows

ROW_HEIGHT, TITLE_HEIGHT = 47, 27
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
EDGE, BAR = 6, 10
"""Between a row and the edge of the panel, without and with a scroll bar."""
SIGN = 26
"""Width of the place at the right end of a row where its sign can be clicked."""


class RowDelegate(QStyledItemDelegate):
    """Paints titles of groups and rows."""

    def __init__(self, parent: QWidget, rows: Rows, look: Look) -> None:
        super().__init__(parent)
        self._rows = rows
        self.look = look
        self.beside_bar = False

    def sizeHint(
        self,
        option: QStyleOptionViewItem,  # noqa: ARG002 - of Qt
        index: QModelIndex | QPersistentModelIndex,
    ) -> QSize:
        # Not by what the row shows: that would be made for each of a thousand rows.
        title = self._rows.is_title(index.row())
        return QSize(self.look.px(200), self.look.px(TITLE_HEIGHT if title else ROW_HEIGHT))

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        value = index.data(ROW)
        edge = self.look.px(EDGE)
        place = QRectF(option.rect).adjusted(0, 0, 0 if self.beside_bar else -edge, 0)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if isinstance(value, str):
            self._title(painter, place, value)
        elif isinstance(value, RowView):
            state: QStyle.StateFlag = option.state
            self._row(painter, place, value, marked=bool(state & QStyle.StateFlag.State_Selected))
        painter.restore()

    def _title(self, painter: QPainter, place: QRectF, text: str) -> None:
        look = self.look
        line = place.adjusted(look.px(10), look.px(7), -look.px(10), 0)
        _write(painter, look.heading, look.colours.dim, line, text)

    def _row(self, painter: QPainter, place: QRectF, row: RowView, *, marked: bool) -> None:
        look, px = self.look, self.look.px
        if marked:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(colour(look.colours.hover))
            painter.drawRoundedRect(place, px(8), px(8))
        size = px(10)
        glyph = QRectF(place.left() + px(11), place.center().y() - size / 2, size, size)
        draw_glyph(painter, row.glyph, glyph, look.colours, row.progress)
        signed = row.cancel or (marked and row.model is not None)
        if signed:
            self._sign(painter, place, row)
        # Beside the scroll bar the row ends sooner, and what stands in it does not move.
        bar = px(BAR - EDGE) if self.beside_bar else 0
        end = place.right() + bar - px(SIGN if signed else 10)
        left = place.left() + px(32)
        upper = QRectF(left, place.top() + px(7), end - left, px(18))
        lower = QRectF(left, upper.bottom(), end - left, px(15))
        used = self._fit(painter, row, upper, lower)
        self._name(painter, row, upper.adjusted(0, 0, -used[0], 0))
        if row.progress is not None:
            self._progress(painter, row.progress, lower.adjusted(0, 0, -used[1], 0))
        else:
            _write(painter, look.small, look.colours.dim, lower.adjusted(0, 0, -used[1], 0), row.note)

    def _sign(self, painter: QPainter, place: QRectF, row: RowView) -> None:
        size = self.look.px(9)
        sign = QRectF(0, 0, size, size)
        sign.moveCenter(place.center())
        sign.moveLeft(place.right() - self.look.px(SIGN / 2 + 1) - size / 2)
        draw = draw_cross if row.cancel else draw_chevron
        draw(painter, sign, self.look.colours.dim)

    def _fit(self, painter: QPainter, row: RowView, upper: QRectF, lower: QRectF) -> tuple[float, float]:
        """Writes what stands at the right, and returns what it takes of the upper and of the lower line."""
        look, fit = self.look, row.fit
        used = []
        for line, text, ink in (
            (upper, fit.text, look.colour(fit.tone)),
            (lower, fit.note, colour(look.colours.dim)),
        ):
            painter.setFont(look.small)
            painter.setPen(ink)
            painter.drawText(line, RIGHT, text)
            width = metrics(look.small).horizontalAdvance(text)
            used.append(width + look.px(10) if text else 0.0)
        return used[0], used[1]

    def _name(self, painter: QPainter, row: RowView, line: QRectF) -> None:
        """The name, and as many of its tags as there is room for."""
        look = self.look
        words = metrics(look.name)
        tags = [(tag, metrics(look.tag).horizontalAdvance(tag) + look.px(9)) for tag in row.tags]
        wanted = words.horizontalAdvance(row.name)
        # The first tag, the quantisation, is part of what people call a model: the name gives way to it.
        least = tags[0][1] + look.px(6) if tags else 0.0
        room = max(line.width() - least, line.width() * 0.5)
        name = words.elidedText(row.name, Qt.TextElideMode.ElideMiddle, room)
        _write(painter, look.name, look.colours.text, line, name)
        left = line.left() + min(wanted, words.horizontalAdvance(name)) + look.px(6)
        for tag, width in tags:
            if left + width > line.right():
                return
            self._tag(painter, tag, QRectF(left, line.center().y() - look.px(7), width, look.px(15)))
            left += width + look.px(5)

    def _tag(self, painter: QPainter, text: str, frame: QRectF) -> None:
        look = self.look
        painter.setPen(colour(look.colours.frame))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(frame.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        painter.setFont(look.tag)
        painter.setPen(colour(look.colours.dim))
        painter.drawText(frame, Qt.AlignmentFlag.AlignCenter, text)

    def _progress(self, painter: QPainter, progress: float, line: QRectF) -> None:
        look = self.look
        height = look.px(4)
        groove = QRectF(line.left(), line.center().y() - height / 2, line.width(), height)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour(look.colours.free))
        painter.drawRoundedRect(groove, height / 2, height / 2)
        groove.setWidth(max(height, groove.width() * progress))
        painter.setBrush(colour(look.colours.accent))
        painter.drawRoundedRect(groove, height / 2, height / 2)


def _write(painter: QPainter, font: QFont, ink: str, place: QRectF, text: str) -> None:
    """Writes as much of `text` as there is room for."""
    painter.setFont(font)
    painter.setPen(colour(ink))
    painter.drawText(place, LEFT, metrics(font).elidedText(text, Qt.TextElideMode.ElideRight, place.width()))
