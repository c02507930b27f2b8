"""The memory: bars with their owners and the ghost of what may come, the legend, and the last five minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QHelpEvent, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QToolTip, QVBoxLayout, QWidget

from model_switcher.desktop.language import tr
from model_switcher.desktop.panel.history import History
from model_switcher.desktop.panel.legend import LegendLine
from model_switcher.desktop.panel.look import colour, metrics
from model_switcher.desktop.view_state import Tone
from model_switcher.desktop.view_state.memory import MemoryView, Whose

if TYPE_CHECKING:
    from model_switcher.desktop.panel.look import Look
    from model_switcher.desktop.theme import Colours
    from model_switcher.desktop.view_state.ghosts import Ghost
    from model_switcher.desktop.view_state.memory import Bar
    from model_switcher.desktop.view_state.trail import Trail

HEIGHT, SLIM = 18, 14
"""Of the one bar, and of each of several."""
EMPTY = MemoryView((), (), "", "", "")


def fill_of(whose: Whose, colours: Colours) -> str:
    """The colour of a piece of the bar."""
    return colours.other if whose in (Whose.OTHER, Whose.DESKTOP) else colours.own


def ghost_colour(tone: Tone, colours: Colours) -> str:
    """The colour of a ghost: that of the accent, unless it warns."""
    return {Tone.WARNING: colours.warning, Tone.BAD: colours.bad}.get(tone, colours.accent)


class Bars(QWidget):
    """One bar, or one for each GPU with its name over it."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._look: Look | None = None
        self._bars: tuple[Bar, ...] = ()
        self.setMouseTracking(True)

    def dress(self, look: Look) -> None:
        self._look = look
        self.updateGeometry()
        self.update()

    def show_bars(self, bars: tuple[Bar, ...]) -> None:
        if bars != self._bars:
            if len(bars) != len(self._bars):
                self.updateGeometry()
            self._bars = bars
            self.update()

    def sizeHint(self) -> QSize:
        if self._look is None or not self._bars:
            return QSize(0, 0)
        places = self._places(1.0)
        return QSize(self._look.px(200), round(places[-1].bottom()))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def piece_at(self, x: float, y: float) -> str:
        """What the piece at that place says; empty where there is none."""
        for bar, place in zip(self._bars, self._places(self.width()), strict=True):
            if place.contains(x, y):
                left = place.left()
                for piece in bar.segments:
                    left += piece.part * place.width()
                    if x < left:
                        return piece.text
        return ""

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() is QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.piece_at(event.x(), event.y()), self)
            return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002 - of Qt
        if self._look is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for bar, place in zip(self._bars, self._places(self.width()), strict=True):
            self._paint(painter, self._look, bar, place)
        painter.end()

    def _places(self, width: float) -> list[QRectF]:
        look = self._look
        if look is None or not self._bars:
            return []
        if len(self._bars) == 1:
            return [QRectF(0, 0, width, look.px(HEIGHT))]
        name = metrics(look.small).height() + look.px(3)
        step = name + look.px(SLIM) + look.px(10)
        return [QRectF(0, row * step + name, width, look.px(SLIM)) for row in range(len(self._bars))]

    def _paint(self, painter: QPainter, look: Look, bar: Bar, place: QRectF) -> None:
        if bar.name:
            _paint_name(painter, look, bar, place)
        shape = QPainterPath()
        radius = place.height() / 3
        shape.addRoundedRect(place, radius, radius)
        painter.fillPath(shape, colour(look.colours.free))
        painter.save()
        painter.setClipPath(shape)
        left = place.left()
        for number, piece in enumerate(bar.segments):
            length = piece.part * place.width()
            # A gap of the ground tells two neighbours apart where the colours do not.
            gap = 1.0 if number else 0.0
            fill = colour(fill_of(piece.whose, look.colours))
            painter.fillRect(QRectF(left + gap, place.top(), max(0.5, length - gap), place.height()), fill)
            left += length
        painter.restore()
        if bar.ghost is not None:
            _paint_ghost(painter, look, bar.ghost, place)
        # High contrast has no other edge for what is free.
        if look.colours.free == look.colours.background:
            painter.setPen(QPen(colour(look.colours.line), 1.0))
            painter.drawPath(shape)


def _paint_name(painter: QPainter, look: Look, bar: Bar, place: QRectF) -> None:
    height = metrics(look.small).height()
    line = QRectF(place.left(), place.top() - height - look.px(3), place.width(), height)
    painter.setFont(look.small)
    painter.setPen(colour(look.colours.dim))
    painter.drawText(line, Qt.AlignmentFlag.AlignLeft, bar.name)
    painter.setPen(colour(look.colours.text))
    painter.drawText(line, Qt.AlignmentFlag.AlignRight, bar.figures)


def _paint_ghost(painter: QPainter, look: Look, ghost: Ghost, place: QRectF) -> None:
    """A dashed frame with hatching: it is a plan, and can be told from what is there without its colour."""
    pen_width = 2.0
    left = place.left() + ghost.begin * place.width()
    frame = QRectF(left, place.top(), max(6.0, ghost.length * place.width()), place.height())
    frame = frame.intersected(place).adjusted(pen_width / 2, pen_width / 2, -pen_width / 2, -pen_width / 2)
    tint = colour(ghost_colour(ghost.tone, look.colours))
    shape = QPainterPath()
    shape.addRoundedRect(frame, 3, 3)
    painter.save()
    painter.fillPath(shape, colour(look.colours.free))
    painter.setClipPath(shape)
    painter.setOpacity(0.35)
    painter.setPen(QPen(tint, 3.0))
    step = 7.0
    count = int((frame.width() + frame.height()) / step) + 2
    for number in range(count):
        x = frame.left() + number * step
        painter.drawLine(x, frame.top() - 2, x - frame.height() - 4, frame.bottom() + 2)  # type: ignore[call-overload]
    painter.restore()
    pen = QPen(QBrush(tint), pen_width, Qt.PenStyle.CustomDashLine, Qt.PenCapStyle.FlatCap)
    pen.setDashPattern([2.5, 1.75])
    painter.setPen(pen)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(frame, 3, 3)


class Memory(QWidget):
    """All about memory, as one thing for screen readers."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.bars, self.legend, self.history = Bars(self), LegendLine(self), History(self)
        self._column = QVBoxLayout(self)
        for part in (self.bars, self.legend, self.history):
            self._column.addWidget(part)
        self.setAccessibleName(tr("Memory"))

    def dress(self, look: Look) -> None:
        """Takes on colours, fonts and sizes."""
        self._column.setContentsMargins(look.px(16), 0, look.px(16), look.px(12))
        self._column.setSpacing(look.px(6))
        for part in (self.bars, self.legend, self.history):
            part.dress(look)

    def show_view(self, view: MemoryView) -> None:
        """Shows `view`."""
        self.bars.show_bars(view.bars)
        self.legend.show_legend(view)
        self.history.setVisible(bool(view.bars))
        if view.spoken != self.accessibleDescription():
            self.setAccessibleDescription(view.spoken)

    def show_trail(self, trail: Trail) -> None:
        """Shows the last five minutes."""
        self.history.show_trail(trail)
