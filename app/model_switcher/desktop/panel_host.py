"""Opens, closes and renews the panel. The window is made when it is first wanted, and kept."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QRect, QTimer, Signal
from PySide6.QtGui import QGuiApplication

from model_switcher.desktop.ask import Ask
from model_switcher.desktop.theme import colours
from model_switcher.desktop.view_state import Command
from model_switcher.desktop.view_state.trail import Trail
from model_switcher.domain.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Literal

    from PySide6.QtCore import QPoint

    from model_switcher.desktop.panel.window import PanelWindow
    from model_switcher.desktop.view_state import RowKey
    from model_switcher.domain.catalog import Model
    from model_switcher.domain.history import HistoryReport
    from model_switcher.domain.launch import Options

SAME_CLICK_SECONDS = 0.3
"""A click on the icon takes the focus from the panel, which closes it; the same click must not open it again."""

REST_MS = 400
"""What the mark only passes is not what is wanted next."""


class PanelHost(QObject):
    """The panel, whether or not there is a window of it.

    Args:
        theme: Of the settings.
        offered: Of log and settings: what the panel has a link to.
        options: What a model would be started with.

    Signals:
        chosen, now_asked: Load the model of that id, the latter without waiting for running answers.
        rested: The mark has rested on the model of that id for a moment, or away from all of them (empty).
        commanded: What a button says, and what it is about.
        asked: The same as an entry of the menu.
        folder_asked: Open the folder of the file at that path.
        history_wanted: `show_history` is to be called with how past loads went.
        closing: The window with a frame is closed, which may be all of the program that can be seen.
    """

    chosen = Signal(str)
    now_asked = Signal(str)
    rested = Signal(str)
    commanded = Signal(Command, str)
    asked = Signal(Ask)
    folder_asked = Signal(str)
    history_wanted = Signal()
    closing = Signal()

    def __init__(
        self,
        *,
        theme: Literal["system", "light", "dark"],
        offered: Collection[Ask],
        options: Callable[[Model], Options],
    ) -> None:
        super().__init__()
        self._theme: Literal["system", "light", "dark"] = theme
        self._offered = offered
        self._options = options
        self._window: PanelWindow | None = None
        self._snapshot = Snapshot(scanning=True)
        self._recent: tuple[str, ...] = ()
        self._trail = Trail()
        self._pointed = ""
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(lambda: self.rested.emit(self._pointed))
        QGuiApplication.styleHints().colorSchemeChanged.connect(self._dress)

    @property
    def window(self) -> PanelWindow | None:
        """The window; None before it was first wanted."""
        return self._window

    def show_snapshot(self, snapshot: Snapshot, recent: tuple[str, ...], trail: Trail) -> None:
        """Shows a snapshot; what is not seen is not made."""
        self._snapshot, self._recent, self._trail = snapshot, recent, trail
        if self._window is not None and self._window.isVisible():
            self._window.content.show_snapshot(snapshot, recent, trail)

    def show_history(self, history: HistoryReport) -> None:
        """Shows how past loads went, where that is looked at."""
        if self._window is not None:
            self._window.content.show_history(history)

    def set_theme(self, theme: Literal["system", "light", "dark"]) -> None:
        """Takes on other colours."""
        if theme != self._theme:
            self._theme = theme
            self._dress()

    def prepare(self) -> None:
        """Makes the window without showing it, so that the first opening is as quick as all others."""
        if self._window is None:
            self._renew(framed=False).content.show_snapshot(self._snapshot, self._recent, self._trail)

    def toggle(self, anchor: QRect | None) -> None:
        """Opens the panel beside `anchor`, or closes it if it is open."""
        window = self._window
        if window is not None and window.isVisible():
            window.dismiss()
        elif window is None or time.monotonic() - window.left_at > SAME_CLICK_SECONDS:
            self.open(anchor)

    def open(self, anchor: QRect | None, *, framed: bool = False) -> None:
        """Opens the panel beside `anchor`; `framed` as a window like any other, where there is no tray."""
        window = self._window
        if window is None or window.framed != framed:
            window = self._renew(framed=framed)
        window.content.show_snapshot(self._snapshot, self._recent, self._trail)
        window.open_at(anchor)

    def dismiss(self) -> None:
        """Closes the panel; it is kept for the next time."""
        if self._window is not None:
            self._window.dismiss()

    def close(self) -> None:
        """Takes the window away for good."""
        if self._window is not None:
            self._window.dismiss()
            self._window.deleteLater()
            self._window = None

    def _renew(self, *, framed: bool) -> PanelWindow:
        # Half of all that the desktop imports, and the icon waits for none of it.
        from model_switcher.desktop.panel.window import PanelWindow  # noqa: PLC0415

        self.close()
        palette = colours(self._theme, QGuiApplication.styleHints())
        window = PanelWindow(palette, offered=self._offered, options=self._options, framed=framed)
        self._window, content = window, window.content
        content.chosen.connect(self.chosen)
        content.now_asked.connect(self.now_asked)
        content.pointed.connect(self._point)
        content.commanded.connect(self.commanded)
        content.asked.connect(self.asked)
        content.history_wanted.connect(self.history_wanted)
        window.closing.connect(self.closing)
        content.folder_asked.connect(self._open_folder)
        content.menu_asked.connect(self._open_menu)
        return window

    def _point(self, model: str) -> None:
        if model != self._pointed:
            self._pointed = model
            self._rest.start()

    def _open_folder(self, model: str) -> None:
        found = self._snapshot.catalog.get(model)
        if found is not None:
            self.folder_asked.emit(found.path)

    def _open_menu(self, key: RowKey, place: QPoint) -> None:
        window = self._window
        if window is None:
            return
        from model_switcher.desktop.panel.row_menu import RowMenu  # noqa: PLC0415 - as above

        menu = RowMenu(window, key, self._snapshot, colours(self._theme, QGuiApplication.styleHints()))
        menu.load_asked.connect(self.chosen)
        menu.details_asked.connect(window.content.show_details)
        menu.folder_asked.connect(self.folder_asked)
        menu.popup(place)

    def _dress(self) -> None:
        if self._window is not None:
            self._window.dress(colours(self._theme, QGuiApplication.styleHints()))
