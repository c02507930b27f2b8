"""The panel as it is painted: can all of it be read, in every theme, and does it say nothing by colour alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QColor, QImage, QPainter
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QScrollArea

from fakes import panel_states as states
from fakes.pixels import READABLE, SCALE, STRONG, contrast, contrast_in, picture, texts_of
from model_switcher.desktop.ask import Ask
from model_switcher.desktop.panel.glyphs import draw_glyph
from model_switcher.desktop.panel.window import PanelWindow
from model_switcher.desktop.theme import DARK, DARK_CONTRAST, LIGHT, LIGHT_CONTRAST, Colours
from model_switcher.desktop.view_state import Glyph
from model_switcher.desktop.view_state.trail import Trail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

pytestmark = [
    pytest.mark.usefixtures("qapp"),
    pytest.mark.qt_log_ignore("This plugin does not support"),
]
THEMES = {"light": LIGHT, "dark": DARK, "light contrast": LIGHT_CONTRAST, "dark contrast": DARK_CONTRAST}
SEEN = 3.0
"""Success criterion 1.4.11, of shapes."""


@pytest.fixture(params=THEMES)
def theme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def window(theme: str, qtbot: QtBot) -> Iterator[PanelWindow]:
    window = PanelWindow(
        THEMES[theme], offered=(Ask.LOG, Ask.SETTINGS), options=lambda _: {"ctx-size": 16384}
    )
    show(window, "idle")
    window.open_at(None)
    qtbot.waitUntil(window.isVisible)
    yield window
    window.dismiss()
    window.deleteLater()


def show(window: PanelWindow, name: str) -> None:
    window.content.show_snapshot(states.STATES[name](), states.RECENT, Trail())


def rows_of(window: PanelWindow) -> dict[str, QRect]:
    """The words of the rows that are seen whole, line by line, left and right."""
    rows, view, found = window.content.page.list.rows, window.content.page.list, {}
    for number in range(rows.rowCount()):
        row = rows.row(rows.index(number))
        place = view.visualRect(rows.index(number))
        if row is None or not view.viewport().rect().contains(place):
            continue
        corner = view.viewport().mapTo(window, place.topLeft())
        left, right, width = corner.x() + 34, corner.x() + place.width() - 130, 96
        upper, lower = corner.y() + 8, corner.y() + 26
        found[f"{row.name}: its name"] = QRect(left, upper, 40, 16)
        if row.note:
            found[f"{row.name}: {row.note}"] = QRect(left, lower, 60, 14)
        if row.fit.text:
            found[f"{row.name}: {row.fit.text}"] = QRect(right + 20, upper, width, 16)
        if row.fit.note:
            found[f"{row.name}: {row.fit.note}"] = QRect(right + 20, lower, width, 14)
    return found


def too_faint(window: PanelWindow, places: dict[str, QRect], least: float) -> dict[str, float]:
    image = picture(window)
    found = {what: contrast_in(image, place) for what, place in places.items()}
    return {what: round(value, 2) for what, value in found.items() if value < least}


def least_for(theme: str) -> float:
    return STRONG if "contrast" in theme else READABLE


@pytest.mark.parametrize(
    "state", ["idle", "loading", "switching", "rolled back", "borrowed", "no models", "no engine"]
)
def test_every_text_can_be_read_on_its_ground(window: PanelWindow, theme: str, state: str) -> None:
    show(window, state)
    places = {**texts_of(window), **rows_of(window)}
    assert len(places) > 5
    assert too_faint(window, places, least_for(theme)) == {}


def test_the_marked_row_can_be_read_too(window: PanelWindow, theme: str) -> None:
    for _ in range(5):
        QTest.keyClick(window.content.page.filter, Qt.Key.Key_Down)
        assert too_faint(window, rows_of(window), least_for(theme)) == {}


def test_the_details_can_be_read(window: PanelWindow, theme: str) -> None:
    window.content.show_details("nemotron-nano-8b")
    window.content.details.plot.repaint()
    places = texts_of(window)
    assert any("131,072" in what for what in places)
    assert too_faint(window, places, least_for(theme)) == {}
    plot = window.content.details.plot
    corner = plot.mapTo(window, QPoint(0, 0))
    line = plot.height() // 12
    below = {
        what: QRect(corner.x(), corner.y() + plot.height() - lines * line, plot.width(), line)
        for what, lines in (("levels", 1), ("contexts", 2))
    }
    assert too_faint(window, below, least_for(theme)) == {}


def test_the_lower_end_of_the_details_can_be_read(window: PanelWindow, theme: str) -> None:
    window.content.show_details("nemotron-nano-8b")
    window.content.show_history(states.history())
    QApplication.processEvents()
    bar = window.content.details.findChild(QScrollArea).verticalScrollBar()
    bar.setValue(bar.maximum())
    places = texts_of(window)
    for said in ("4.9 s · for a request", "16384"):
        assert any(said in what for what in places)
    assert too_faint(window, places, least_for(theme)) == {}


@pytest.mark.parametrize("glyph", Glyph)
def test_shapes_stand_out_from_the_ground_and_from_a_marked_row(theme: str, glyph: Glyph) -> None:
    colours = THEMES[theme]
    for ground in (colours.background, colours.hover):
        image = QImage(40, 40, QImage.Format.Format_RGB32)
        image.fill(QColor(ground))
        painter = QPainter(image)
        draw_glyph(painter, glyph, QRect(4, 4, 32, 32).toRectF(), colours, 0.5)
        painter.end()
        inks = {image.pixel(x, y) for x in range(40) for y in range(40)}
        assert max(contrast(QColor(ink), QColor(ground)) for ink in inks) >= SEEN


def test_shapes_are_told_apart_without_their_colours() -> None:
    grey = Colours(**dict.fromkeys(Colours.__slots__, "#808080"))
    drawn = set()
    for glyph in Glyph:
        image = QImage(20, 20, QImage.Format.Format_ARGB32)
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        draw_glyph(painter, glyph, QRect(3, 3, 14, 14).toRectF(), grey, 0.5)
        painter.end()
        drawn.add(bytes(image.convertToFormat(QImage.Format.Format_Alpha8).constBits()))
    assert len(drawn) == len(Glyph)


def test_the_bar_shows_others_ours_the_ghost_and_what_is_free(window: PanelWindow, theme: str) -> None:
    colours = THEMES[theme]
    QTest.keyClick(window.content.page.filter, Qt.Key.Key_Down)
    QTest.keyClick(window.content.page.filter, Qt.Key.Key_Down)
    bars = window.content.memory.bars
    image, width, middle = picture(window), bars.width(), bars.height() // 2
    corner = bars.mapTo(window, QPoint(0, 0))

    def at(gib: float, height: int = middle) -> QColor:
        x, y = corner.x() + gib / 16 * width, corner.y() + height
        return image.pixelColor(round(x * SCALE), round(y * SCALE))

    assert at(1.0).name() == colours.other
    assert at(8.0).name() == colours.own
    assert at(14.0).name() == colours.free
    ghost = {at(10.6 + step / 20).name() for step in range(40)}
    assert len(ghost) > 4  # hatched
    frame = {at(10.8 + step / 20, 1).name() for step in range(30)}
    assert colours.accent in frame  # dashed: both are in it
    assert len(frame) > 1


def test_what_there_is_no_room_for_ends_in_an_ellipsis_and_is_told_whole_by_the_tooltip(
    window: PanelWindow, theme: str
) -> None:
    title = window.content.header.title
    title.say("A model with a name that is as long as the names of merged models are " * 2)
    picture(window)
    assert title.is_elided()
    assert title.toolTip() == title.text()
    assert window.content.width() == 424
