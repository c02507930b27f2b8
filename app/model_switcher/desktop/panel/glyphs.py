"""The shapes in front of rows, and the small signs at their end. Each is told from the others without its colour."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QPolygonF

from model_switcher.desktop.panel.look import colour
from model_switcher.desktop.view_state import Glyph

if TYPE_CHECKING:
    from model_switcher.desktop.theme import Colours

FULL_CIRCLE = 360 * 16
"""QPainter counts in sixteenths of a degree, from three o'clock, against the clock."""


def draw_glyph(
    painter: QPainter, glyph: Glyph, place: QRectF, colours: Colours, progress: float | None
) -> None:
    """Draws a shape into a square."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    match glyph:
        case Glyph.SERVING:
            _fill(painter, colours.good)
            painter.drawEllipse(place)
        case Glyph.RESIDENT:
            _stroke(painter, colours.good, 1.4)
            painter.drawEllipse(place.adjusted(0.7, 0.7, -0.7, -0.7))
            _fill(painter, colours.good)
            inner = place.width() * 0.27
            painter.drawEllipse(place.center(), inner, inner)
        case Glyph.LOADING:
            _stroke(painter, colours.accent, 1.4)
            painter.drawEllipse(place.adjusted(0.7, 0.7, -0.7, -0.7))
            _fill(painter, colours.accent)
            painter.drawPie(place, FULL_CIRCLE // 4, -round((progress or 0.0) * FULL_CIRCLE))
        case Glyph.IDLE:
            _stroke(painter, colours.dim, 1.3)
            painter.drawEllipse(place.adjusted(0.65, 0.65, -0.65, -0.65))
        case Glyph.AWAY:
            _stroke(painter, colours.dim, 1.3, dashed=True)
            painter.drawEllipse(place.adjusted(0.65, 0.65, -0.65, -0.65))
        case Glyph.BROKEN:
            _triangle(painter, place, colours.bad)
        case Glyph.BORROWED:
            _arrows(painter, place, colours)
    painter.restore()


def draw_warning(painter: QPainter, place: QRectF, ink: str) -> None:
    """A triangle."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    _triangle(painter, place, ink)
    painter.restore()


def draw_cross(painter: QPainter, place: QRectF, ink: str) -> None:
    """A cross: give it up, put it away."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    _stroke(painter, ink, 1.5)
    inner = place.adjusted(1, 1, -1, -1)
    painter.drawLine(inner.topLeft(), inner.bottomRight())
    painter.drawLine(inner.topRight(), inner.bottomLeft())
    painter.restore()


def draw_chevron(painter: QPainter, place: QRectF, ink: str) -> None:
    """A chevron to the right: there is more about it."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    _stroke(painter, ink, 1.5)
    x, y, reach = place.center().x(), place.center().y(), place.height() * 0.32
    painter.drawPolyline(
        QPolygonF(
            [QPointF(x - reach / 2, y - reach), QPointF(x + reach / 2, y), QPointF(x - reach / 2, y + reach)]
        )
    )
    painter.restore()


def draw_lens(painter: QPainter, place: QRectF, ink: str) -> None:
    """A magnifying glass."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    _stroke(painter, ink, 1.4)
    radius = place.width() * 0.32
    middle = place.topLeft() + QPointF(radius + 1, radius + 1)
    painter.drawEllipse(middle, radius, radius)
    edge = radius * math.sqrt(0.5)
    painter.drawLine(middle + QPointF(edge, edge), place.bottomRight() - QPointF(1, 1))
    painter.restore()


def _triangle(painter: QPainter, place: QRectF, ink: str) -> None:
    _fill(painter, ink)
    top = QPointF(place.center().x(), place.top() + place.height() * 0.04)
    corners = [place.bottomRight(), place.bottomLeft()]
    painter.drawPolygon(QPolygonF([top, *(corner - QPointF(0, place.height() * 0.06) for corner in corners)]))


def _arrows(painter: QPainter, place: QRectF, colours: Colours) -> None:
    """There and back again."""
    _stroke(painter, colours.accent, 1.4)
    third, head = place.height() / 3.2, place.width() * 0.24
    for y, left, right in (
        (place.top() + third, place.left(), place.right()),
        (place.bottom() - third, place.right(), place.left()),
    ):
        back = -head if right > left else head
        painter.drawLine(QPointF(left, y), QPointF(right, y))
        painter.drawPolyline(
            QPolygonF([QPointF(right + back, y - head), QPointF(right, y), QPointF(right + back, y + head)])
        )


def _fill(painter: QPainter, ink: str) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour(ink))


def _stroke(painter: QPainter, ink: str, width: float, *, dashed: bool = False) -> None:
    pen = QPen(colour(ink), width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
    if dashed:
        pen.setDashPattern([1.6, 1.8])
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
