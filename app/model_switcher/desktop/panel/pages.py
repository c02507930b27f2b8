"""The page with the filter and the list, and what stands there when the list is empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from model_switcher.desktop.panel.filter_field import FilterField
from model_switcher.desktop.panel.model_list import ModelList
from model_switcher.desktop.panel.texts import dress
from model_switcher.desktop.view_state import Command, Control

if TYPE_CHECKING:
    from model_switcher.desktop.panel.look import Look
    from model_switcher.desktop.view_state import PanelView
    from model_switcher.domain.snapshot import Snapshot


class Nothing(QWidget):
    """A title, a text and buttons in the middle, where the list would be."""

    acted = Signal(Command)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.title, self.line = QLabel(self), QLabel(self)
        self.buttons: dict[Control, QPushButton] = {}
        self._row = QHBoxLayout()
        self._column = QVBoxLayout(self)
        self._column.addStretch(1)
        for label in (self.title, self.line):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            label.setWordWrap(True)
            self._column.addWidget(label)
        self._row.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._column.addLayout(self._row)
        self._column.addStretch(1)

    def dress(self, look: Look) -> None:
        px = look.px
        self._column.setContentsMargins(px(40), px(36), px(40), px(40))
        self._column.setSpacing(px(6))
        self._row.setContentsMargins(0, px(8), 0, 0)
        self._row.setSpacing(px(8))
        dress(self.title, look.name, look.colours.text)
        dress(self.line, look.line, look.colours.dim)

    def say(self, title: str, line: str, controls: tuple[Control, ...] = ()) -> None:
        self.title.setText(title)
        self.line.setText(line)
        if tuple(self.buttons) == controls:
            return
        for button in self.buttons.values():
            self._row.removeWidget(button)
            button.hide()
            button.deleteLater()
        self.buttons = {control: self._button(control) for control in controls}
        for button in self.buttons.values():
            self._row.addWidget(button)

    def _button(self, control: Control) -> QPushButton:
        button = QPushButton(control.text, self)
        button.setAccessibleName(control.text)
        button.clicked.connect(lambda _=False: self.acted.emit(control.command))
        return button


class ListPage(QWidget):
    """The filter field over the list."""

    def __init__(self, parent: QWidget, look: Look) -> None:
        super().__init__(parent)
        self.list = ModelList(self, look)
        self.filter = FilterField(self, self.list.steer)
        self.nothing = Nothing(self)
        self._column = QVBoxLayout(self)
        self._column.setSpacing(0)
        self._head = QVBoxLayout()
        self._head.addWidget(self.filter)
        self._column.addLayout(self._head)
        self._column.addWidget(self.list, 1)
        self._column.addWidget(self.nothing, 1)
        self.filter.details_asked.connect(self.list.ask_details)
        self.setTabOrder(self.filter, self.list)

    def dress(self, look: Look) -> None:
        """Takes on colours, fonts and sizes."""
        px = look.px
        self._head.setContentsMargins(px(12), px(10), px(12), px(4))
        self._column.setContentsMargins(0, 0, 0, px(6))
        self.list.setViewportMargins(px(6), 0, 0, 0)
        for part in (self.filter, self.list, self.nothing):
            part.dress(look)

    def show_view(self, view: PanelView, snapshot: Snapshot) -> None:
        """Shows the rows of `view`, or why there are none."""
        self.filter.setPlaceholderText(view.hint)
        self.filter.setVisible(bool(snapshot.catalog.models or snapshot.catalog.rejected))
        filtered = bool(self.filter.text().strip())
        self.list.show_rows(snapshot, view.sections, mark_first=filtered)
        self.list.setVisible(view.empty is None)
        self.nothing.setVisible(view.empty is not None)
        if view.empty is not None:
            self.nothing.say(view.empty.title, view.empty.text, view.empty.controls)
