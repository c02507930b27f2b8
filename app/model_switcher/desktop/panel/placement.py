"""Where the panel goes: next to the tray icon, on whichever edge of whichever screen that is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, QRect, QSize

if TYPE_CHECKING:
    from collections.abc import Sequence

APART = 6
"""Pixels between the panel and the edge of what the desktop leaves free."""
THICKEST = 48
"""Pixels that a bar with a tray is high, at most."""


class Edge(Enum):
    """The edge of a screen that the tray is on."""

    LEFT = 1
    TOP = 2
    RIGHT = 3
    BOTTOM = 4


@dataclass(frozen=True, slots=True)
class Room:
    """A screen: all of it, and what the desktop's own panels leave free of it."""

    whole: QRect
    free: QRect


def edge_of(anchor: QRect, room: Room) -> Edge:
    """The edge that the tray is on: where the anchor lies outside of what is free, else the nearest.

    In a corner that nothing tells of, a bar that lies is likelier than one that stands.
    """
    middle = anchor.center()
    free, whole = room.free, room.whole
    distances = {
        Edge.BOTTOM: whole.bottom() - middle.y(),
        Edge.TOP: middle.y() - whole.top(),
        Edge.RIGHT: whole.right() - middle.x(),
        Edge.LEFT: middle.x() - whole.left(),
    }
    outside = {
        Edge.BOTTOM: middle.y() > free.bottom(),
        Edge.TOP: middle.y() < free.top(),
        Edge.RIGHT: middle.x() > free.right(),
        Edge.LEFT: middle.x() < free.left(),
    }
    on = [edge for edge, lies in outside.items() if lies]
    lying = [edge for edge in (Edge.BOTTOM, Edge.TOP) if distances[edge] < THICKEST]
    return min(on or lying or distances, key=lambda edge: distances[edge])


def place(size: QSize, anchor: QRect, rooms: Sequence[Room]) -> QPoint:
    """The upper left corner of a panel of `size` beside `anchor`, wholly on the screen that the anchor is on.

    Args:
        size: Of the panel.
        anchor: The tray icon, or what is about the pointer that clicked it where the desktop does not say where it is.
        rooms: The screens; the first one counts where the anchor is on none.
    """
    middle = anchor.center()
    room = next((one for one in rooms if one.whole.contains(middle)), rooms[0])
    free = room.free.adjusted(APART, APART, -APART, -APART)
    x, y = middle.x() - size.width() // 2, middle.y() - size.height() // 2
    match edge_of(anchor, room):
        case Edge.BOTTOM:
            y = min(anchor.top() - APART, free.bottom() + 1) - size.height()
        case Edge.TOP:
            y = max(anchor.bottom() + 1 + APART, free.top())
        case Edge.RIGHT:
            x = min(anchor.left() - APART, free.right() + 1) - size.width()
        case Edge.LEFT:
            x = max(anchor.right() + 1 + APART, free.left())
    # Left and top win where there is too little room: the head of the panel is seen.
    x = max(free.left(), min(x, free.right() + 1 - size.width()))
    y = max(free.top(), min(y, free.bottom() + 1 - size.height()))
    return QPoint(x, y)


def tray_corner(room: Room) -> QRect:
    """Where a tray most likely is: a pixel at the right end of the edge that the desktop's own panel takes up."""
    free, whole = room.free, room.whole
    at_top = free.top() > whole.top() and free.bottom() == whole.bottom()
    return QRect(whole.right(), whole.top() if at_top else whole.bottom(), 1, 1)
