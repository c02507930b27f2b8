"""Paints one line of the log: its time, its level as a letter, its model, and what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from model_switcher.desktop.panel.look import colour, metrics
from model_switcher.desktop.view_state import Tone

if TYPE_CHECKING:
    from PySide6.QtGui import QPainter

    from model_switcher.desktop.log.model import LogModel
    from model_switcher.desktop.panel.look import Look
    from model_switcher.desktop.view_state.log_lines import LogRow

TIME = "00:00:00.000"
LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
MODEL_LETTERS = 16
EDGE, GAP = 12, 10
GRAVE = frozenset({Tone.WARNING, Tone.BAD})


class LineDelegate(QStyledItemDelegate):
    """Paints lines; all of them are equally high, in a font whose letters are equally wide."""

    def __init__(self, parent: QWidget, model: LogModel, look: Look) -> None:
        super().__init__(parent)
        self._model = model
        self.dress(look)

    def dress(self, look: Look) -> None:
        """Takes on colours, fonts and sizes."""
        self.look = look
        measured = metrics(look.mono)
        self._letter = measured.horizontalAdvance("0")
        self.height = round(measured.height()) + look.px(4)

    def width(self, longest: int) -> int:
        """What a line of so many letters takes."""
        return round(self._text_at() + longest * self._letter) + self.look.px(EDGE)

    def sizeHint(
        self,
        option: QStyleOptionViewItem,  # noqa: ARG002 - of Qt
        index: QModelIndex | QPersistentModelIndex,  # noqa: ARG002 - of Qt
    ) -> QSize:
        return QSize(self.width(0), self.height)

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        look, place = self.look, QRectF(option.rect)
        row = self._model.log_row(index.row())
        state: QStyle.StateFlag = option.state
        painter.save()
        painter.setFont(look.mono)
        if state & QStyle.StateFlag.State_Selected:
            painter.fillRect(place, colour(look.colours.hover))
        if row.tone in GRAVE:
            painter.fillRect(
                QRectF(place.left(), place.top(), look.px(3), place.height()), look.colour(row.tone)
            )
        self._write(painter, place, row)
        painter.restore()

    def _write(self, painter: QPainter, place: QRectF, row: LogRow) -> None:
        look = self.look
        dim = colour(look.colours.dim)
        at = place.left() + look.px(EDGE)
        for text, letters, ink in (
            (row.time, len(TIME), dim),
            (row.letter, 1, look.colour(row.tone)),
            (_short(row.model), MODEL_LETTERS if row.model else 0, dim),
            (row.text, len(row.text), look.colour(row.tone)),
        ):
            if letters:
                painter.setPen(ink)
                cell = QRectF(at, place.top(), letters * self._letter + look.px(EDGE), place.height())
                painter.drawText(cell, LEFT | Qt.TextFlag.TextSingleLine, text)
                at += letters * self._letter + look.px(GAP)

    def _text_at(self) -> float:
        letters = len(TIME) + 1 + (MODEL_LETTERS if len(self._model.lines.models) > 1 else 0)
        return letters * self._letter + self.look.px(EDGE) + 3 * self.look.px(GAP)


def _short(name: str) -> str:
    return name if len(name) <= MODEL_LETTERS else name[: MODEL_LETTERS - 1] + "…"
