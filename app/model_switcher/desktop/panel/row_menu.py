"""What can be done with a row: the menu of its right click, or of the menu key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMenu, QWidget

from model_switcher.desktop.language import tr
from model_switcher.desktop.theme import menu_style
from model_switcher.desktop.view_state import RowKind
from model_switcher.desktop.wording import alive

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_switcher.desktop.theme import Colours
    from model_switcher.desktop.view_state import RowKey
    from model_switcher.domain.catalog import Model
    from model_switcher.domain.snapshot import Snapshot


class RowMenu(QMenu):
    """Is gone once it is closed."""

    load_asked = Signal(str)
    details_asked = Signal(str)
    folder_asked = Signal(str)

    def __init__(self, parent: QWidget, key: RowKey, snapshot: Snapshot, colours: Colours) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setStyleSheet(menu_style(colours))
        model = snapshot.catalog.get(key.id) if key.kind is RowKind.MODEL else None
        if key.kind is RowKind.LEASE:
            lease = next((one for one in snapshot.leases if one.id == key.id), None)
            model = None if lease is None else snapshot.catalog.get(lease.model)
        if model is not None:
            self._about_model(model, snapshot)
        elif key.kind is RowKind.FILE:
            self._add(tr("Open folder"), lambda: self.folder_asked.emit(key.id))
            self._add(tr("Copy path"), lambda: QGuiApplication.clipboard().setText(key.id))

    def _about_model(self, model: Model, snapshot: Snapshot) -> None:
        loaded = any(server.model == model.id for server in alive(snapshot))
        selected = model.id == snapshot.selected and loaded
        self._add(
            tr("Load"), lambda: self.load_asked.emit(model.id), enabled=model.available and not selected
        )
        self._add(tr("Details…"), lambda: self.details_asked.emit(model.id))
        self.addSeparator()
        self._add(tr("Open folder"), lambda: self.folder_asked.emit(model.path))
        self._add(tr("Copy id"), lambda: QGuiApplication.clipboard().setText(model.id))

    def _add(self, text: str, do: Callable[[], object], *, enabled: bool = True) -> None:
        action = self.addAction(text)
        action.setEnabled(enabled)
        action.triggered.connect(lambda _=False: do())
