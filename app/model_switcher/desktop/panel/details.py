"""The page with all about one model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent
from PySide6.QtWidgets import (
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from model_switcher.desktop.language import tr
from model_switcher.desktop.panel.plot import Plot
from model_switcher.desktop.panel.texts import ElidedLabel, dress
from model_switcher.desktop.view_state.details import Fact

if TYPE_CHECKING:
    from collections.abc import Iterable

    from model_switcher.desktop.panel.look import Look
    from model_switcher.desktop.view_state.details import DetailsView

_BACK = (Qt.Key.Key_Left, Qt.Key.Key_Backspace)


class FactList(QWidget):
    """Labels and values in two columns."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._look: Look | None = None
        self._facts: tuple[Fact, ...] = ()
        self._form = QFormLayout(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self._form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)

    def dress(self, look: Look, *, mono: bool = False) -> None:
        self._look, self._mono = look, mono
        self._form.setVerticalSpacing(look.px(4))
        self._form.setHorizontalSpacing(look.px(14))
        self._build()

    def show_facts(self, facts: Iterable[Fact]) -> None:
        facts = tuple(facts)
        if facts != self._facts:
            self._facts = facts
            self._build()

    def _build(self) -> None:
        while self._form.rowCount():
            self._form.removeRow(0)
        if self._look is None:
            return
        look = self._look
        for fact in self._facts:
            label, value = QLabel(fact.label, self), QLabel(fact.value, self)
            for text in (label, value):
                text.setTextFormat(Qt.TextFormat.PlainText)
                text.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
            value.setWordWrap(True)
            value.setAccessibleName(f"{fact.label}: {fact.value}")
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            dress(label, look.mono if self._mono else look.line, look.colours.dim)
            dress(value, look.mono if self._mono else look.line, look.colours.text)
            self._form.addRow(label, value)


class Details(QWidget):
    """Shows a `DetailsView`.

    Signals:
        closed: Back to the list.
        load_asked, folder_asked: Load the model of that id, show its file.
    """

    closed = Signal()
    load_asked = Signal(str)
    folder_asked = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._view: DetailsView | None = None
        self.back = self._button(tr("← Back"), tr("Back to the list"), kind="link")
        self.title, self.fit = ElidedLabel(self), QLabel(self)
        self.facts, self.plot = FactList(self), Plot(self)
        self.loads, self.options = FactList(self), FactList(self)
        self.loads_heading, self._heading = QLabel(self), QLabel(tr("Started with"), self)
        self._line = QFrame(self)
        self._line.setFixedHeight(1)
        self.load = self._button(tr("Load"), tr("Load this model"), kind="main")
        self.folder = self._button(tr("Open folder"), tr("Open the folder of its file"))
        self.copy = self._button(tr("Copy id"), tr("Copy the id that programs name"))
        self.back.clicked.connect(lambda _=False: self.closed.emit())
        self.load.clicked.connect(lambda _=False: self.load_asked.emit(self._id))
        self.folder.clicked.connect(lambda _=False: self.folder_asked.emit(self._id))
        self.copy.clicked.connect(lambda _=False: QGuiApplication.clipboard().setText(self._id))
        self._lay_out()

    @property
    def _id(self) -> str:
        return "" if self._view is None else self._view.id

    def _lay_out(self) -> None:
        self._head, self._buttons = QHBoxLayout(), QHBoxLayout()
        self._head.addWidget(self.back)
        self._head.addWidget(self.title, 1)
        self._head.addWidget(self.fit)
        for button in (self.load, self.folder, self.copy):
            self._buttons.addWidget(button)
        self._buttons.addStretch(1)
        inside = QWidget(self)
        self._inside = QVBoxLayout(inside)
        self._inside.addWidget(self.facts)
        for group in ((self.plot,), (self.loads_heading, self.loads), (self._heading, self.options)):
            self._inside.addSpacing(4)
            for part in group:
                self._inside.addWidget(part)
        self._inside.addStretch(1)
        self._area = QScrollArea(self)
        self._area.setWidget(inside)
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._column = QVBoxLayout(self)
        self._column.setSpacing(0)
        self._column.addLayout(self._head)
        self._column.addWidget(self._area, 1)
        self._column.addWidget(self._line)
        self._column.addLayout(self._buttons)

    def dress(self, look: Look) -> None:
        """Takes on colours, fonts and sizes."""
        px = look.px
        self._look = look
        self._column.setContentsMargins(0, px(8), 0, px(10))
        self._head.setContentsMargins(px(10), 0, px(16), px(6))
        self._head.setSpacing(px(6))
        self._buttons.setSpacing(px(6))
        self._buttons.setContentsMargins(px(16), px(8), px(16), 0)
        self._inside.setContentsMargins(px(16), px(4), px(16), px(4))
        self._inside.setSpacing(px(8))
        dress(self.title, look.name, look.colours.text)
        for heading in (self.loads_heading, self._heading):
            dress(heading, look.heading, look.colours.dim)
        self._line.setStyleSheet(f"background: {look.colours.line};")
        self.facts.dress(look)
        self.loads.dress(look)
        self.options.dress(look, mono=True)
        self.plot.dress(look)

    def show_view(self, view: DetailsView) -> None:
        """Shows `view`."""
        self.title.say(view.title)
        self.fit.setText(" · ".join(part for part in (view.fit.text, view.fit.note) if part))
        dress(self.fit, self._look.small, self._look.colour(view.fit.tone).name())
        self.facts.show_facts(view.facts)
        self.plot.show_plot(view.plot)
        self.options.show_facts(view.options)
        loads = view.loads
        if loads is not None:
            self.loads.show_facts(Fact(when, how) for when, how in loads.lines)
            summary = tr("Last loads: {summary}").format(summary=loads.summary)
            self.loads_heading.setText(summary if loads.summary else tr("Last loads"))
        for part in (self.loads_heading, self.loads):
            part.setVisible(loads is not None)
        self._heading.setVisible(bool(view.options))
        self.load.setEnabled(view.loadable)
        self._view = view

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # Of the buttons, which take arrows for a way to each other: what the right arrow opened, the left one closes.
        if isinstance(event, QKeyEvent) and event.type() is QEvent.Type.KeyPress and event.key() in _BACK:
            self.closed.emit()
            return True
        return super().eventFilter(watched, event)

    def _button(self, text: str, name: str, kind: str = "") -> QPushButton:
        button = QPushButton(text, self)
        button.setAccessibleName(name)
        button.setProperty("kind", kind)
        button.installEventFilter(self)
        return button
