"""Draws the program's icon files into resources/ with the code that draws the tray icon.

python distribution/icons.py
"""

from __future__ import annotations

import io
import os
import re
import struct
import sys
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QGuiApplication, QImage, QPainter
from PySide6.QtSvg import QSvgGenerator

from model_switcher.desktop.icons import draw
from model_switcher.desktop.theme import DARK
from model_switcher.desktop.view_state import Centre, IconView, Ring

RESOURCES = Path(__file__).resolve().parent.parent / "resources"
NAME = "model-switcher"

LOOKS = IconView(Centre.READY, Ring.VRAM, level=32)
"""A model is served, and two thirds of the memory are in use."""
UNIT = 256
PNG_SIZES = (16, 24, 32, 48, 64, 128, 256)
ICO_SIZES = (16, 24, 32, 48, 64, 256)
ICNS_TYPES = {b"icp4": 16, b"icp5": 32, b"icp6": 64, b"ic07": 128, b"ic08": 256, b"ic09": 512, b"ic10": 1024}


def main() -> None:
    """Write them all."""
    application = QGuiApplication.instance() or QGuiApplication(sys.argv[:1])
    RESOURCES.joinpath(f"{NAME}.svg").write_bytes(svg())
    for size in (48, 256):
        RESOURCES.joinpath(f"{NAME}-{size}.png").write_bytes(png(size))
    RESOURCES.joinpath(f"{NAME}.ico").write_bytes(ico())
    RESOURCES.joinpath(f"{NAME}.icns").write_bytes(icns())
    del application


def render(painter: QPainter) -> None:
    """The icon on a square of 256 units: a dark tile, so that it can be seen on every ground."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(DARK.background))
    painter.drawRoundedRect(QRectF(8, 8, 240, 240), 54, 54)
    draw(painter, LOOKS, DARK, QRectF(28, 28, 200, 200))


def png(size: int) -> bytes:
    """The icon in `size` × `size` pixels."""
    image = QImage(size, size, QImage.Format.Format_ARGB32)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.scale(size / UNIT, size / UNIT)
    render(painter)
    painter.end()
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "PNG")  # type: ignore[call-overload]
    return data.data()


def svg() -> bytes:
    """The icon as curves."""
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    generator = QSvgGenerator()
    generator.setOutputDevice(buffer)
    generator.setSize(QSize(UNIT, UNIT))
    generator.setViewBox(QRectF(0, 0, UNIT, UNIT))
    generator.setTitle("Model Switcher")
    generator.setDescription("")
    painter = QPainter(generator)
    render(painter)
    painter.end()
    # Without millimetres: the size of an icon is what the desktop makes it.
    return re.sub(rb' width="[\d.]+mm" height="[\d.]+mm"', b"", data.data(), count=1)


def ico() -> bytes:
    """The icon for Windows: a directory of PNG files (as Windows reads them since Vista)."""
    pictures = [(size, png(size)) for size in ICO_SIZES]
    out = io.BytesIO()
    out.write(struct.pack("<HHH", 0, 1, len(pictures)))
    offset = 6 + 16 * len(pictures)
    for size, data in pictures:
        out.write(struct.pack("<BBBBHHII", size % 256, size % 256, 0, 0, 1, 32, len(data), offset))
        offset += len(data)
    for _, data in pictures:
        out.write(data)
    return out.getvalue()


def icns() -> bytes:
    """The icon for macOS: PNG files, each behind its type and length."""
    parts = [(kind, png(size)) for kind, size in ICNS_TYPES.items()]
    body = b"".join(kind + struct.pack(">I", len(data) + 8) + data for kind, data in parts)
    return b"icns" + struct.pack(">I", len(body) + 8) + body


if __name__ == "__main__":
    main()
