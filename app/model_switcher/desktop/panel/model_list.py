"""The list of models. Pointer and keyboard share one mark; what is marked is what the ghost in the bar is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QModelIndex, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QContextMenuEvent, QKeyEvent, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractItemView, QListView, QWidget

from model_switcher.desktop.language import tr
from model_switcher.desktop.panel.delegate import ROW_HEIGHT, SIGN, TITLE_HEIGHT, RowDelegate
from model_switcher.desktop.panel.rows import Rows
from model_switcher.desktop.view_state import RowKind

if TYPE_CHECKING:
    from model_switcher.desktop.panel.look import Look
    from model_switcher.desktop.view_state.sections import Section
    from model_switcher.domain.snapshot import Snapshot

MOST_ROWS = 7.5
"""Rows that are seen at once; the half one says that there are more."""
MOVES = {Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown}


class ModelList(QListView):
    """Shows sections of rows.

    Signals:
        chosen: A model shall be loaded: its id.
        details_asked: All about a model shall be shown: its id.
        cancel_asked: The load shall be given up.
        pointed: The mark moved, to the model of that id or away from all of them (empty).
        menu_asked: What can be done with a row, at that place of the screen.
    """

    chosen = Signal(str)
    details_asked = Signal(str)
    cancel_asked = Signal()
    pointed = Signal(str)
    menu_asked = Signal(object, QPoint)

    def __init__(self, parent: QWidget, look: Look) -> None:
        super().__init__(parent)
        self._look = look
        self._is_marked_by_hand = False  # by the keyboard, and not by the pointer
        self.rows = Rows(self)
        self._delegate = RowDelegate(self, self.rows, look)
        self.setModel(self.rows)
        self.setItemDelegate(self._delegate)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMouseTracking(True)
        self.setAccessibleName(tr("Models"))
        self.selectionModel().currentChanged.connect(self._moved)
        self.verticalScrollBar().rangeChanged.connect(self._give_way)

    def dress(self, look: Look) -> None:
        """Takes on colours, fonts and sizes."""
        self._look = look
        self._delegate.look = look
        self.verticalScrollBar().setSingleStep(look.px(ROW_HEIGHT) // 2)
        self.scheduleDelayedItemsLayout()
        self.updateGeometry()

    def show_rows(self, snapshot: Snapshot, sections: tuple[Section, ...], *, mark_first: bool) -> None:
        """Shows `sections`; the mark stays on its row, or goes to the first one where `mark_first` asks for it."""
        marked, scrolled = self.rows.key(self.currentIndex()), self.verticalScrollBar().value()
        if not self.rows.show_rows(snapshot, sections):
            return
        self.updateGeometry()
        place = self.rows.place_of(marked)
        if mark_first and (not place.isValid() or not self._is_marked_by_hand):
            self._mark(self.rows.first())
            self.scrollToTop()
            return
        self.verticalScrollBar().setValue(scrolled)
        if place.isValid():
            self._mark(place)
        else:
            self.pointed.emit("")

    def unmark(self) -> None:
        """Takes the mark away."""
        self.clearSelection()
        self.setCurrentIndex(QModelIndex())

    def marked_model(self) -> str | None:
        """Id of the model under the mark."""
        row = self.rows.row(self.currentIndex())
        return None if row is None else row.model

    def load_marked(self) -> None:
        """Asks for the model under the mark."""
        model = self.marked_model()
        if model is not None:
            self.chosen.emit(model)

    def ask_details(self) -> None:
        """Asks for all about the model under the mark."""
        key = self.rows.key(self.currentIndex())
        if key is not None and key.kind is RowKind.MODEL:
            self.details_asked.emit(key.id)

    def steer(self, event: QKeyEvent) -> bool:
        """Obeys a key that was pressed in the filter field; returns whether it was meant for the list."""
        key, modifiers = event.key(), event.modifiers()
        if key in MOVES and not modifiers & ~Qt.KeyboardModifier.KeypadModifier:
            self._step(event)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if modifiers & Qt.KeyboardModifier.AltModifier:
                self.ask_details()
            else:
                self.load_marked()
        elif key == Qt.Key.Key_Menu:
            self._ask_menu(self.visualRect(self.currentIndex()).center())
        else:
            return False
        return True

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Right:
            self.ask_details()
        elif not self.steer(event):
            super().keyPressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        if self.rows.key(index) is not None:
            self._mark(index, scroll=False)
        self.viewport().setCursor(
            Qt.CursorShape.PointingHandCursor
            if self.marked_model() is not None and index.isValid()
            else Qt.CursorShape.ArrowCursor
        )

    def mousePressEvent(self, event: QMouseEvent) -> None:
        # Nothing is done on the press: it may be the begin of a way out.
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        row, key = self.rows.row(index), self.rows.key(index)
        if row is None or key is None or event.button() is not Qt.MouseButton.LeftButton:
            return
        self._mark(index, scroll=False)
        if event.position().x() < self.viewport().width() - self._look.px(SIGN):
            self.load_marked()
        elif row.cancel:
            self.cancel_asked.emit()
        else:
            self.ask_details()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        event.accept()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        index = self.indexAt(event.pos())
        if self.rows.key(index) is not None:
            self._mark(index, scroll=False)
            self._ask_menu(event.pos())

    def leaveEvent(self, event: QEvent) -> None:
        # A mark that the pointer left behind would keep a ghost in the bar.
        if not self._is_marked_by_hand:
            self.unmark()
        super().leaveEvent(event)

    def sizeHint(self) -> QSize:
        height, most = 2, self._look.px(ROW_HEIGHT) * MOST_ROWS + self._look.px(TITLE_HEIGHT) * 2
        for number in range(self.rows.rowCount()):
            height += self._look.px(TITLE_HEIGHT if self.rows.is_title(number) else ROW_HEIGHT)
            if height > most:
                return QSize(self._look.px(200), round(most))
        return QSize(self._look.px(200), height)

    def minimumSizeHint(self) -> QSize:
        return QSize(self._look.px(200), self._look.px(ROW_HEIGHT * 2))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        current = self.currentIndex()
        if current.isValid() and self._is_marked_by_hand:
            self.scrollTo(current)

    def _give_way(self, _least: int, most: int) -> None:
        """What stands at the right stays where it is, whether or not there is a scroll bar beside it."""
        self._delegate.beside_bar = most > 0
        self.viewport().update()

    def _step(self, event: QKeyEvent) -> None:
        if self.rows.key(self.currentIndex()) is None:
            self._mark(self.rows.first())
        else:
            # The view knows which row is next, and that titles are none.
            super().keyPressEvent(
                QKeyEvent(QEvent.Type.KeyPress, event.key(), Qt.KeyboardModifier.NoModifier)
            )
            if self.currentIndex() == self.rows.first():
                self.scrollToTop()  # with the title over it
        self._is_marked_by_hand = True

    def _mark(self, index: QModelIndex, *, scroll: bool = True) -> None:
        self._is_marked_by_hand = scroll
        if index == self.currentIndex():
            return
        if not scroll:
            self.setAutoScroll(False)
        self.setCurrentIndex(index)
        self.setAutoScroll(True)

    def _moved(self, current: QModelIndex, _before: QModelIndex) -> None:
        row = self.rows.row(current)
        self.pointed.emit("" if row is None or row.model is None else row.model)

    def _ask_menu(self, place: QPoint) -> None:
        key = self.rows.key(self.currentIndex())
        if key is not None:
            self.menu_asked.emit(key, self.viewport().mapToGlobal(place))
