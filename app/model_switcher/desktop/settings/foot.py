"""What stands below the pages: whether all is saved, and what is still to be done for it to count."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from model_switcher.desktop.language import tr
from model_switcher.desktop.panel.texts import dress
from model_switcher.desktop.settings.rows import words
from model_switcher.desktop.view_state import Tone

if TYPE_CHECKING:
    from model_switcher.desktop.panel.look import Look
    from model_switcher.desktop.view_state.settings.foot import FootView


class Notice(QWidget):
    """A sentence with one thing to do about it."""

    asked = Signal()

    def __init__(self, parent: QWidget, look: Look, action: str) -> None:
        super().__init__(parent)
        self.setObjectName("notice")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._look = look
        self.text = words(self)
        self.button = QPushButton(action, self)
        self.button.setProperty("kind", "part")
        self.button.setAccessibleName(action)
        self.button.setVisible(bool(action))
        self.button.clicked.connect(lambda _=False: self.asked.emit())
        row = QHBoxLayout(self)
        row.setContentsMargins(look.px(12), look.px(6), look.px(8), look.px(6))
        row.addWidget(self.text, 1)
        row.addWidget(self.button)
        self.hide()

    def say(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Shows `text`, or nothing."""
        self.text.setText(text)
        self.setVisible(bool(text))
        dress(self.text, self._look.line, self._look.colour(tone).name())


class Foot(QWidget):
    """Saves and takes back."""

    save_asked = Signal()
    discard_asked = Signal()
    file_asked = Signal()
    reload_asked = Signal(str)

    def __init__(self, parent: QWidget, look: Look) -> None:
        super().__init__(parent)
        self.setObjectName("foot")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._look = look
        self._outdated: tuple[str, ...] = ()
        px = look.px
        self.broken = Notice(self, look, tr("Open the file"))
        self.outdated = Notice(self, look, tr("Load again"))
        self.restart = Notice(self, look, "")
        self.text = words(self)
        self.file = self._button(tr("Open the file"), tr("Open the settings file"), "link")
        self.discard = self._button(tr("Discard"), tr("Take all changes back"), "")
        self.save = self._button(tr("Save"), tr("Save all changes"), "main")
        self.save.setShortcut("Ctrl+S")
        self.broken.asked.connect(self.file_asked)
        self.outdated.asked.connect(self._reload)
        self.file.clicked.connect(lambda _=False: self.file_asked.emit())
        self.discard.clicked.connect(lambda _=False: self.discard_asked.emit())
        self.save.clicked.connect(lambda _=False: self.save_asked.emit())
        row = QHBoxLayout()
        row.setSpacing(px(8))
        row.addWidget(self.file)
        row.addWidget(self.text, 1)
        row.addWidget(self.discard)
        row.addWidget(self.save)
        column = QVBoxLayout(self)
        column.setContentsMargins(px(16), px(10), px(16), px(10))
        column.setSpacing(px(8))
        for notice in (self.broken, self.outdated, self.restart):
            column.addWidget(notice)
        column.addLayout(row)

    def show_foot(self, view: FootView) -> None:
        """Shows it as it is now."""
        look = self._look
        self._outdated = view.outdated
        self.text.setText(view.text)
        self.text.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        dress(self.text, look.line, look.colour(view.tone).name())
        self.save.setEnabled(view.can_save)
        self.discard.setEnabled(view.can_discard)
        told = tr("Nothing can be saved while the file is broken: {problems}")
        self.broken.say(told.format(problems=view.broken) if view.broken else "", Tone.BAD)
        self.outdated.say(view.outdated_text)
        self.restart.say(view.restart)

    def _reload(self) -> None:
        for model in self._outdated:
            self.reload_asked.emit(model)

    def _button(self, text: str, name: str, kind: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setProperty("kind", kind)
        button.setAccessibleName(name)
        return button
