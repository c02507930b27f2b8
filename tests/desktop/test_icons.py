"""The tray icon, pixel by pixel."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from PySide6.QtGui import QColor, QImage

from fakes import snapshots
from model_switcher.desktop.icons import SIZES, Icons, paint
from model_switcher.desktop.theme import DARK, LIGHT, Colours
from model_switcher.desktop.view_state import Centre, IconView, Ring, icon_view

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

pytestmark = pytest.mark.usefixtures("qapp")
THEMES = pytest.mark.parametrize("colours", [DARK, LIGHT], ids=["dark", "light"])


def on_ring(image: QImage, part: float) -> str:
    """The colour of the ring there, from 0.0 at the top clockwise to 1.0."""
    angle, middle, radius = part * 2 * math.pi, image.width() / 2, image.width() * 12.75 / 32
    return image.pixelColor(
        int(middle + radius * math.sin(angle)), int(middle - radius * math.cos(angle))
    ).name()


def near(image: QImage, x: float, y: float) -> QColor:
    """The colour at a place given in the icon's 32 units."""
    return image.pixelColor(int(x * image.width() / 32), int(y * image.width() / 32))


@THEMES
@pytest.mark.parametrize("size", SIZES)
def test_the_ring_is_filled_clockwise_from_the_top_as_far_as_memory_is_in_use(
    colours: Colours, size: int
) -> None:
    image = paint(IconView(Centre.READY, Ring.VRAM, 24), colours, size).toImage()
    assert image.width() == image.height() == size
    assert [on_ring(image, part) for part in (0.125, 0.25, 0.375)] == [colours.own] * 3
    assert [on_ring(image, part) for part in (0.625, 0.75, 0.875)] == [colours.track] * 3


@THEMES
def test_an_unknown_level_fills_nothing_and_a_full_one_everything(colours: Colours) -> None:
    unknown = paint(IconView(Centre.READY, Ring.VRAM, None), colours, 64).toImage()
    full = paint(IconView(Centre.READY, Ring.NEARLY_FULL, 48), colours, 64).toImage()
    for part in (0.01, 0.25, 0.5, 0.75, 0.97):
        assert on_ring(unknown, part) == colours.track
        assert on_ring(full, part) == colours.warning


@THEMES
def test_the_colour_of_the_ring_tells_what_it_measures_and_whether_it_warns(colours: Colours) -> None:
    expected = {
        "ready 65 %": colours.own,
        "loading": colours.own,
        "stopped": colours.idle,
        "nearly full": colours.warning,
        "failed": colours.bad,
        "no GPU (RAM)": colours.ram,
    }
    for name, make in snapshots.STATES.items():
        image = paint(icon_view(make()), colours, 32).toImage()
        assert on_ring(image, 0.15) == expected[name], name


@THEMES
def test_the_centre_is_a_dot_while_ready_and_a_square_while_stopped(colours: Colours) -> None:
    dot = paint(IconView(Centre.READY, Ring.VRAM, 10), colours, 64).toImage()
    square = paint(IconView(Centre.STOPPED, Ring.STOPPED, 10), colours, 64).toImage()
    assert near(dot, 16, 16).name() == colours.good
    assert near(square, 16, 16).name() == colours.idle
    corner = (12.4, 12.4)
    assert near(square, *corner).alpha() == 255
    assert near(dot, *corner).alpha() < 128


@THEMES
def test_the_centre_is_an_exclamation_mark_after_a_failure(colours: Colours) -> None:
    image = paint(IconView(Centre.FAILED, Ring.FAILED, 10), colours, 64).toImage()
    assert near(image, 16, 12).name() == colours.bad
    assert near(image, 16, 22).name() == colours.bad
    assert near(image, 16, 19).alpha() < 128
    assert near(image, 12.5, 16).alpha() == 0


@THEMES
def test_the_centre_is_a_hollow_circle_while_loading_and_fills_up_with_progress(colours: Colours) -> None:
    hollow, half = (
        paint(IconView(Centre.LOADING, Ring.VRAM, 10, progress), colours, 64).toImage()
        for progress in (None, 6)
    )
    for image in (hollow, half):
        assert near(image, 16, 11.5).name() == colours.own
    left, right = (14.2, 16), (17.8, 16)
    assert near(hollow, *left).alpha() == near(hollow, *right).alpha() == 0
    assert near(half, *left).alpha() == 0
    assert near(half, *right).name() == colours.own


def test_every_state_looks_different_without_colour_too() -> None:
    shapes = set()
    for centre in Centre:
        image = paint(IconView(centre, Ring.VRAM, 10), DARK, 22).toImage()
        alpha = image.convertToFormat(QImage.Format.Format_Alpha8)
        shapes.add(bytes(alpha.constBits()))
    assert len(shapes) == len(Centre)


def test_icons_are_kept_by_looks_and_offered_in_all_sizes_as_plain_pixmaps(qtbot: QtBot) -> None:
    icons = Icons()
    view = IconView(Centre.READY, Ring.VRAM, 10)
    icon = icons.icon(view, DARK)
    assert icons.icon(IconView(Centre.READY, Ring.VRAM, 10), DARK) is icon
    assert icons.icon(view, LIGHT) is not icon
    assert sorted(size.width() for size in icon.availableSizes()) == list(SIZES)
