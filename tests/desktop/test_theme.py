"""Which colours are used."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor

from model_switcher.desktop.theme import DARK, LIGHT, Colours, colours, menu_style


@dataclass
class Hints:
    """What Qt tells of the system."""

    scheme: Qt.ColorScheme

    def colorScheme(self) -> Qt.ColorScheme:
        return self.scheme


@pytest.mark.parametrize(
    ("setting", "system", "expected"),
    [
        ("system", Qt.ColorScheme.Light, LIGHT),
        ("system", Qt.ColorScheme.Dark, DARK),
        ("system", Qt.ColorScheme.Unknown, DARK),
        ("light", Qt.ColorScheme.Dark, LIGHT),
        ("dark", Qt.ColorScheme.Light, DARK),
    ],
)
def test_the_setting_wins_over_the_system(setting: str, system: Qt.ColorScheme, expected: Colours) -> None:
    assert colours(setting, Hints(system)) is expected  # type: ignore[arg-type]


@pytest.mark.parametrize("palette", [DARK, LIGHT])
def test_text_can_be_read_on_its_ground(palette: Colours) -> None:
    assert contrast(palette.text, palette.background) > 12
    assert contrast(palette.dim, palette.background) > 4.5
    assert contrast(palette.on_accent, palette.accent) > 4.5


@pytest.mark.parametrize("palette", [DARK, LIGHT])
def test_the_menu_is_drawn_in_these_colours(palette: Colours) -> None:
    style = menu_style(palette)
    for colour in (palette.background, palette.text, palette.accent, palette.dim, palette.line):
        assert colour in style


def contrast(one: str, other: str) -> float:
    """As WCAG 2.2 defines the contrast ratio."""
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    shade = QColor(colour)
    red, green, blue = (linear(part) for part in (shade.redF(), shade.greenF(), shade.blueF()))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
