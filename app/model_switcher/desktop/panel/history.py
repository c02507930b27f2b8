"""Five minutes of memory as two areas, one on the other: others below, ours on top."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from model_switcher.desktop.language import tr
from model_switcher.desktop.panel.look import colour, metrics
from model_switcher.desktop.view_state.trail import SPAN

if TYPE_CHECKING:
    from model_switcher.desktop.panel.look import Look
    from model_switcher.desktop.view_state.trail import Point, Trail

HEIGHT = 30


class History(QWidget):
    """Draws a trail of readings; the right edge is now, the upper edge all memory."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._look: Look | None = None
        self._runs: list[tuple[Point, ...]] = []
        self._end = 0.0
        self.setAccessibleName(tr("Memory over the last five minutes"))

    def dress(self, look: Look) -> None:
        self._look = look
        self.setFixedHeight(look.px(HEIGHT))
        self.update()

    def show_trail(self, trail: Trail) -> None:
        if trail.end is not None and trail.end != self._end:
            self._end, self._runs = trail.end, list(trail.runs())
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(100, 0 if self._look is None else self._look.px(HEIGHT))

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002 - of Qt
        look = self._look
        if look is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        words = metrics(look.heading)
        label = tr("5 min")
        room = words.horizontalAdvance(label) + look.px(8)
        place = QRectF(self.rect()).adjusted(room, 1, 0, -1)
        painter.setFont(look.heading)
        painter.setPen(colour(look.colours.dim))
        painter.drawText(QRectF(0, place.top(), room, place.height()), Qt.AlignmentFlag.AlignBottom, label)
        for run in self._runs:
            self._paint(painter, look, run, place)
        painter.setPen(QPen(colour(look.colours.line), 1.0))
        painter.drawLine(place.bottomLeft(), place.bottomRight())
        painter.end()

    def _paint(self, painter: QPainter, look: Look, run: tuple[Point, ...], place: QRectF) -> None:
        begin = self._end - SPAN

        def at(point: Point, part: float) -> QPointF:
            across = (point.time - begin) / SPAN
            return QPointF(place.left() + across * place.width(), place.bottom() - part * place.height())

        ground = [at(point, 0.0) for point in run]
        others = [at(point, point.others) for point in run]
        whole = [at(point, point.others + point.ours) for point in run]
        painter.setPen(Qt.PenStyle.NoPen)
        for lower, upper, name in (
            (ground, others, look.colours.other),
            (others, whole, look.colours.own),
        ):
            painter.setBrush(colour(name))
            painter.setOpacity(0.45)
            painter.drawPolygon(QPolygonF([*lower, *reversed(upper)]))
            painter.setOpacity(1.0)
        painter.setPen(QPen(colour(look.colours.own), 1.25))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF(whole))
