"""Labels that say as much as there is room for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

if TYPE_CHECKING:
    from PySide6.QtGui import QFont

LEAST = 40


class ElidedLabel(QLabel):
    """One line that ends in an ellipsis where there is no room; a screen reader and the tooltip have all of it."""

    def __init__(
        self, parent: QWidget | None = None, mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight
    ) -> None:
        super().__init__(parent)
        self._mode = mode
        self._short = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def say(self, text: str, short: str = "") -> None:
        """Shows `text`; `short` instead, if there is one, where it has no room."""
        self._short = short
        if text != self.text():
            self.setText(text)
            self.setAccessibleName(text)

    def shown(self) -> str:
        """What there is room for."""
        words, width = self.fontMetrics(), self.contentsRect().width()
        text = self.text()
        if self._short and words.horizontalAdvance(text) >= width:
            text = self._short
        return words.elidedText(text, self._mode, width)

    def is_elided(self) -> bool:
        """Whether not all of the text is seen."""
        return self.shown() != self.text()

    def minimumSizeHint(self) -> QSize:
        return QSize(LEAST, self.fontMetrics().height())

    def sizeHint(self) -> QSize:
        return QSize(self.fontMetrics().horizontalAdvance(self.text()) + 1, self.fontMetrics().height() + 1)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002 - of Qt
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.setFont(self.font())
        shown = self.shown()
        painter.drawText(self.contentsRect(), self.alignment() | Qt.TextFlag.TextSingleLine, shown)
        painter.end()
        self.setToolTip(self.text() if shown != self.text() else "")


def dress(label: QLabel, font: QFont, colour: str) -> None:
    """Gives a label its font and colour; a style sheet would be parsed again for each of them."""
    style = f"color: {colour}; font-size: {font.pixelSize()}px; font-weight: {font.weight()};"
    if label.styleSheet() != style:
        label.setFont(font)
        label.setStyleSheet(style)
