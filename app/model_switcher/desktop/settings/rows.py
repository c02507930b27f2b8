"""A field with its label, what it is about, and what is wrong with it; and fields under a heading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from model_switcher.desktop.panel.look import colour
from model_switcher.desktop.panel.texts import dress
from model_switcher.desktop.settings.editors import column, editor_for
from model_switcher.desktop.view_state.settings.fields import effect_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model_switcher.desktop.panel.look import Look
    from model_switcher.desktop.view_state.settings import FieldView, Key, Section


def words(parent: QWidget, text: str = "") -> QLabel:
    """A label that wraps, and says what it says to a screen reader."""
    label = QLabel(text, parent)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Minimum)
    return label


class FieldRow(QWidget):
    """One field; `edited` carries what its editor holds."""

    edited = Signal(object)

    def __init__(self, parent: QWidget, look: Look, view: FieldView, *, first: bool) -> None:
        super().__init__(parent)
        self.view, self._look, self._first = view, look, first
        self.label, self.about, self.problem = words(self), words(self), words(self)
        self.editor = editor_for(self, look, view)
        self.editor.edited.connect(self.edited)
        self.label.setBuddy(self.editor)
        grid = QGridLayout(self)
        px = look.px
        grid.setContentsMargins(0, px(12), 0, px(12))
        grid.setHorizontalSpacing(px(28))
        grid.setVerticalSpacing(px(3))
        grid.addWidget(self.label, 0, 0)
        grid.addWidget(self.about, 1, 0)
        grid.addWidget(self.problem, 2, 0)
        grid.setColumnStretch(0, 1)
        if self.editor.wide:
            grid.addWidget(self.editor, 3, 0, 1, 2)
            grid.setRowMinimumHeight(3, px(8))
        else:
            grid.addWidget(self.editor, 0, 1, 3, 1, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight)
        self.show_field(view)

    def show_field(self, view: FieldView) -> None:
        """Shows the field as it is now."""
        self.view = view
        look = self._look
        self.label.setText(f"{view.label} •" if view.changed else view.label)
        effect = effect_text(view.effect) if view.changed else ""
        self.about.setText(" · ".join(part for part in (view.about.rstrip("."), effect) if part))
        self.problem.setText(view.problem)
        self.problem.setVisible(bool(view.problem))
        dress(self.label, look.name, look.colours.text)
        dress(self.about, look.line, look.colours.dim)
        dress(self.problem, look.line, look.colours.bad)
        self.editor.show_field(view)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002 - of Qt
        if not self._first:
            painter = QPainter(self)
            painter.fillRect(QRectF(0, 0, self.width(), 1), colour(self._look.colours.line))
            painter.end()


class Fields(QWidget):
    """Sections of fields; `edited` carries the field and what its editor holds."""

    edited = Signal(object, object)

    def __init__(self, parent: QWidget, look: Look) -> None:
        super().__init__(parent)
        self._look = look
        self._shape: object = None
        self.rows: dict[Key, FieldRow] = {}
        self._column = column(self)

    def show_sections(self, sections: Sequence[Section]) -> None:
        """Shows these; the widgets stay as long as the fields are the same."""
        shape = [(section.title, [view.key for view in section.fields]) for section in sections]
        if shape != self._shape:
            self._shape = shape
            self._build(sections)
            return
        for section in sections:
            for view in section.fields:
                if view != self.rows[view.key].view:
                    self.rows[view.key].show_field(view)

    def _build(self, sections: Sequence[Section]) -> None:
        while (item := self._column.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.rows = {}
        for section in sections:
            if section.title:
                self._column.addWidget(heading(self, self._look, section.title))
            for number, view in enumerate(section.fields):
                row = self.rows[view.key] = FieldRow(self, self._look, view, first=number == 0)
                row.edited.connect(lambda value, row=row: self.edited.emit(row.view, value))
                self._column.addWidget(row)


def heading(parent: QWidget, look: Look, text: str) -> QLabel:
    """A small heading."""
    label = QLabel(text, parent)
    label.setTextFormat(Qt.TextFormat.PlainText)
    dress(label, look.heading, look.colours.dim)
    label.setContentsMargins(0, look.px(14), 0, 0)
    return label


def stacked(parent: QWidget, look: Look) -> QVBoxLayout:
    """The layout of a page's content."""
    layout = QVBoxLayout(parent)
    layout.setContentsMargins(look.px(28), look.px(20), look.px(28), look.px(20))
    layout.setSpacing(look.px(8))
    layout.setAlignment(Qt.AlignmentFlag.AlignTop)
    return layout
