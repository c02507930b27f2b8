"""The small plot of memory by context among the details of a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from model_switcher.desktop.language import tr
from model_switcher.desktop.panel.look import colour, metrics

if TYPE_CHECKING:
    from model_switcher.desktop.panel.look import Look
    from model_switcher.desktop.view_state.plot import Column, Line, PlotView

HEIGHT = 168
COLUMN = 30
# How much of the accent each part has: weights the most, what is worked with the least.
SHADES = (1.0, 0.62, 0.34)


class Plot(QWidget):
    """Columns of weights, cache and compute buffers, and the levels of what there is."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._look: Look | None = None
        self._view: PlotView | None = None
        self.setAccessibleName(tr("Memory by context"))

    def dress(self, look: Look) -> None:
        self._look = look
        self.setFixedHeight(look.px(HEIGHT))
        self.update()

    def show_plot(self, view: PlotView | None) -> None:
        self.setVisible(view is not None)
        if view is not None and view != self._view:
            self._view = view
            self.setAccessibleDescription(view.spoken)
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, 0 if self._look is None else self._look.px(HEIGHT))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002 - of Qt
        if self._look is None or self._view is None:
            return
        look = self._look
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = metrics(look.heading).height()
        self._paint_keys(painter, look, QRectF(0, 0, self.width(), line))
        # Above: the title, and the figure on the highest column. Below: the contexts, and what the levels are.
        ground = QRectF(self.rect()).adjusted(0, 2 * line + look.px(4), 0, -2 * line - look.px(10))
        self._paint_levels_key(painter, look, QRectF(0, self.height() - line, self.width(), line))
        for number, level in enumerate(self._view.lines):
            self._paint_level(painter, look, ground, level, dashed=number > 0)
        step = ground.width() / max(1, len(self._view.columns))
        for number, column in enumerate(self._view.columns):
            middle = ground.left() + step * (number + 0.5)
            self._paint_column(painter, look, column, middle, ground)
        painter.setPen(QPen(colour(look.colours.line), 1.0))
        painter.drawLine(ground.bottomLeft(), ground.bottomRight())
        painter.end()

    def _paint_keys(self, painter: QPainter, look: Look, line: QRectF) -> None:
        """The title, and at the right what the shades are."""
        words, size = metrics(look.heading), look.px(8)
        painter.setFont(look.heading)
        painter.setPen(colour(look.colours.dim))
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft, tr("Memory by context, GiB"))
        right = line.right()
        for text, shade in reversed(
            list(zip((tr("weights"), tr("cache"), tr("buffers")), SHADES, strict=True))
        ):
            right -= words.horizontalAdvance(text)
            painter.drawText(QRectF(right, 0, line.width(), line.height()), Qt.AlignmentFlag.AlignLeft, text)
            right -= size + look.px(5)
            painter.setOpacity(shade)
            painter.fillRect(QRectF(right, (line.height() - size) / 2, size, size), colour(look.colours.own))
            painter.setOpacity(1.0)
            right -= look.px(12)

    def _paint_column(
        self, painter: QPainter, look: Look, column: Column, middle: float, ground: QRectF
    ) -> None:
        width, bottom = look.px(COLUMN), ground.bottom()
        ink = colour(look.colours.own if column.fits else look.colours.bad)
        for part, shade in zip((column.weights, column.cache, column.compute), SHADES, strict=True):
            height = part * ground.height()
            painter.setOpacity(shade)
            painter.fillRect(QRectF(middle - width / 2, bottom - height, width, height), ink)
            bottom -= height
        painter.setOpacity(1.0)
        line = metrics(look.heading).height()
        font = look.heading
        painter.setFont(font)
        painter.setPen(colour(look.colours.text))
        room = metrics(font).horizontalAdvance(column.size) + look.px(4)
        size = QRectF(middle - room / 2, bottom - line, room, line - 1)
        painter.fillRect(size, colour(look.colours.background))  # a level may run through it
        painter.drawText(size, Qt.AlignmentFlag.AlignCenter, column.size)
        painter.setPen(colour(look.colours.text if column.current else look.colours.dim))
        if column.current:
            font = look.font(11)
            font.setBold(True)
            painter.setFont(font)
        below = QRectF(middle - look.px(40), ground.bottom() + look.px(3), look.px(80), line)
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, column.context)

    def _paint_level(
        self, painter: QPainter, look: Look, ground: QRectF, level: Line, *, dashed: bool
    ) -> None:
        y = (
            round(ground.bottom() - level.height * ground.height()) + 0.5
        )  # one row of pixels, not two faint ones
        painter.setPen(_level_pen(look, dashed=dashed))
        painter.drawLine(QPointF(ground.left(), y), QPointF(ground.right(), y))

    def _paint_levels_key(self, painter: QPainter, look: Look, line: QRectF) -> None:
        """What the lines through the plot are."""
        if self._view is None:
            return
        words, sample, left = metrics(look.heading), look.px(16), line.left()
        painter.setFont(look.heading)
        for number, level in enumerate(self._view.lines):
            middle = round(line.center().y()) + 0.5
            painter.setPen(_level_pen(look, dashed=number > 0))
            painter.drawLine(QPointF(left, middle), QPointF(left + sample, middle))
            left += sample + look.px(6)
            painter.setPen(colour(look.colours.dim))
            painter.drawText(
                QRectF(left, line.top(), line.right() - left, line.height()),
                Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter,
                level.text,
            )
            left += words.horizontalAdvance(level.text) + look.px(16)


def _level_pen(look: Look, *, dashed: bool) -> QPen:
    pen = QPen(colour(look.colours.dim), 1.0)
    if dashed:
        pen.setDashPattern([4.0, 3.0])
    return pen
