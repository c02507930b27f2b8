"""The settings window: the pages at the left, the one that is chosen beside them, and what to do with it below."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from model_switcher.desktop.language import tr
from model_switcher.desktop.panel.look import Look
from model_switcher.desktop.settings.foot import Foot
from model_switcher.desktop.settings.marks import Dot
from model_switcher.desktop.settings.pages import EnginePage, LaunchPage, ModelPage, Page, page_for
from model_switcher.desktop.settings.style import sheet
from model_switcher.desktop.wording import APP_NAME

if TYPE_CHECKING:
    from PySide6.QtGui import QCloseEvent, QKeyEvent

    from model_switcher.desktop.theme import Colours
    from model_switcher.desktop.view_state.settings import PageId, WindowView

WIDTH, HEIGHT = 860, 640
SIDE = 172


class SettingsWindow(QWidget):
    """Shows a `WindowView`.

    Signals:
        edited: A field, and what its editor holds.
        option_edited, option_removed, option_added: A key and a text; a key; a table and a name.
        engine_chosen, try_asked: The setting of an engine.
        model_asked, reload_asked: Id of a model: to be shown, to be loaded again.
        save_asked, discard_asked, file_asked, closed: What the buttons say.
    """

    edited = Signal(object, object)
    option_edited = Signal(object, str)
    option_removed = Signal(object)
    option_added = Signal(object, str)
    engine_chosen = Signal(str)
    try_asked = Signal(str)
    model_asked = Signal(str)
    reload_asked = Signal(str)
    save_asked = Signal()
    discard_asked = Signal()
    file_asked = Signal()
    closed = Signal()

    def __init__(self, colours: Colours, view: WindowView) -> None:
        super().__init__(None, Qt.WindowType.Window)
        self.setAttribute(Qt.WidgetAttribute.WA_QuitOnClose, False)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setWindowTitle(tr("Settings — {program}").format(program=APP_NAME))
        self._view = view
        self.look = look = Look(colours, QApplication.font())
        self.setStyleSheet(sheet(look))
        self.resize(look.px(WIDTH), look.px(HEIGHT))
        self.setMinimumSize(look.px(620), look.px(420))
        side = QWidget(self)
        side.setObjectName("side")
        side.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        side.setFixedWidth(look.px(SIDE))
        self.list = QListWidget(side)
        self.list.setObjectName("pages")
        self.list.setAccessibleName(tr("Pages"))
        self.stack = QStackedWidget(self)
        self.pages: dict[PageId, Page] = {}
        for page in view.pages:
            item = QListWidgetItem(page.title, self.list)
            item.setData(Qt.ItemDataRole.UserRole, page.id)
        self.list.currentRowChanged.connect(self._turn)
        self.foot = Foot(self, look)
        for signal, to in (
            (self.foot.save_asked, self.save_asked),
            (self.foot.discard_asked, self.discard_asked),
            (self.foot.file_asked, self.file_asked),
            (self.foot.reload_asked, self.reload_asked),
        ):
            signal.connect(to)
        inner = QVBoxLayout(side)
        inner.setContentsMargins(look.px(8), look.px(14), look.px(8), look.px(8))
        inner.addWidget(self.list)
        upper = QHBoxLayout()
        upper.setSpacing(0)
        upper.addWidget(side)
        upper.addWidget(self.stack, 1)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addLayout(upper, 1)
        whole.addWidget(self.foot)
        self.list.setCurrentRow(0)
        self.show_view(view)
        self.list.setFocus()

    def open(self) -> None:
        """Shows the window, in front of the others."""
        self.show()
        self.raise_()
        self.activateWindow()

    def open_page(self, page: PageId) -> None:
        """Turns to that page."""
        self.list.setCurrentRow([one.id for one in self._view.pages].index(page))

    def show_view(self, view: WindowView) -> None:
        """Shows everything as it is now; of the pages the one that is seen."""
        self._view = view
        for number, page in enumerate(view.pages):
            mark = " ⚠" if page.problems else " •" if page.changed else ""
            item = self.list.item(number)
            if item.text() != page.title + mark:
                item.setText(page.title + mark)
                wrong = tr("%n value(s) to be corrected", "", page.problems) if page.problems else ""
                item.setToolTip(wrong or (tr("changed") if page.changed else ""))
        self._turn(self.list.currentRow())
        self.foot.show_foot(view.foot)

    def _turn(self, number: int) -> None:
        """Shows a page; it is made when it is first wanted."""
        view = self._view.pages[number]
        page = self.pages.get(view.id)
        if page is None:
            page = self.pages[view.id] = page_for(self.stack, self.look, view)
            self._join(page)
            self.stack.addWidget(page)
        page.show_page(view, self._view)
        self.stack.setCurrentWidget(page)

    def _join(self, page: Page) -> None:
        page.edited.connect(self.edited)
        if isinstance(page, EnginePage):
            page.chosen.connect(self.engine_chosen)
            page.try_asked.connect(self.try_asked)
        if isinstance(page, ModelPage):
            page.model_asked.connect(self.model_asked)
        if isinstance(page, (LaunchPage, ModelPage)):
            page.options.edited.connect(self.option_edited)
            page.options.removed.connect(self.option_removed)
            page.options.added.connect(lambda name: self._add_option(page, name))

    def _add_option(self, page: Page, name: str) -> None:
        options = self._view.model.options if isinstance(page, ModelPage) else self._view.launch
        if options is not None:
            self.option_added.emit(options.table, name)

    def focusNextPrevChild(self, forwards: bool) -> bool:
        """The pages first, then what is on the page as one reads it, then the foot: Qt goes by the order of making."""
        chain = [self.list, *_reached(self.stack.currentWidget()), *_reached(self.foot)]
        now = self.focusWidget()
        at = chain.index(now) if now in chain else -1
        chain[(at + (1 if forwards else -1)) % len(chain)].setFocus(
            Qt.FocusReason.TabFocusReason if forwards else Qt.FocusReason.BacktabFocusReason
        )
        return True

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        super().closeEvent(event)
        self.closed.emit()


def _reached(part: QWidget | None) -> list[QWidget]:
    """What the keyboard reaches in a part of the window, as one reads it; of dots the one that is chosen."""
    if part is None:
        return []
    found = [
        (place.y(), place.x(), number, one)
        for number, one in enumerate(part.findChildren(QWidget))
        if one.isVisible()
        and one.isEnabled()
        and one.focusPolicy() & Qt.FocusPolicy.TabFocus
        and one.focusProxy() is None
        and not (isinstance(one, Dot) and not one.isChecked())
        for place in (one.mapTo(part, QPoint(0, 0)),)
    ]
    return [one for *_, one in sorted(found, key=lambda entry: entry[:3])]
