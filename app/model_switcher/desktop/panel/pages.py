"""The page with the filter and the list, and what stands there when the list is empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from model_switcher.desktop.panel.filter_field import FilterField
from model_switcher.desktop.panel.model_list import ModelList
from model_switcher.desktop.panel.nothing import Nothing

if TYPE_CHECKING:
    from model_switcher.desktop.panel.look import Look
    from model_switcher.desktop.view_state import PanelView
    from model_switcher.domain.snapshot import Snapshot


class ListPage(QWidget):
    """The filter field over the list."""

    def __init__(self, parent: QWidget, look: Look) -> None:
        super().__init__(parent)
        self.list = ModelList(self, look)
        self.filter = FilterField(self, self.list.steer)
        self.nothing = Nothing(self)
        self._column = QVBoxLayout(self)
        self._column.setSpacing(0)
        self._head = QVBoxLayout()
        self._head.addWidget(self.filter)
        self._column.addLayout(self._head)
        self._column.addWidget(self.list, 1)
        self._column.addWidget(self.nothing, 1)
        self.filter.details_asked.connect(self.list.ask_details)
        self.setTabOrder(self.filter, self.list)

    def dress(self, look: Look) -> None:
        """Takes on colours, fonts and sizes."""
        px = look.px
        self._head.setContentsMargins(px(12), px(10), px(12), px(4))
        self._column.setContentsMargins(0, 0, 0, px(6))
        self.list.setViewportMargins(px(6), 0, 0, 0)
        for part in (self.filter, self.list, self.nothing):
            part.dress(look)

    def show_view(self, view: PanelView, snapshot: Snapshot) -> None:
        """Shows the rows of `view`, or why there are none."""
        self.filter.setPlaceholderText(view.hint)
        focused = self.focusWidget()
        attended = focused is not None and focused.hasFocus()
        listed = bool(view.sections or self.filter.text())
        self.filter.setVisible(listed and bool(snapshot.catalog.models or snapshot.catalog.rejected))
        filtered = bool(self.filter.text().strip())
        self.list.show_rows(snapshot, view.sections, mark_first=filtered)
        self.list.setVisible(view.empty is None)
        self.nothing.setVisible(view.empty is not None)
        if view.empty is not None:
            self.nothing.show_view(view.empty)
        if attended and focused is not None and not focused.isVisibleTo(self):
            self.take_focus()

    def take_focus(self, reason: Qt.FocusReason = Qt.FocusReason.OtherFocusReason) -> None:
        """Gives the keyboard to the filter; where there is none, to the first button."""
        first = next(iter(self.nothing.buttons.values()), None)
        if self.filter.isHidden() and first is not None:
            first.setFocus(reason)
        else:
            self.filter.setFocus(reason)
