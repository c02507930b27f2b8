"""A page with one question: what was found, what can be done about it, and a button for each answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QApplication,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from model_switcher.desktop.panel.look import Look
from model_switcher.desktop.panel.style import sheet
from model_switcher.desktop.panel.texts import dress
from model_switcher.desktop.view_state.first_start import Choice, FirstStartView
from model_switcher.desktop.wording import APP_NAME

if TYPE_CHECKING:
    from PySide6.QtGui import QCloseEvent, QKeyEvent

    from model_switcher.desktop.theme import Colours

WIDTH = 520


class FirstStartWindow(QWidget):
    """Shows a page; `chosen` carries the answer, once. To close it is to leave everything as it is."""

    chosen = Signal(object)

    def __init__(self, view: FirstStartView, colours: Colours) -> None:
        super().__init__(None, Qt.WindowType.Window)
        self.setAttribute(Qt.WidgetAttribute.WA_QuitOnClose, False)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setObjectName("page")
        self.setWindowTitle(APP_NAME)
        self._answered = False
        self.title, self.text, self.note = (_label(said, self) for said in (view.title, view.text, view.note))
        self.facts = [(_label(name, self), _label(value, self)) for name, value in view.facts]
        self.buttons = {choice: self._button(choice, text) for choice, text in view.choices}
        self._column, self._grid, self._row = QVBoxLayout(self), QGridLayout(), QHBoxLayout()
        self._lay_out()
        self.dress(colours)

    def dress(self, colours: Colours) -> None:
        """Takes on colours, fonts and sizes."""
        look, px = Look(colours, QApplication.font()), Look(colours, QApplication.font()).px
        self.setStyleSheet(f"{sheet(look)} QWidget#page {{ background: {colours.background}; }}")
        dress(self.title, look.title, colours.text)
        dress(self.text, look.text, colours.text)
        dress(self.note, look.line, colours.dim)
        for name, value in self.facts:
            dress(name, look.line, colours.dim)
            dress(value, look.mono, colours.text)
        self._column.setContentsMargins(px(24), px(22), px(24), px(20))
        self._column.setSpacing(px(14))
        self._grid.setHorizontalSpacing(px(14))
        self._grid.setVerticalSpacing(px(6))
        self._row.setSpacing(px(8))
        self.setFixedWidth(px(WIDTH))
        self.setFixedHeight(self._column.heightForWidth(px(WIDTH)))

    def open(self) -> None:
        """Shows the window, with the keyboard on the best answer."""
        self.show()
        self.raise_()
        self.activateWindow()
        next(iter(self.buttons.values())).setFocus(Qt.FocusReason.ActiveWindowFocusReason)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        focus = self.focusWidget()
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and isinstance(focus, QPushButton):
            focus.click()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        super().closeEvent(event)
        self._answer(Choice.LEAVE)

    def _answer(self, choice: Choice) -> None:
        if not self._answered:
            self._answered = True
            self.chosen.emit(choice)

    def _lay_out(self) -> None:
        self._column.addWidget(self.title)
        self._column.addWidget(self.text)
        for row, (name, value) in enumerate(self.facts):
            self._grid.addWidget(name, row, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(value, row, 1)
        self._grid.setColumnStretch(1, 1)
        self._column.addLayout(self._grid)
        self._column.addWidget(self.note)
        self.note.setVisible(bool(self.note.text()))
        self.text.setVisible(bool(self.text.text()))
        for button in self.buttons.values():
            self._row.addWidget(button)
        self._row.addStretch(1)
        self._column.addLayout(self._row)

    def _button(self, choice: Choice, text: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setAccessibleName(text)
        if choice is Choice.TAKE_PLACE:
            button.setProperty("kind", "main")
        button.clicked.connect(lambda _=False: self._answer(choice))
        return button


def _label(text: str, parent: QWidget) -> QLabel:
    label = QLabel(text, parent)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setAccessibleName(text)
    return label
