"""The pages: a title, what it is about, and what is on it, in an area that scrolls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from model_switcher.desktop.language import tr
from model_switcher.desktop.panel.texts import dress
from model_switcher.desktop.settings.engines import EngineList
from model_switcher.desktop.settings.marks import Chooser
from model_switcher.desktop.settings.options import OptionList
from model_switcher.desktop.settings.rows import Fields, heading, stacked, words
from model_switcher.desktop.view_state.settings import PageId, Section

if TYPE_CHECKING:
    from model_switcher.desktop.panel.look import Look
    from model_switcher.desktop.view_state.settings import PageView, WindowView
    from model_switcher.desktop.view_state.settings.models import SupposedView


class Page(QScrollArea):
    """One page; `edited` carries a field and what its editor holds."""

    edited = Signal(object, object)

    def __init__(self, parent: QWidget, look: Look, view: PageView) -> None:
        super().__init__(parent)
        self.id, self._look = view.id, look
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        inside = QWidget(self)
        inside.setObjectName("page")
        self.column = stacked(inside, look)
        self.title, self.about = QLabel(view.title, inside), words(inside, view.about)
        dress(self.title, look.font(19, QFont.Weight.DemiBold), look.colours.text)
        dress(self.about, look.text, look.colours.dim)
        self.column.addWidget(self.title)
        self.column.addWidget(self.about)
        self.fields = Fields(inside, look)
        self.fields.edited.connect(self.edited)
        self.fill(inside)
        self.column.addWidget(self.fields)
        self.setWidget(inside)

    def fill(self, inside: QWidget) -> None:
        """Puts in what a page has besides fields, above them."""

    def show_page(self, view: PageView, window: WindowView) -> None:  # noqa: ARG002 - of the pages that need it
        """Shows the page as it is now."""
        self.fields.show_sections(view.sections)


class EnginePage(Page):
    """The engines. `chosen` and `try_asked` carry the setting of one."""

    chosen = Signal(str)
    try_asked = Signal(str)

    def fill(self, inside: QWidget) -> None:
        """Puts in the list."""
        self.engines = EngineList(inside, self._look)
        self.engines.chosen.connect(self.chosen)
        self.engines.try_asked.connect(self.try_asked)
        self.column.addWidget(self.engines)
        hint = words(
            inside,
            tr("Trying an engine loads your smallest model with it beside what runs, and unloads it again."),
        )
        dress(hint, self._look.line, self._look.colours.dim)
        self.column.addWidget(hint)

    def show_page(self, view: PageView, window: WindowView) -> None:
        """Shows the page as it is now."""
        super().show_page(view, window)
        self.engines.show_engines(window.engines)


class LaunchPage(Page):
    """The launch options of all models."""

    def fill(self, inside: QWidget) -> None:
        """Puts in the options."""
        self.options = OptionList(inside, self._look)
        self.column.addWidget(self.options)

    def show_page(self, view: PageView, window: WindowView) -> None:
        """Shows the page as it is now."""
        super().show_page(view, window)
        self.options.show_options(window.launch)


class Supposition(QWidget):
    """What a model would take with the settings as they are in the window."""

    def __init__(self, parent: QWidget, look: Look) -> None:
        super().__init__(parent)
        self.setObjectName("strip")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._look = look
        self.total, self.parts, self.fit = words(self), words(self), words(self)
        column = QVBoxLayout(self)
        column.setContentsMargins(look.px(12), look.px(8), look.px(12), look.px(8))
        column.setSpacing(look.px(2))
        for label in (self.total, self.fit, self.parts):
            column.addWidget(label)

    def show_view(self, view: SupposedView | None) -> None:
        """Shows `view`."""
        look = self._look
        self.total.setText(view.total if view is not None else tr("Working out what it takes…"))
        self.parts.setText(view.parts if view is not None else "")
        self.fit.setText(view.fit if view is not None else "")
        self.parts.setVisible(bool(self.parts.text()))
        self.fit.setVisible(bool(self.fit.text()))
        dress(self.total, look.name, look.colours.text)
        dress(self.parts, look.line, look.colours.dim)
        if view is not None:
            dress(self.fit, look.bold_line, look.colour(view.tone).name())


class ModelPage(Page):
    """The settings of one model at a time; `model_asked` carries the id of another one."""

    model_asked = Signal(str)

    def fill(self, inside: QWidget) -> None:
        """Puts in the model, what it takes, and its options."""
        self.models = Chooser(inside, self._look)
        self.models.setAccessibleName(tr("Model"))
        self.models.activated.connect(lambda number: self.model_asked.emit(self.models.itemData(number)))
        self.supposition = Supposition(inside, self._look)
        self.options = OptionList(inside, self._look)
        self.inherited = words(inside)
        self._listed: object = None
        self.column.addWidget(self.models)
        self.column.addWidget(self.supposition)
        self.column.addWidget(heading(inside, self._look, tr("Launch options of this model")))
        self.column.addWidget(self.inherited)
        self.column.addWidget(self.options)

    def show_page(self, view: PageView, window: WindowView) -> None:  # noqa: ARG002 - its fields are a model's
        """Shows the page as it is now."""
        model = window.model
        title = tr("Besides") if model.fields else ""
        self.fields.show_sections((Section(title, model.fields),))
        if model.models != self._listed:
            self._listed = model.models
            self.models.clear()
            for choice in model.models:
                label = f"{choice.label}  ·  {choice.note}" if choice.note else choice.label
                self.models.addItem(label, choice.value)
        self.models.setCurrentIndex(self.models.findData(model.id))
        self.supposition.show_view(model.supposed)
        self.supposition.setVisible(bool(model.id))
        self.inherited.setText(model.inherited)
        self.inherited.setVisible(bool(model.inherited))
        dress(self.inherited, self._look.line, self._look.colours.dim)
        self.options.setVisible(model.options is not None)
        if model.options is not None:
            self.options.show_options(model.options)


def page_for(parent: QWidget, look: Look, view: PageView) -> Page:
    """The page of that id."""
    kinds = {PageId.ENGINE: EnginePage, PageId.LAUNCH: LaunchPage, PageId.EACH: ModelPage}
    return kinds.get(view.id, Page)(parent, look, view)
