"""What is painted, as a picture: how well every text of a window can be read."""

from __future__ import annotations

from collections import Counter

from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QColor, QImage, QPixmap
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLabel, QLineEdit, QWidget

SCALE = 2
READABLE, STRONG = 4.5, 7.0
"""WCAG 2.2, success criteria 1.4.3 and 1.4.6."""


def picture(widget: QWidget) -> QImage:
    """All of it on a scale of 2, where the strokes of letters are wide enough to have their own colour."""
    pixmap = QPixmap(widget.size() * SCALE)
    pixmap.setDevicePixelRatio(SCALE)
    pixmap.fill(Qt.GlobalColor.transparent)
    widget.render(pixmap)
    return pixmap.toImage().convertToFormat(QImage.Format.Format_RGB32)


def luminance(colour: QColor) -> float:
    parts = (colour.redF(), colour.greenF(), colour.blueF())
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: QColor, other: QColor) -> float:
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def contrast_in(image: QImage, place: QRect) -> float:
    """Between the ground of a place, its most frequent colour, and the ink that is farthest from it; 1.0 if empty."""
    width = image.bytesPerLine() // 4
    words = memoryview(image.constBits()).cast("I")
    left, right = max(0, place.left() * SCALE), min(image.width(), (place.right() + 1) * SCALE)
    pixels: Counter[int] = Counter()
    for y in range(max(0, place.top() * SCALE), min(image.height(), (place.bottom() + 1) * SCALE)):
        pixels.update(words[y * width + left : y * width + right])
    if not pixels:
        return 1.0
    ground = QColor(pixels.most_common(1)[0][0])
    return max(contrast(ground, QColor(pixel)) for pixel in pixels)


def texts_of(window: QWidget) -> dict[str, QRect]:
    """Where there is text: labels, buttons and fields that can be seen and used."""
    found = {}
    for kind in (QLabel, QAbstractButton, QLineEdit, QComboBox):
        for one in window.findChildren(kind):
            said = one.currentText() if isinstance(one, QComboBox) else one.text()
            said = said or (one.placeholderText() if isinstance(one, QLineEdit) else "")
            # What is scrolled away is there, but not seen.
            seen = one.isVisible() and one.visibleRegion().boundingRect() == one.rect()
            if seen and one.isEnabled() and said.strip():
                corner = one.mapTo(window, QPoint(3, 3))
                found[f"{kind.__name__} {said}"] = QRect(corner, one.size()).adjusted(0, 0, -6, -6)
    return found
