"""The tray icon: a ring for the memory in use, and in its middle what the server does, by shape and by colour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap

from model_switcher.desktop.view_state import LEVELS, PROGRESS_STEPS, Centre, IconView, Ring

if TYPE_CHECKING:
    from model_switcher.desktop.theme import Colours

# Plain pixmaps, each of its own size: those with a device pixel ratio reach a StatusNotifier host too small.
SIZES = (16, 22, 24, 32, 44, 48, 64)
KEPT = 64
"""Icons in memory, of 43 KB each."""
UNIT = 32.0
"""Everything is drawn on a square of 32 units."""
RING_RADIUS = 12.75
RING_WIDTH = 5.5
FULL_CIRCLE = 360 * 16
"""QPainter counts in sixteenths of a degree, from three o'clock, against the clock."""
MIDDLE = QPointF(UNIT / 2, UNIT / 2)


class Icons:
    """Paints tray icons and keeps them, so that the same looks are painted once."""

    def __init__(self) -> None:
        self._kept: dict[tuple[IconView, Colours], QIcon] = {}

    def icon(self, view: IconView, colours: Colours) -> QIcon:
        """The icon in all sizes."""
        key = (view, colours)
        if key not in self._kept:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            icon = QIcon()
            for size in SIZES:
                icon.addPixmap(paint(view, colours, size))
            self._kept[key] = icon
        return self._kept[key]


def paint(view: IconView, colours: Colours, size: int) -> QPixmap:
    """The icon as a square of `size` pixels on a transparent ground."""
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    draw(painter, view, colours, QRectF(0, 0, size, size))
    painter.end()
    return pixmap


def draw(
    painter: QPainter, view: IconView, colours: Colours, square: QRectF, *, track: str | None = None
) -> None:
    """Draws the icon into a square; `track` is the colour of the empty part of the ring, if not the theme's."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.translate(square.topLeft())
    painter.scale(square.width() / UNIT, square.height() / UNIT)
    part = None if view.level is None else view.level / LEVELS
    _arc(painter, RING_RADIUS, RING_WIDTH, track or colours.track, 1.0)
    _arc(painter, RING_RADIUS, RING_WIDTH, ring_colour(view.ring, colours), part)
    _centre(painter, view, colours)
    painter.restore()


def ring_colour(ring: Ring, colours: Colours) -> str:
    """The colour of the filled part of the ring."""
    return {
        Ring.VRAM: colours.own,
        Ring.RAM: colours.ram,
        Ring.NEARLY_FULL: colours.warning,
        Ring.STOPPED: colours.idle,
        Ring.FAILED: colours.bad,
    }[ring]


def _arc(painter: QPainter, radius: float, width: float, colour: str, part: float | None) -> None:
    """A part of a ring (0.0–1.0), clockwise from the top; nothing where it is unknown."""
    if not part:
        return
    painter.setPen(QPen(QColor(colour), width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if part >= 1:
        painter.drawEllipse(MIDDLE, radius, radius)
        return
    square = QRectF(MIDDLE.x() - radius, MIDDLE.y() - radius, 2 * radius, 2 * radius)
    painter.drawArc(square, FULL_CIRCLE // 4, -round(part * FULL_CIRCLE))


def _centre(painter: QPainter, view: IconView, colours: Colours) -> None:
    painter.save()
    match view.centre:
        case Centre.READY:
            _filled(painter, colours.good)
            painter.drawEllipse(MIDDLE, 5.2, 5.2)
        case Centre.LOADING:
            # A hollow circle that fills up; it stays hollow where the progress is unknown.
            _arc(painter, 4.5, 1.8, colours.own, 1.0)
            _filled(painter, colours.own)
            span = round((view.progress or 0) / PROGRESS_STEPS * FULL_CIRCLE)
            painter.drawPie(QRectF(11.4, 11.4, 9.2, 9.2), FULL_CIRCLE // 4, -span)
        case Centre.STOPPED:
            _filled(painter, colours.idle)
            painter.drawRoundedRect(QRectF(11.5, 11.5, 9, 9), 1.5, 1.5)
        case Centre.FAILED:
            _filled(painter, colours.bad)
            painter.drawRoundedRect(QRectF(14.1, 8.6, 3.8, 9.4), 1.9, 1.9)
            painter.drawEllipse(QPointF(16, 22), 2.2, 2.2)
    painter.restore()


def _filled(painter: QPainter, colour: str) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
