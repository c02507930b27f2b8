"""The engines to choose among, each with what it says of itself and a way to try it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QButtonGroup,
    QFileDialog,
    QFrame,
    QGridLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from model_switcher.desktop.language import tr
from model_switcher.desktop.panel.texts import dress
from model_switcher.desktop.settings.marks import Dot
from model_switcher.desktop.settings.rows import words

if TYPE_CHECKING:
    from model_switcher.desktop.panel.look import Look
    from model_switcher.desktop.view_state.settings.engines import EngineView


class EngineCard(QFrame):
    """One engine."""

    chosen = Signal(str)
    try_asked = Signal(str)

    def __init__(self, parent: QWidget, look: Look, view: EngineView) -> None:
        super().__init__(parent)
        self.setObjectName("engine")
        self._look, self.view = look, view
        px = look.px
        self.dot = Dot(self, look)
        self.dot.setFont(look.name)
        self.text, self.result = words(self), words(self)
        self.try_it = QPushButton(tr("Try it"), self)
        self.try_it.setProperty("kind", "part")
        self.dot.clicked.connect(lambda _=False: self.chosen.emit(self.view.setting))
        self.try_it.clicked.connect(lambda _=False: self.try_asked.emit(self.view.setting))
        grid = QGridLayout(self)
        grid.setContentsMargins(px(12), px(8), px(12), px(10))
        grid.setVerticalSpacing(px(2))
        grid.addWidget(self.dot, 0, 0)
        grid.addWidget(self.try_it, 0, 1, Qt.AlignmentFlag.AlignRight)
        for row, label in enumerate((self.text, self.result), start=1):
            label.setContentsMargins(px(27), 0, 0, 0)
            grid.addWidget(label, row, 0, 1, 2)
        grid.setColumnStretch(0, 1)
        self.show_engine(view)

    def show_engine(self, view: EngineView) -> None:
        """Shows it as it is now."""
        self.view = view
        look = self._look
        self.dot.setText(view.title)
        self.dot.setChecked(view.chosen)
        self.dot.setAccessibleDescription(view.text)
        self.try_it.setEnabled(view.can_try)
        self.try_it.setAccessibleName(tr("Try {engine}").format(engine=view.title))
        for label, text, tone in (
            (self.text, view.text, view.tone),
            (self.result, view.result, view.result_tone),
        ):
            label.setText(text)
            label.setVisible(bool(text))
            dress(label, look.line, look.colour(tone).name())
        if self.property("chosen") is not view.chosen:
            self.setProperty("chosen", view.chosen)
            self.style().unpolish(self)
            self.style().polish(self)


class EngineList(QWidget):
    """All of them. `chosen` carries a setting, `try_asked` the one to be tried."""

    chosen = Signal(str)
    try_asked = Signal(str)

    def __init__(self, parent: QWidget, look: Look) -> None:
        super().__init__(parent)
        self._look = look
        self.cards: dict[str, EngineCard] = {}
        self._group = QButtonGroup(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, look.px(8), 0, 0)
        column.setSpacing(look.px(8))
        self._cards = QVBoxLayout()
        self._cards.setSpacing(look.px(8))
        self.other = QPushButton(tr("Another llama-server…"), self)
        self.other.setProperty("kind", "part")
        self.other.setAccessibleName(tr("Choose another llama-server"))
        self.other.clicked.connect(lambda _=False: self._ask_for_another())
        column.addLayout(self._cards)
        column.addWidget(self.other, 0, Qt.AlignmentFlag.AlignLeft)

    def show_engines(self, views: tuple[EngineView, ...]) -> None:
        """Shows these; the cards stay as long as the engines are the same."""
        if [view.setting for view in views] != list(self.cards):
            for card in self.cards.values():
                self._group.removeButton(card.dot)
                card.hide()
                card.deleteLater()
            self.cards = {view.setting: self._card(view) for view in views}
        for view in views:
            self.cards[view.setting].show_engine(view)

    def _card(self, view: EngineView) -> EngineCard:
        card = EngineCard(self, self._look, view)
        card.chosen.connect(self.chosen)
        card.try_asked.connect(self.try_asked)
        self._group.addButton(card.dot)
        self._cards.addWidget(card)
        return card

    def _ask_for_another(self) -> None:
        dialog = QFileDialog(self, tr("A program llama-server"))
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.fileSelected.connect(self.chosen)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
