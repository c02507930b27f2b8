"""How the panel looks: colours, fonts and sizes, all following the font that the user gave his desktop."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from PySide6.QtGui import QColor, QFont, QFontDatabase, QFontInfo, QFontMetricsF

from model_switcher.desktop.view_state import Tone

if TYPE_CHECKING:
    from model_switcher.desktop.theme import Colours

DESIGNED_FOR = 13
"""Pixels of the font that every size is given for; a desktop with a larger one gets a larger panel."""
WIDTH = 424
RADIUS = 12


class Look:
    """Colours, fonts and sizes of one moment.

    Args:
        colours: Of the theme.
        base: The desktop's own font.
    """

    def __init__(self, colours: Colours, base: QFont) -> None:
        self.colours = colours
        self._family = base.families() or [base.family()]
        self._scale = max(1.0, QFontInfo(base).pixelSize() / DESIGNED_FOR)
        self._tones = {
            Tone.PLAIN: colours.text,
            Tone.DIM: colours.dim,
            Tone.GOOD: colours.good,
            Tone.WARNING: colours.warning,
            Tone.BAD: colours.bad,
        }
        self.title = self.font(15, QFont.Weight.DemiBold)
        self.name = self.font(13, QFont.Weight.DemiBold)
        self.text = self.font(13)
        self.line = self.font(12)
        self.bold_line = self.font(12, QFont.Weight.DemiBold)
        self.small = self.font(11.5)
        self.heading = self.font(11)
        self.tag = self.font(10.5, QFont.Weight.Medium)
        self.mono = self.font(12)
        self.mono.setFamilies([QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont).family()])

    def px(self, size: float) -> int:
        """A length of the design in pixels of this desktop."""
        return round(size * self._scale)

    def font(self, size: float, weight: QFont.Weight = QFont.Weight.Normal) -> QFont:
        """The desktop's font in a size of the design."""
        font = QFont(self._family)
        font.setPixelSize(self.px(size))
        font.setWeight(weight)
        return font

    def colour(self, tone: Tone) -> QColor:
        """The colour of a text that is meant so."""
        return colour(self._tones[tone])


@lru_cache(256)
def colour(name: str) -> QColor:
    """A colour by "#rrggbb"."""
    return QColor(name)


def metrics(font: QFont) -> QFontMetricsF:
    """What a text takes in `font`, in fractions of pixels."""
    return QFontMetricsF(font)
