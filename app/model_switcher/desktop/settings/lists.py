"""A list of texts: one line each, a way to take one out, and a way to add one."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from model_switcher.desktop.language import tr
from model_switcher.desktop.panel.strips import CrossButton
from model_switcher.desktop.view_state.settings import Editor

if TYPE_CHECKING:
    from model_switcher.desktop.panel.look import Look
    from model_switcher.desktop.view_state.settings import FieldView

KEY_BYTES = 24


class ListEditor(QWidget):
    """Changes a list; lines that are left empty do not count."""

    edited = Signal(object)
    wide = True

    def __init__(self, parent: QWidget, look: Look, view: FieldView) -> None:
        super().__init__(parent)
        self._look, self._view = look, view
        self.lines: list[QLineEdit] = []
        self._crosses: list[QWidget] = []
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(look.px(6))
        self._rows = QVBoxLayout()
        self._rows.setSpacing(look.px(6))
        self.add = QPushButton(self._add_text(), self)
        self.add.setProperty("kind", "part")
        self.add.setAccessibleName(f"{view.label}: {self._add_text()}")
        self.add.clicked.connect(lambda _=False: self._add())
        foot = QHBoxLayout()
        foot.addWidget(self.add)
        foot.addStretch(1)
        whole.addLayout(self._rows)
        whole.addLayout(foot)
        self.show_field(view)

    def texts(self) -> tuple[str, ...]:
        """What is in the lines."""
        return tuple(text for line in self.lines if (text := line.text().strip()))

    def show_field(self, view: FieldView) -> None:
        """Shows its value; lines that say the same stay as they are."""
        self._view = view
        if view.value != self.texts() and isinstance(view.value, tuple):
            self._clear()
            for text in view.value:
                self._append(text)
        for line in self.lines:
            line.setAccessibleDescription(view.problem or view.about)

    def _clear(self) -> None:
        while (item := self._rows.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.lines = []

    def _append(self, text: str) -> QLineEdit:
        view = self._view
        holder = QWidget(self)
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        line = QLineEdit(text, holder)
        line.setPlaceholderText(view.hint)
        line.setAccessibleName(f"{view.label} {len(self.lines) + 1}")
        if view.editor is Editor.SECRETS:
            line.setEchoMode(QLineEdit.EchoMode.PasswordEchoOnEdit)
        line.textEdited.connect(lambda _: self.edited.emit(self.texts()))
        cross = CrossButton(holder, tr("Remove {text}").format(text=self._name(text)))
        cross.dress(self._look)
        cross.clicked.connect(lambda _=False: self._remove(line))
        row.addWidget(line, 1)
        row.addWidget(cross)
        self._rows.addWidget(holder)
        self.lines.append(line)
        return line

    def _name(self, text: str) -> str:
        return self._view.label if self._view.editor is Editor.SECRETS else text

    def _remove(self, line: QLineEdit) -> None:
        line.clear()
        remaining = self.texts()
        self._clear()
        for text in remaining:
            self._append(text)
        self.add.setFocus()
        self.edited.emit(remaining)

    def _add(self) -> None:
        if self._view.editor is Editor.FOLDERS:
            dialog = QFileDialog(self, tr("A folder with GGUF files"))
            dialog.setFileMode(QFileDialog.FileMode.Directory)
            dialog.fileSelected.connect(self.take)
            dialog.finished.connect(dialog.deleteLater)
            dialog.open()  # not exec(): it would nest an event loop in this one
        elif self._view.editor is Editor.SECRETS:
            self.take(secrets.token_urlsafe(KEY_BYTES))
        else:
            self._append("").setFocus()

    def take(self, text: str) -> None:
        """One more line that says `text`."""
        self._append(text)
        self.edited.emit(self.texts())

    def _add_text(self) -> str:
        match self._view.editor:
            case Editor.FOLDERS:
                return tr("Add a folder…")
            case Editor.SECRETS:
                return tr("Make a key")
            case _:
                return tr("Add")
