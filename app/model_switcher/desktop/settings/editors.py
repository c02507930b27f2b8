"""What a value is changed with, one small widget for each sort of value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from model_switcher.desktop.settings.lists import ListEditor
from model_switcher.desktop.settings.marks import Chooser, Tick
from model_switcher.desktop.view_state.settings import Editor

if TYPE_CHECKING:
    from model_switcher.desktop.panel.look import Look
    from model_switcher.desktop.view_state.settings import FieldView

WIDE = 250
CHECKS_A_ROW = 2


class TextEditor(QWidget):
    """A line of text, or a number."""

    edited = Signal(object)
    wide = False

    def __init__(self, parent: QWidget, look: Look, view: FieldView) -> None:
        super().__init__(parent)
        self.line = QLineEdit(self)
        self.line.setFixedWidth(look.px(WIDE))
        self.line.textEdited.connect(self.edited.emit)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.line)
        self.setFocusProxy(self.line)
        self.show_field(view)

    def show_field(self, view: FieldView) -> None:
        """Shows its value; what is just being typed stays as it is."""
        if not (self.line.hasFocus() and view.changed) and self.line.text().strip() != view.value:
            self.line.setText(str(view.value))
        self.line.setPlaceholderText(view.hint)
        mark_wrong(self.line, wrong=bool(view.problem))
        describe(self.line, view)


class ChoiceEditor(QWidget):
    """One of a few values."""

    edited = Signal(object)
    wide = False

    def __init__(self, parent: QWidget, look: Look, view: FieldView) -> None:
        super().__init__(parent)
        self.box = Chooser(self, look)
        self.box.setFixedWidth(look.px(WIDE))
        self.box.activated.connect(lambda number: self.edited.emit(self.box.itemData(number)))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.box)
        self.setFocusProxy(self.box)
        self._choices: object = None
        self.show_field(view)

    def show_field(self, view: FieldView) -> None:
        """Shows its value."""
        if view.choices != self._choices:
            self._choices = view.choices
            self.box.clear()
            for choice in view.choices:
                self.box.addItem(choice.label, choice.value)
        number = self.box.findData(view.value)
        if number < 0 and view.value:  # the file may name what is not there
            self.box.addItem(str(view.value), view.value)
            number = self.box.count() - 1
        self.box.setCurrentIndex(max(0, number))
        mark_wrong(self.box, wrong=bool(view.problem))
        describe(self.box, view)


class ToggleEditor(QWidget):
    """On or off."""

    edited = Signal(object)
    wide = False

    def __init__(self, parent: QWidget, look: Look, view: FieldView) -> None:
        super().__init__(parent)
        self.box = Tick(self, look)
        self.box.clicked.connect(lambda on=False: self.edited.emit(bool(on)))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addStretch(1)
        row.addWidget(self.box)
        self.setFocusProxy(self.box)
        self.show_field(view)

    def show_field(self, view: FieldView) -> None:
        """Shows its value."""
        self.box.setChecked(bool(view.value))
        describe(self.box, view)


class ChecksEditor(QWidget):
    """Any of a few values."""

    edited = Signal(object)
    wide = True

    def __init__(self, parent: QWidget, look: Look, view: FieldView) -> None:
        super().__init__(parent)
        self.boxes: dict[str, Tick] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(look.px(24))
        grid.setVerticalSpacing(look.px(2))
        for number, choice in enumerate(view.choices):
            box = self.boxes[choice.value] = Tick(self, look, choice.label)
            box.setAccessibleName(f"{view.label}: {choice.label}")
            box.clicked.connect(self._edited)
            grid.addWidget(box, number // CHECKS_A_ROW, number % CHECKS_A_ROW)
        grid.setColumnStretch(CHECKS_A_ROW, 1)
        self.show_field(view)

    def show_field(self, view: FieldView) -> None:
        """Shows its value."""
        chosen = view.value if isinstance(view.value, tuple) else ()
        for name, box in self.boxes.items():
            box.setChecked(name in chosen)
            box.setAccessibleDescription(view.problem or view.about)

    def _edited(self) -> None:
        self.edited.emit(tuple(name for name, box in self.boxes.items() if box.isChecked()))


AnyEditor = TextEditor | ChoiceEditor | ToggleEditor | ChecksEditor | ListEditor


def editor_for(parent: QWidget, look: Look, view: FieldView) -> AnyEditor:
    """The widget that changes that field."""
    match view.editor:
        case Editor.CHOICE:
            return ChoiceEditor(parent, look, view)
        case Editor.TOGGLE:
            return ToggleEditor(parent, look, view)
        case Editor.CHECKS:
            return ChecksEditor(parent, look, view)
        case Editor.LIST | Editor.FOLDERS | Editor.SECRETS:
            return ListEditor(parent, look, view)
        case _:
            return TextEditor(parent, look, view)


def mark_wrong(widget: QWidget, *, wrong: bool) -> None:
    """Gives a field the frame of a wrong value, or takes it away."""
    if widget.property("wrong") is not wrong:
        widget.setProperty("wrong", wrong)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def describe(widget: QWidget, view: FieldView) -> None:
    """What a screen reader says: the name, and what is wrong with the value, or what it is about."""
    widget.setAccessibleName(view.label)
    widget.setAccessibleDescription(view.problem or view.about)
    widget.setToolTip("")


def column(parent: QWidget) -> QVBoxLayout:
    """A layout without margins."""
    layout = QVBoxLayout(parent)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(0)
    layout.setAlignment(Qt.AlignmentFlag.AlignTop)
    return layout
