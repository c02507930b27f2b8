"""The shown lines as Qt's views want them. Lines are taken in by steps, so that the window never stands still."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    QTimer,
    Signal,
)

from model_switcher.desktop.view_state.log_lines import LogFilter, LogLines, LogRow
from model_switcher.desktop.view_state.log_window import spoken

if TYPE_CHECKING:
    from model_switcher.engine.log import LogLine, LogPage

AnyIndex = QModelIndex | QPersistentModelIndex


class LogModel(QAbstractTableModel):
    """One column, one row for each line that passes the filter.

    Signals:
        grown: Rows were added at the end; the number is that of the rows that went at the beginning.
        settled: Every line has been looked at.
    """

    grown = Signal(int)
    settled = Signal()

    def __init__(self, parent: QObject | None = None, lines: LogLines | None = None) -> None:
        super().__init__(parent)
        self.lines = lines or LogLines()
        self.names: dict[str, str] = {}
        self._step = QTimer(self, singleShot=True, interval=0)
        self._step.timeout.connect(self._advance)

    def add(self, page: LogPage) -> None:
        """Takes further lines."""
        self.lines.add(page)
        self._step.start()

    def sift(self, new: LogFilter) -> None:
        """Shows what passes another filter."""
        if new != self.lines.filter:
            self.beginResetModel()
            self.lines.sift(new)
            self.endResetModel()
            self._step.start()

    def log_row(self, row: int) -> LogRow:
        """A row as it is painted."""
        return self.lines.row(self.lines.shown[row], self.names)

    def log_line(self, row: int) -> LogLine:
        """A row as the engine wrote it."""
        return self.lines.line(self.lines.shown[row])

    def rowCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008 - as in Qt
        return 0 if parent.isValid() else len(self.lines.shown)

    def columnCount(self, parent: AnyIndex = QModelIndex()) -> int:  # noqa: B008 - as in Qt
        return 0 if parent.isValid() else 1

    def data(self, index: AnyIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return spoken(self.log_row(index.row()))
        return None

    def _advance(self) -> None:
        passed = self.lines.step()
        gone = self._trim()
        if passed:
            count = len(self.lines.shown)
            self.beginInsertRows(QModelIndex(), count, count + len(passed) - 1)
            self.lines.show(passed)
            self.endInsertRows()
        if passed or gone:
            self.grown.emit(gone)
        if self.lines.is_behind:
            self._step.start()
        else:
            self.settled.emit()

    def _trim(self) -> int:
        """Lets the oldest rows go; how many did."""
        gone = self.lines.surplus
        if gone:
            self.beginRemoveRows(QModelIndex(), 0, gone - 1)
        self.lines.trim()
        if gone:
            self.endRemoveRows()
        return gone
