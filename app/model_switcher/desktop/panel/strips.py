"""What stands between head and list while it is so: the question about running answers, and what went wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from model_switcher.desktop.language import tr
from model_switcher.desktop.panel.glyphs import draw_cross, draw_warning
from model_switcher.desktop.panel.look import colour
from model_switcher.desktop.panel.texts import ElidedLabel, dress
from model_switcher.desktop.view_state import Command

if TYPE_CHECKING:
    from model_switcher.desktop.panel.look import Look
    from model_switcher.desktop.view_state.strips import Banner, BusyView


class BusyStrip(QWidget):
    """The question what shall become of running answers: after them, now, or not at all. `now_asked` carries the model."""

    now_asked = Signal(str)
    cancel_asked = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._look: Look | None = None
        self._view: BusyView | None = None
        self.text = ElidedLabel(self)
        self.after, self.now = self._button(tr("After them")), self._button(tr("Now"))
        self.cancel = self._button(tr("Cancel"))
        for choice in (self.after, self.now):
            choice.setCheckable(True)
            choice.setAutoExclusive(True)
        self.after.setToolTip(tr("The model is loaded when they are answered"))
        self.now.setToolTip(tr("Those that are not answered after the drain timeout are cut"))
        self.cancel.setToolTip(tr("Everything stays as it is"))
        self.now.clicked.connect(self._ask_now)
        self.cancel.clicked.connect(lambda _=False: self.cancel_asked.emit())
        self._row = QHBoxLayout(self)
        self._row.addWidget(self.text, 1)
        for button in (self.after, self.now, self.cancel):
            self._row.addWidget(button)
        self.hide()

    def dress(self, look: Look) -> None:
        """Takes on colours, fonts and sizes."""
        self._look = look
        self._row.setContentsMargins(look.px(16), look.px(8), look.px(12), look.px(8))
        self._row.setSpacing(look.px(6))
        dress(self.text, look.line, look.colours.text)

    def show_view(self, view: BusyView | None) -> None:
        """Shows `view`, or nothing."""
        if view is not None:
            self.text.say(f"{view.text}:")
            if self._view is None or view.model != self._view.model:
                self.after.setChecked(True)
                # Until it is pressed, waiting goes on: what cannot be taken back is not to be taken yet.
                self.after.setEnabled(True)
        self._view = view
        self.setVisible(view is not None)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002 - of Qt
        _paint_ground(self, self._look)

    def _button(self, text: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setProperty("kind", "part")
        button.setAccessibleName(text)
        return button

    def _ask_now(self) -> None:
        self.after.setEnabled(False)
        if self._view is not None:
            self.now_asked.emit(self._view.model)


class CrossButton(QPushButton):
    """A small cross that puts something away."""

    def __init__(self, parent: QWidget, name: str) -> None:
        super().__init__(parent)
        self._look: Look | None = None
        self.setProperty("kind", "link")
        self.setAccessibleName(name)
        self.setToolTip(name)

    def dress(self, look: Look) -> None:
        self._look = look
        self.setFixedSize(look.px(22), look.px(22))

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._look is None:
            return
        size = self._look.px(9)
        place = QRectF((self.width() - size) / 2, (self.height() - size) / 2, size, size)
        painter = QPainter(self)
        draw_cross(painter, place, self._look.colours.dim)
        painter.end()


class BannerStrip(QWidget):
    """What went wrong, why, and the one thing to do about it."""

    acted = Signal(Command, str)
    put_away = Signal(str)

    def __init__(self, parent: QWidget, banner: Banner) -> None:
        super().__init__(parent)
        self.banner = banner
        self._look: Look | None = None
        self.title, self.text = ElidedLabel(self), QLabel(banner.text, self)
        self.title.say(banner.title)
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setAccessibleName(banner.text)
        self.text.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.MinimumExpanding)
        self.close_button = CrossButton(self, tr("Put this message away"))
        self.close_button.clicked.connect(lambda _=False: self.put_away.emit(banner.key))
        self._row, self._column = QHBoxLayout(self), QVBoxLayout()
        self._column.addWidget(self.title)
        self._column.addWidget(self.text)
        self.action = self._add_action()
        self._row.addLayout(self._column, 1)
        self._row.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignTop)

    def dress(self, look: Look) -> None:
        """Takes on colours, fonts and sizes."""
        self._look = look
        self._row.setContentsMargins(look.px(38), look.px(8), look.px(8), look.px(10))
        self._column.setSpacing(look.px(2))
        dress(self.title, look.bold_line, look.colours.text)
        dress(self.text, look.line, look.colours.dim)
        self.close_button.dress(look)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002 - of Qt
        look = self._look
        _paint_ground(self, look)
        if look is None:
            return
        painter = QPainter(self)
        size = look.px(11)
        middle = self.title.geometry().center().y()
        place = QRectF(look.px(16), middle - size / 2, size, size)
        tint = look.colour(self.banner.tone)
        draw_warning(painter, place, tint.name())
        painter.fillRect(QRectF(0, 0, look.px(3), self.height()), tint)
        painter.end()

    def _add_action(self) -> QPushButton | None:
        control = self.banner.action
        if control is None:
            return None
        button = QPushButton(control.text, self)
        button.setProperty("kind", "part")
        button.setAccessibleName(control.text)
        button.clicked.connect(lambda _=False: self.acted.emit(control.command, self.banner.target))
        self._column.addSpacing(4)
        self._column.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        return button


class Banners(QWidget):
    """One under the other; they stay the same widgets as long as they say the same."""

    acted = Signal(Command, str)
    put_away = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._look: Look | None = None
        self.strips: list[BannerStrip] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(0)
        self.hide()

    def dress(self, look: Look) -> None:
        """Takes on colours, fonts and sizes."""
        self._look = look
        for strip in self.strips:
            strip.dress(look)

    def show_banners(self, banners: tuple[Banner, ...]) -> None:
        """Shows `banners`, or nothing."""
        if tuple(strip.banner for strip in self.strips) == banners:
            return
        for strip in self.strips:
            self._column.removeWidget(strip)
            strip.hide()
            strip.deleteLater()
        self.strips = [self._strip(banner) for banner in banners]
        self.setVisible(bool(banners))

    def _strip(self, banner: Banner) -> BannerStrip:
        strip = BannerStrip(self, banner)
        strip.acted.connect(self.acted)
        strip.put_away.connect(self.put_away)
        if self._look is not None:
            strip.dress(self._look)
        self._column.addWidget(strip)
        return strip


def _paint_ground(widget: QWidget, look: Look | None) -> None:
    if look is not None:
        painter = QPainter(widget)
        painter.fillRect(widget.rect(), colour(look.colours.card))
        painter.fillRect(QRectF(0, widget.height() - 1, widget.width(), 1), colour(look.colours.line))
        painter.end()
