"""An open panel: what is asked of it, what it shows, and keys and clicks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QWidget

from fakes import panel_states as states
from model_switcher.desktop.view_state.trail import Trail

if TYPE_CHECKING:
    from model_switcher.desktop.panel.content import Content
    from model_switcher.desktop.panel.model_list import ModelList
    from model_switcher.desktop.panel_host import PanelHost
    from model_switcher.domain.snapshot import Snapshot


class Opened:
    """An open panel."""

    def __init__(self, host: PanelHost) -> None:
        self.host = host
        self.asked: list[tuple[object, ...]] = []
        host.chosen.connect(lambda model: self.asked.append(("chosen", model)))
        host.now_asked.connect(lambda model: self.asked.append(("now", model)))
        host.commanded.connect(lambda command, target: self.asked.append((command, target)))
        host.asked.connect(lambda ask: self.asked.append((ask,)))
        host.folder_asked.connect(lambda path: self.asked.append(("folder", path)))

    def show(self, snapshot: Snapshot, recent: tuple[str, ...] = states.RECENT) -> None:
        trail = Trail()
        trail.record(snapshot)
        self.host.show_snapshot(snapshot, recent, trail)

    @property
    def content(self) -> Content:
        assert self.host.window is not None
        return self.host.window.content

    @property
    def list(self) -> ModelList:
        return self.content.page.list

    @property
    def filter(self) -> QLineEdit:
        return self.content.page.filter

    def press(self, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        focus = QGuiApplication.focusObject()
        QTest.keyClick(focus if isinstance(focus, QWidget) else self.filter, key, modifier)

    def names(self) -> list[str]:
        """Titles and names from the top."""
        rows = self.list.rows
        return [str(rows.data(rows.index(number))).partition(",")[0] for number in range(rows.rowCount())]

    def marked(self) -> str:
        row = self.list.rows.row(self.list.currentIndex())
        return "" if row is None else row.name

    def spot(self, name: str, from_right: int | None = None) -> QPoint:
        """A place on the row of that name."""
        place = self.list.visualRect(self.list.rows.index(self.names().index(name)))
        return QPoint(80 if from_right is None else place.right() - from_right, place.center().y())

    def click(self, name: str, from_right: int | None = None) -> None:
        QTest.mouseClick(
            self.list.viewport(),
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
            self.spot(name, from_right),
        )
