"""Launch options: a row for each that is set, and a field to find others by name or by what they do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QStringListModel, Qt, QTimer, Signal
from PySide6.QtWidgets import QCompleter, QGridLayout, QLabel, QLineEdit, QListView, QVBoxLayout, QWidget

from model_switcher.desktop.language import tr
from model_switcher.desktop.panel.strips import CrossButton
from model_switcher.desktop.panel.texts import dress
from model_switcher.desktop.settings.editors import mark_wrong
from model_switcher.desktop.settings.marks import Chooser
from model_switcher.desktop.settings.rows import words
from model_switcher.desktop.view_state.settings.options import best_offer

if TYPE_CHECKING:
    from model_switcher.desktop.panel.look import Look
    from model_switcher.desktop.view_state.settings.options import OptionRow, OptionsView

VALUE = 150
SHOWN = 12
OFFER_LENGTH = 90
SEPARATOR = " — "


class OptionLine(QWidget):
    """One launch option; `edited` carries its text, `removed` that it is to go."""

    edited = Signal(object, str)
    removed = Signal(object)

    def __init__(self, parent: QWidget, look: Look, row: OptionRow) -> None:
        super().__init__(parent)
        self.row, self._look = row, look
        px = look.px
        self.name, self.help, self.problem = QLabel(self), words(self), words(self)
        self.value: QLineEdit | Chooser = self._chooser() if row.choices else self._field()
        self.value.setFixedWidth(px(VALUE))
        self.cross = CrossButton(self, tr("Remove {option}").format(option=row.name))
        self.cross.dress(look)
        self.cross.clicked.connect(lambda _=False: self.removed.emit(self.row.key))
        grid = QGridLayout(self)
        grid.setContentsMargins(0, px(8), 0, px(8))
        grid.setHorizontalSpacing(px(8))
        grid.setVerticalSpacing(px(3))
        grid.addWidget(self.name, 0, 0)
        grid.addWidget(self.value, 0, 1)
        grid.addWidget(self.cross, 0, 2)
        grid.addWidget(self.problem, 1, 0, 1, 3)
        grid.addWidget(self.help, 2, 0, 1, 3)
        grid.setColumnStretch(0, 1)
        self.show_row(row)

    def show_row(self, row: OptionRow) -> None:
        """Shows it as it is now; what is just being typed stays as it is."""
        self.row = row
        look = self._look
        self.name.setText(f"{row.name} •" if row.changed else row.name)
        dress(self.name, look.mono, look.colours.text)
        default = tr("Without it: {default}.").format(default=row.default) if row.default else ""
        self.help.setText(
            " ".join(part for part in (row.help, default if row.default not in row.help else "") if part)
        )
        self.help.setVisible(bool(self.help.text()))
        dress(self.help, look.line, look.colours.dim)
        self.problem.setText(row.problem)
        self.problem.setVisible(bool(row.problem))
        dress(self.problem, look.line, look.colours.bad)
        if isinstance(self.value, Chooser):
            if self.value.findText(row.value) < 0:
                self.value.addItem(row.value)
            self.value.setCurrentText(row.value)
        elif (not self.value.hasFocus() or not row.changed) and self.value.text() != row.value:
            self.value.setText(row.value)
        mark_wrong(self.value, wrong=bool(row.problem))
        self.value.setAccessibleName(row.name)
        self.value.setAccessibleDescription(row.problem or row.help)

    def _chooser(self) -> Chooser:
        box = Chooser(self, self._look)
        box.addItems(list(self.row.choices))
        box.textActivated.connect(lambda text: self.edited.emit(self.row.key, text))
        return box

    def _field(self) -> QLineEdit:
        line = QLineEdit(self)
        line.setFont(self._look.mono)
        line.textEdited.connect(lambda text: self.edited.emit(self.row.key, text))
        return line


class OptionList(QWidget):
    """All options of one table.

    Signals:
        edited: A key, and the text that its value is to be.
        removed: A key.
        added: The name of an option.
    """

    edited = Signal(object, str)
    removed = Signal(object)
    added = Signal(str)

    def __init__(self, parent: QWidget, look: Look) -> None:
        super().__init__(parent)
        self._look = look
        self._view: OptionsView | None = None
        self.lines: dict[object, OptionLine] = {}
        self._awaited = ""
        column = QVBoxLayout(self)
        column.setContentsMargins(0, look.px(4), 0, 0)
        column.setSpacing(look.px(4))
        self.search = QLineEdit(self)
        self.search.setPlaceholderText(tr("Add an option: type its name, or what it does"))
        self.search.setAccessibleName(tr("Add a launch option"))
        self.search.setClearButtonEnabled(True)
        self.search.returnPressed.connect(self._take_typed)
        self._names = QStringListModel(self)
        completer = QCompleter(self._names, self)
        completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        completer.setFilterMode(Qt.MatchFlag.MatchContains)
        completer.setMaxVisibleItems(SHOWN)
        popup = QListView()
        popup.setObjectName("completions")
        completer.setPopup(popup)
        completer.activated.connect(self._take)
        self.search.setCompleter(completer)
        self._popup = popup
        self.note = words(self)
        self._rows = QVBoxLayout()
        self._rows.setSpacing(0)
        column.addWidget(self.search)
        column.addWidget(self.note)
        column.addLayout(self._rows)

    def show_options(self, view: OptionsView) -> None:
        """Shows these; the lines stay as long as the options are the same."""
        keys = [(row.key, row.choices) for row in view.rows]
        if self._view is None or keys != [(row.key, row.choices) for row in self._view.rows]:
            self._build(view)
        else:
            for row in view.rows:
                self.lines[row.key].show_row(row)
        if self._view is None or view.offers != self._view.offers:
            self._names.setStringList([_offer(one.name, one.text) for one in view.offers])
        self.note.setText(view.note)
        self.note.setVisible(bool(view.note))
        dress(self.note, self._look.line, self._look.colours.dim)
        if self._view is None:
            self._popup.setStyleSheet(self.window().styleSheet())
        self._view = view

    def _build(self, view: OptionsView) -> None:
        while (item := self._rows.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.lines = {}
        for row in view.rows:
            line = self.lines[row.key] = OptionLine(self, self._look, row)
            line.edited.connect(self.edited)
            line.removed.connect(self.removed)
            self._rows.addWidget(line)
            if row.name == self._awaited:
                line.value.setFocus()
                self._awaited = ""

    def _take(self, text: str) -> None:
        """An offer was chosen."""
        # The field itself still puts what was chosen into it, after this.
        QTimer.singleShot(0, self, self.search.clear)
        self._add(text.partition(SEPARATOR)[0])

    def _take_typed(self) -> None:
        """Enter takes the offer that is marked, which the completer does; else the one that fits what was typed best."""
        typed = self.search.text()
        if not typed.strip() or (self._popup.isVisible() and self._popup.currentIndex().isValid()):
            return
        self._popup.hide()
        self.search.clear()
        self._add(best_offer(self._view.offers if self._view is not None else (), typed))

    def _add(self, name: str) -> None:
        self._awaited = name
        self.added.emit(name)


def _offer(name: str, text: str) -> str:
    """A line of the list: the name, and the beginning of what it does."""
    short = text if len(text) <= OFFER_LENGTH else text[:OFFER_LENGTH].rstrip() + "…"
    return f"{name}{SEPARATOR}{short}"
