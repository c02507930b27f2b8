"""What stands where the list would be when there is none."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from model_switcher.desktop.language import tr
from model_switcher.desktop.panel.details import FactList
from model_switcher.desktop.panel.texts import dress
from model_switcher.desktop.view_state import Command, Control

if TYPE_CHECKING:
    from model_switcher.desktop.panel.look import Look
    from model_switcher.desktop.view_state.empty import EmptyView

FACTS_HEIGHT = 190
"""The most that the facts take, in pixels of the design; the rest of them is scrolled."""
COLUMNS = 2
_SEPARATOR = re.compile(r"(?<=[/\\])(?=.)")


class Nothing(QWidget):
    """A title, a text, buttons, and what was looked at.

    Signals:
        acted: What a button says, and what it is about.
    """

    acted = Signal(Command, str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.title, self.line = QLabel(self), QLabel(self)
        self.facts = FactList(self)
        self.area = _Area(self, self.facts)
        self.buttons: dict[Control, QPushButton] = {}
        self._grid = QGridLayout()
        self._column = QVBoxLayout(self)
        self._column.addStretch(1)
        for label in (self.title, self.line):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(True)
            self._column.addWidget(label)
        self._grid.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._column.addLayout(self._grid)
        self._column.addWidget(self.area)
        self._column.addStretch(1)

    def dress(self, look: Look) -> None:
        """Takes on colours, fonts and sizes."""
        px = look.px
        self._column.setContentsMargins(px(24), px(24), px(24), px(24))
        self._column.setSpacing(px(6))
        self._grid.setContentsMargins(0, px(8), 0, px(8))
        self._grid.setSpacing(px(8))
        self.area.most = px(FACTS_HEIGHT)
        dress(self.title, look.name, look.colours.text)
        dress(self.line, look.line, look.colours.dim)
        self.facts.dress(look)

    def show_view(self, view: EmptyView) -> None:
        """Shows `view`."""
        self.title.setText(view.title)
        self.line.setText(view.text)
        self.facts.show_facts(replace(fact, value=_breakable(fact.value)) for fact in view.facts)
        self.area.setVisible(bool(view.facts))
        self.area.updateGeometry()
        if tuple(self.buttons) != view.controls:
            self._show_buttons(view.controls)

    def _show_buttons(self, controls: tuple[Control, ...]) -> None:
        for button in self.buttons.values():
            self._grid.removeWidget(button)
            button.hide()
            button.deleteLater()
        self.buttons = {control: self._button(control) for control in controls}
        for number, button in enumerate(self.buttons.values()):
            self._grid.addWidget(button, number // COLUMNS, number % COLUMNS)
            button.show()  # the layout would do that later, and nothing hidden takes the keyboard

    def _button(self, control: Control) -> QPushButton:
        button = QPushButton(control.text, self)
        button.setAccessibleName(control.text)
        button.setProperty("kind", "main" if control.command is Command.USE_ENGINE else "")
        button.clicked.connect(lambda _=False: self.acted.emit(control.command, control.target))
        return button


class _Area(QScrollArea):
    """As high as what it holds, up to `most` pixels; the keyboard scrolls it."""

    most = FACTS_HEIGHT

    def __init__(self, parent: QWidget, inside: QWidget) -> None:
        super().__init__(parent)
        self._inside = inside
        self.setWidget(inside)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(tr("What was looked at"))

    def sizeHint(self) -> QSize:
        inside = self._inside
        wanted = inside.sizeHint()
        height = inside.heightForWidth(self.width()) if inside.hasHeightForWidth() else wanted.height()
        return QSize(wanted.width(), min(max(height, wanted.height()), self.most))

    def minimumSizeHint(self) -> QSize:
        return QSize(0, min(self.sizeHint().height(), self.most))


def _breakable(text: str) -> str:
    """A path has no spaces: it may go on in the next line after any separator."""
    return _SEPARATOR.sub("\u200b", text)
