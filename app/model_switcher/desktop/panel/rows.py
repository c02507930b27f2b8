"""The rows of the list as Qt's views want them. What a row shows is made when it is painted, not before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from model_switcher.desktop.view_state import RowKey, RowView, row_view

if TYPE_CHECKING:
    from model_switcher.desktop.view_state.sections import Section
    from model_switcher.domain.snapshot import Snapshot

Index = QModelIndex | QPersistentModelIndex
ROW = Qt.ItemDataRole.UserRole
"""The `RowView` of a row; the title of a group as text."""
NO_INDEX = QModelIndex()


class Rows(QAbstractListModel):
    """Titles of groups and rows under them, of one snapshot."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._snapshot: Snapshot | None = None
        self._sections: tuple[Section, ...] = ()
        self._items: list[str | RowKey] = []
        self._made: dict[RowKey, RowView | None] = {}

    def show_rows(self, snapshot: Snapshot, sections: tuple[Section, ...]) -> bool:
        """Shows `sections` of `snapshot`; returns whether there are other rows than before."""
        self._snapshot = snapshot
        if sections == self._sections:
            before, self._made = self._made, {}
            self._tell_changes(before)
            return False
        self.beginResetModel()
        self._made = {}
        self._sections = sections
        self._items = []
        for section in sections:
            self._items += [section.title, *section.rows]
        self.endResetModel()
        return True

    def _tell_changes(self, before: dict[RowKey, RowView | None]) -> None:
        """Tells of the rows that look different now; only those that were looked at can."""
        for number, item in enumerate(self._items):
            if isinstance(item, RowKey) and item in before and before[item] != self._row(item):
                self.dataChanged.emit(self.index(number), self.index(number))

    def key(self, index: Index) -> RowKey | None:
        """Which row that is; None for a title and for no row."""
        item = self._items[index.row()] if index.isValid() and index.row() < len(self._items) else None
        return item if isinstance(item, RowKey) else None

    def row(self, index: Index) -> RowView | None:
        """What that row shows; None for a title and for no row."""
        key = self.key(index)
        return None if key is None else self._row(key)

    def place_of(self, key: RowKey | None) -> QModelIndex:
        """Where that row is; no valid index if it is nowhere."""
        return self.index(self._items.index(key)) if key in self._items else QModelIndex()

    def first(self) -> QModelIndex:
        """The first row that is no title."""
        number = next((number for number, item in enumerate(self._items) if isinstance(item, RowKey)), -1)
        return self.index(number) if number >= 0 else QModelIndex()

    def is_title(self, number: int) -> bool:
        """Whether the item of that number is the title of a group."""
        return isinstance(self._items[number], str)

    def rowCount(self, parent: Index = NO_INDEX) -> int:
        return 0 if parent.isValid() else len(self._items)

    def flags(self, index: Index) -> Qt.ItemFlag:
        if self.key(index) is None:
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemNeverHasChildren

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid():
            return None
        item = self._items[index.row()]
        if isinstance(item, str):
            return item if role in (ROW, Qt.ItemDataRole.DisplayRole) else None
        row = self._row(item)
        if row is None:
            return None
        if role == ROW:
            return row
        spoken = (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole)
        return row.spoken if role in spoken else None

    def _row(self, key: RowKey) -> RowView | None:
        if key not in self._made and self._snapshot is not None:
            self._made[key] = row_view(self._snapshot, key)
        return self._made.get(key)
