"""Where the panel goes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QRect, QSize

from model_switcher.desktop.panel.placement import APART, Edge, Room, edge_of, place, tray_corner

SIZE = QSize(424, 600)
WHOLE = QRect(0, 0, 1920, 1080)
BAR = 40


def room(edge: Edge, whole: QRect = WHOLE, bar: int = BAR) -> Room:
    """A screen with the desktop's bar on that edge."""
    sides = {Edge.LEFT: (bar, 0, 0, 0), Edge.TOP: (0, bar, 0, 0), Edge.RIGHT: (0, 0, -bar, 0)}
    return Room(whole, whole.adjusted(*sides.get(edge, (0, 0, 0, -bar))))


def icon(edge: Edge, whole: QRect = WHOLE) -> QRect:
    """A tray icon near the end of that bar."""
    corner = {
        Edge.LEFT: QPoint(8, whole.height() - 100),
        Edge.TOP: QPoint(whole.width() - 200, 8),
        Edge.RIGHT: QPoint(whole.width() - 32, whole.height() - 100),
        Edge.BOTTOM: QPoint(whole.width() - 200, whole.height() - 32),
    }[edge]
    return QRect(whole.topLeft() + corner, QSize(24, 24))


@pytest.mark.parametrize("edge", Edge)
def test_beside_the_bar_and_wholly_on_the_screen_on_every_edge(edge: Edge) -> None:
    here = room(edge)
    panel = QRect(place(SIZE, icon(edge), [here]), SIZE)
    assert edge_of(icon(edge), here) is edge
    assert here.free.contains(panel)
    near = {
        Edge.LEFT: panel.left() - here.free.left(),
        Edge.TOP: panel.top() - here.free.top(),
        Edge.RIGHT: here.free.right() - panel.right(),
        Edge.BOTTOM: here.free.bottom() - panel.bottom(),
    }
    assert 0 < near[edge] <= APART
    assert not panel.intersects(icon(edge))


@pytest.mark.parametrize("edge", Edge)
def test_a_bar_that_hides_itself_takes_no_room_and_the_nearest_edge_counts(edge: Edge) -> None:
    hidden = Room(WHOLE, WHOLE)
    panel = QRect(place(SIZE, icon(edge), [hidden]), SIZE)
    assert edge_of(icon(edge), hidden) is edge
    assert WHOLE.contains(panel)
    assert not panel.intersects(icon(edge))


def test_in_a_corner_a_bar_that_lies_is_likelier_than_one_that_stands() -> None:
    unreserved = Room(WHOLE, WHOLE)
    assert edge_of(QRect(1897, 1049, 22, 30), unreserved) is Edge.BOTTOM
    assert edge_of(QRect(1897, 2, 22, 30), unreserved) is Edge.TOP


def test_centred_on_the_icon_where_there_is_room() -> None:
    middle = QRect(900, 1050, 24, 24)
    panel = QRect(place(SIZE, middle, [room(Edge.BOTTOM)]), SIZE)
    assert abs(panel.center().x() - middle.center().x()) <= 1


# As Qt gives them: a screen of 3840 × 2160 at 200 % is 1920 × 1080 of its own pixels, and its neighbour begins where
# its physical pixels end.
RIGHT_OF_IT = QRect(3840, 0, 1280, 1024)
LEFT_OF_IT = QRect(-2560, -200, 2560, 1440)


@pytest.mark.parametrize("whole", [RIGHT_OF_IT, LEFT_OF_IT])
@pytest.mark.parametrize("edge", Edge)
def test_on_the_screen_that_the_icon_is_on_whatever_the_others_are(whole: QRect, edge: Edge) -> None:
    rooms = [room(Edge.BOTTOM), room(edge, whole)]
    panel = QRect(place(SIZE, icon(edge, whole), rooms), SIZE)
    assert rooms[1].free.contains(panel)


def test_on_screens_of_different_scales_the_window_lies_beside_the_icon_on_every_edge() -> None:
    command = [sys.executable, "-W", "error", str(Path(__file__).with_name("mixed_screens.py"))]
    tests = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(command, env=tests, capture_output=True, text=True, check=True, timeout=60)
    places = [json.loads(line) for line in done.stdout.splitlines()]
    assert {(one["ratio"], one["edge"]) for one in places} == {
        (ratio, edge) for ratio in (1.0, 1.5, 2.0) for edge in ("left", "top", "right", "bottom")
    }
    for one in places:
        whole, panel, beside = (QRect(*one[what]) for what in ("whole", "panel", "icon"))
        assert one["on"] == one["screen"], one
        assert whole.contains(panel), one
        apart = {
            "left": panel.left() - beside.right(),
            "top": panel.top() - beside.bottom(),
            "right": beside.left() - panel.right(),
            "bottom": beside.top() - panel.bottom(),
        }
        assert 0 < apart[one["edge"]] <= APART + 1, one


def test_where_there_is_too_little_room_its_head_is_seen() -> None:
    small = room(Edge.BOTTOM, QRect(0, 0, 640, 480))
    corner = place(SIZE, QRect(600, 460, 1, 1), [small])
    assert corner.y() == APART
    assert corner.x() + SIZE.width() <= 640


def test_an_icon_that_lies_nowhere_is_taken_to_be_on_the_first_screen() -> None:
    panel = QRect(place(SIZE, QRect(9000, 9000, 1, 1), [room(Edge.BOTTOM)]), SIZE)
    assert room(Edge.BOTTOM).free.contains(panel)


@pytest.mark.parametrize(
    ("edge", "corner"),
    [
        (Edge.BOTTOM, QPoint(1919, 1079)),
        (Edge.TOP, QPoint(1919, 0)),
        (Edge.LEFT, QPoint(1919, 1079)),
        (Edge.RIGHT, QPoint(1919, 1079)),
    ],
)
def test_where_nobody_says_where_the_tray_is_it_is_looked_for_at_the_end_of_the_bar(
    edge: Edge, corner: QPoint
) -> None:
    assert tray_corner(room(edge)).topLeft() == corner
