"""The inside of the panel: its parts from top to bottom, all shown from one snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPoint, QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from model_switcher.desktop.ask import Ask
from model_switcher.desktop.panel.details import Details
from model_switcher.desktop.panel.footer import Footer
from model_switcher.desktop.panel.header import Header
from model_switcher.desktop.panel.memory import Memory
from model_switcher.desktop.panel.pages import ListPage
from model_switcher.desktop.panel.strips import Banners, BusyStrip
from model_switcher.desktop.view_state import Command, panel_view
from model_switcher.desktop.view_state.details import details_view
from model_switcher.desktop.view_state.memory import memory_view
from model_switcher.domain.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from model_switcher.desktop.panel.look import Look
    from model_switcher.desktop.view_state.trail import Trail
    from model_switcher.domain.catalog import Model
    from model_switcher.domain.history import HistoryReport
    from model_switcher.domain.launch import Options


DETAILS_HEIGHT = 420
"""What the details want at least, in pixels of the design; the rest of them is scrolled."""


class Pages(QStackedWidget):
    """As high as the list wants to be, and where the details are shown, at least as high as they want to be."""

    least = 0

    def sizeHint(self) -> QSize:
        first = self.widget(0)
        if first is None:
            return QSize()
        hint = first.sizeHint()
        return hint.expandedTo(QSize(0, self.least)) if self.currentIndex() else hint

    def minimumSizeHint(self) -> QSize:
        first = self.widget(0)
        return QSize() if first is None else first.minimumSizeHint()


class Content(QWidget):
    """Shows snapshots.

    Args:
        parent: The window.
        look: Colours, fonts and sizes.
        offered: Of log and settings: what there is a link to.
        leaving: Whether the program can be ended here; elsewhere the menu of the tray does that.
        options: What a model would be started with.

    Signals:
        chosen: Load the model of that id.
        now_asked: Load it without waiting for running answers.
        pointed: The mark moved, to the model of that id or away from all of them (empty).
        commanded: What a button says, and what it is about.
        asked: What a link at the foot asks for.
        folder_asked: Open the folder of the model of that id.
        history_wanted: `show_history` is to be called with how past loads went.
        menu_asked: What can be done with a row, at that place of the screen.
        grown: The content wants another height.
    """

    chosen = Signal(str)
    now_asked = Signal(str)
    pointed = Signal(str)
    commanded = Signal(Command, str)
    asked = Signal(Ask)
    folder_asked = Signal(str)
    history_wanted = Signal()
    menu_asked = Signal(object, QPoint)
    grown = Signal()

    def __init__(
        self,
        parent: QWidget,
        look: Look,
        *,
        offered: Collection[Ask],
        leaving: bool,
        options: Callable[[Model], Options],
    ) -> None:
        super().__init__(parent)
        self._options = options
        self._snapshot = Snapshot()
        self._recent: tuple[str, ...] = ()
        self._trail: Trail | None = None
        self._pointed: str | None = None
        self._detailed: str | None = None
        self._history: HistoryReport | None = None
        self._put_away: set[str] = set()
        self._height = 0
        self.header, self.memory = Header(self), Memory(self)
        self.busy, self.banners = BusyStrip(self), Banners(self)
        self.page, self.details = ListPage(self, look), Details(self)
        self.details.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.footer = Footer(self, offered=offered, leaving=leaving)
        self._pages = Pages(self)
        self._lines = [_line(self), _line(self)]
        self._lay_out()
        self._connect()
        self.dress(look)

    def dress(self, look: Look) -> None:
        """Takes on colours, fonts and sizes."""
        for part in (
            self.header, self.memory, self.busy, self.banners, self.page, self.details, self.footer
        ):  # fmt: skip
            part.dress(look)
        self._pages.least = look.px(DETAILS_HEIGHT)
        for line in self._lines:
            line.setStyleSheet(f"background: {look.colours.line};")

    def show_snapshot(self, snapshot: Snapshot, recent: tuple[str, ...], trail: Trail) -> None:
        """Shows `snapshot`."""
        news = snapshot.outcome != self._snapshot.outcome
        self._snapshot, self._recent, self._trail = snapshot, recent, trail
        self._refresh()
        self.memory.show_trail(trail)
        if news and self._detailed is not None:
            self.history_wanted.emit()

    def show_history(self, history: HistoryReport) -> None:
        """Shows among the details how past loads went."""
        self._history = history
        self._refresh_details()

    def begin(self) -> None:
        """What the panel looks like when it opens: the whole list, and the keyboard in the filter."""
        self._close_details()
        self.page.filter.clear()
        self.page.list.unmark()
        self.page.list.scrollToTop()
        self.page.take_focus(Qt.FocusReason.ActiveWindowFocusReason)

    def step_back(self) -> bool:
        """Closes the details, or empties the filter; returns whether there was anything of that."""
        if self._detailed is not None:
            self._close_details()
            return True
        if self.page.filter.text():
            self.page.filter.clear()
            self.page.list.unmark()
            return True
        return False

    def show_details(self, model: str) -> None:
        """Shows all about the model of that id."""
        self._detailed = model
        self._refresh_details()
        if self._detailed is not None:
            self._pages.setCurrentWidget(self.details)
            self.details.back.setFocus(Qt.FocusReason.OtherFocusReason)
            self._tell_height()
            self.history_wanted.emit()

    def event(self, event: QEvent) -> bool:
        done = super().event(event)
        # Here it is known that a part wants another height: the layouts above it hear of that one by one, later.
        if event.type() is QEvent.Type.LayoutRequest:
            self._tell_height()
        return done

    def _lay_out(self) -> None:
        self._pages.addWidget(self.page)
        self._pages.addWidget(self.details)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        for part in (self.header, self.memory, self._lines[0], self.busy, self.banners):
            column.addWidget(part)
        column.addWidget(self._pages, 1)
        column.addWidget(self._lines[1])
        column.addWidget(self.footer)

    def _connect(self) -> None:
        rows = self.page.list
        rows.chosen.connect(self.chosen)
        rows.details_asked.connect(self.show_details)
        rows.cancel_asked.connect(lambda: self.commanded.emit(Command.CANCEL, ""))
        rows.pointed.connect(self._point)
        rows.pointed.connect(self.pointed)
        rows.menu_asked.connect(self.menu_asked)
        self.page.filter.typed.connect(lambda _: self._refresh())
        self.header.pressed.connect(self._press)
        self.busy.now_asked.connect(self.now_asked)
        self.busy.cancel_asked.connect(lambda: self.commanded.emit(Command.CANCEL, ""))
        self.banners.acted.connect(self.commanded)
        self.page.nothing.acted.connect(self.commanded)
        self.banners.put_away.connect(self._put)
        self.details.closed.connect(self._close_details)
        self.details.load_asked.connect(self._load)
        self.details.folder_asked.connect(self.folder_asked)
        self.footer.asked.connect(self.asked)

    def _refresh(self) -> None:
        view = panel_view(
            self._snapshot,
            recent=self._recent,
            pattern=self.page.filter.text(),
            pointed=self._pointed,
            put_away=self._put_away,
        )
        self._command = view.header.control.command
        self.header.show_view(view.header)
        self.memory.show_view(view.memory)
        self.busy.show_view(view.busy)
        self.banners.show_banners(view.banners)
        self.page.show_view(view, self._snapshot)
        self.footer.show_addresses(view.endpoint, view.web_ui)
        self._refresh_details()
        self._tell_height()

    def _refresh_details(self) -> None:
        if self._detailed is None:
            return
        model = self._snapshot.catalog.get(self._detailed)
        view = None
        if model is not None:
            view = details_view(self._snapshot, self._detailed, self._options(model), self._history)
        if view is None:
            self._close_details()
        else:
            self.details.show_view(view)

    def _tell_height(self) -> None:
        """While a filter is typed the panel keeps its height: it would jump with every letter."""
        height = self.sizeHint().height()
        if height != self._height and (self._detailed is not None or not self.page.filter.text()):
            self._height = height
            self.grown.emit()

    def _point(self, model: str) -> None:
        self._pointed = model or None
        self.memory.show_view(memory_view(self._snapshot, self._pointed))

    def _press(self) -> None:
        self.commanded.emit(self._command, "")

    def _put(self, key: str) -> None:
        self._put_away.add(key)
        self._refresh()

    def _load(self, model: str) -> None:
        self._close_details()
        self.chosen.emit(model)

    def _close_details(self) -> None:
        self._detailed = None
        self._pages.setCurrentWidget(self.page)
        self.page.take_focus()
        self._tell_height()


def _line(parent: QWidget) -> QFrame:
    line = QFrame(parent)
    line.setFixedHeight(1)
    return line
