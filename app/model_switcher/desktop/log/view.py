"""The lines: scrolled, selected, followed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QItemSelectionModel, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from model_switcher.desktop.language import tr
from model_switcher.desktop.log.delegate import LineDelegate

if TYPE_CHECKING:
    from model_switcher.desktop.log.model import LogModel
    from model_switcher.desktop.panel.look import Look
    from model_switcher.engine.log import LogLine


class LogView(QTableView):
    """A table of one column: of Qt's views the one that asks nothing about rows that are not seen.

    Signals:
        follows: Whether it stays at the end when lines come: until one scrolls up, and again at the end.
        copy_asked: Ctrl+C was pressed.
    """

    follows = Signal(bool)
    copy_asked = Signal()

    def __init__(self, parent: QWidget, model: LogModel, look: Look) -> None:
        super().__init__(parent)
        self.following = True
        self._growing = False
        self._lines = model
        self.lines_delegate = LineDelegate(self, model, look)
        self.setModel(model)
        self.setItemDelegate(self.lines_delegate)
        self.setAccessibleName(tr("Lines of the log"))
        self.setAccessibleDescription(tr("End follows the newest line, Ctrl+C copies what is selected"))
        for header in (self.horizontalHeader(), self.verticalHeader()):
            header.hide()
            header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
            header.setMinimumSectionSize(1)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setAutoScroll(False)
        model.grown.connect(self._grow)
        model.modelReset.connect(self._widen)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)

    def dress(self, look: Look) -> None:
        """Takes on colours, fonts and sizes."""
        self.lines_delegate.dress(look)
        self.verticalHeader().setDefaultSectionSize(self.lines_delegate.height)
        self.verticalScrollBar().setSingleStep(self.lines_delegate.height)
        self.horizontalScrollBar().setSingleStep(look.px(40))
        self._widen()
        self.viewport().update()

    def follow(self, *, on: bool) -> None:
        """Stays at the end, or where it is."""
        if on != self.following:
            self.following = on
            self.follows.emit(on)
        if on:
            self._to_end()

    def selected_lines(self) -> list[LogLine]:
        """The selected lines, from the top."""
        rows = sorted(index.row() for index in self.selectionModel().selectedRows())
        return [self._lines.log_line(row) for row in rows]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_asked.emit()
        elif event.key() in (Qt.Key.Key_Home, Qt.Key.Key_End) and not event.modifiers():
            # In a table of one column Qt's own Home and End stay in the row.
            self._go_to(0 if event.key() == Qt.Key.Key_Home else self._lines.rowCount() - 1)
        else:
            super().keyPressEvent(event)

    def _go_to(self, row: int) -> None:
        index = self._lines.index(row, 0)
        flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
        self.selectionModel().setCurrentIndex(index, flags)
        self.follow(on=row > 0)
        if not self.following:
            self.scrollToTop()

    def _grow(self, gone: int) -> None:
        self._growing = True
        if self.following:
            self._to_end()
        elif gone:
            # What one reads stays under one's eyes.
            bar = self.verticalScrollBar()
            bar.setValue(max(0, bar.value() - gone * self.lines_delegate.height))
        self._growing = False
        self._widen()

    def _widen(self) -> None:
        wanted = max(self.viewport().width(), self.lines_delegate.width(self._lines.lines.longest))
        if self.columnWidth(0) != wanted:
            self.setColumnWidth(0, wanted)

    def _to_end(self) -> None:
        # The bar learns of new rows late: with the next layout.
        self.updateGeometries()
        bar = self.verticalScrollBar()
        bar.setValue(bar.maximum())

    def _scrolled(self, value: int) -> None:
        if self._growing:
            return
        at_end = value >= self.verticalScrollBar().maximum()
        if at_end != self.following:
            self.following = at_end
            self.follows.emit(at_end)
