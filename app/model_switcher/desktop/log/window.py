"""The log window: a filter, how grave lines have to be, follow, and copy for a bug report, over the lines."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QApplication,
    QButtonGroup,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from model_switcher.desktop.language import tr
from model_switcher.desktop.log.model import LogModel
from model_switcher.desktop.log.style import log_sheet
from model_switcher.desktop.log.view import LogView
from model_switcher.desktop.panel.filter_field import FilterField
from model_switcher.desktop.panel.look import Look
from model_switcher.desktop.panel.nothing import Nothing
from model_switcher.desktop.panel.texts import dress
from model_switcher.desktop.view_state.empty import EmptyView
from model_switcher.desktop.view_state.log_lines import LogFilter, LogLevel
from model_switcher.desktop.view_state.log_window import log_window_view
from model_switcher.desktop.wording import APP_NAME

if TYPE_CHECKING:
    from PySide6.QtGui import QCloseEvent

    from model_switcher.desktop.theme import Colours
    from model_switcher.engine.log import LogLine, LogPage

SIZE = QSize(900, 540)
TYPING_MS = 120
"""After the last letter; a filter goes through all lines."""
COPIED_MS = 1_500


class LogWindow(QWidget):
    """Shows lines.

    Signals:
        closed: It was closed.
        lines_copied: These lines shall be copied.
        report_asked: The text for a bug report shall be copied.
    """

    closed = Signal()
    lines_copied = Signal(list)
    report_asked = Signal()

    def __init__(self, colours: Colours) -> None:
        super().__init__(None, Qt.WindowType.Window)
        self.setAttribute(Qt.WidgetAttribute.WA_QuitOnClose, False)
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setObjectName("log")
        self.setWindowTitle(tr("Log — {program}").format(program=APP_NAME))
        look = Look(colours, QApplication.font())
        self.model = LogModel(self)
        self.filter = FilterField(self, lambda _: False)
        self.filter.setAccessibleName(tr("Filter lines"))
        self.filter.setAccessibleDescription(tr("Words that a line has to contain"))
        self.filter.setPlaceholderText(tr("Filter lines…"))
        self.levels = {level: self._choice() for level, _ in log_window_view(self.model.lines).levels}
        self.follow = self._toggle(tr("Follow"), tr("Stay at the newest line"))
        self.report = QPushButton(tr("Copy for a bug report"), self)
        self.report.setProperty("kind", "main")
        self.report.setAccessibleName(tr("Copy for a bug report"))
        self.report.setToolTip(
            tr("Versions, memory, options and the log, without keys and without your name")
        )
        self.view = LogView(self, self.model, look)
        self.nothing = Nothing(self)
        self.status = QLabel(self)
        self._pages = QStackedWidget(self)
        self._typing = QTimer(self, singleShot=True, interval=TYPING_MS)
        self._copied = QTimer(self, singleShot=True, interval=COPIED_MS)
        self._lay_out()
        self._connect()
        self.dress(colours)
        self._refresh()

    def dress(self, colours: Colours) -> None:
        """Takes on the colours of another theme, or another font of the desktop."""
        look = self._look = Look(colours, QApplication.font())
        self.setStyleSheet(log_sheet(look))
        for part in (self.filter, self.view, self.nothing):
            part.dress(look)
        dress(self.status, look.line, look.colours.dim)
        px = look.px
        self._head.setContentsMargins(px(12), px(10), px(12), px(10))
        self._head.setSpacing(px(6))
        self._foot.setContentsMargins(px(12), px(6), px(12), px(7))
        self.filter.setMinimumWidth(px(160))
        self.report.setMinimumWidth(px(170))

    def open(self) -> None:
        """Shows the window, in front of all others."""
        if not self.isVisible():
            self.resize(SIZE.width() * self._look.px(100) // 100, SIZE.height() * self._look.px(100) // 100)
        self.show()
        self.raise_()
        self.activateWindow()
        self.filter.setFocus(Qt.FocusReason.ActiveWindowFocusReason)

    def add(self, page: LogPage) -> None:
        """Takes further lines."""
        self.model.add(page)

    def show_names(self, names: dict[str, str]) -> None:
        """Calls models by these names, by their ids."""
        self.model.names = names

    def say_copied(self, what: str) -> None:
        """Says that something is in the clipboard now."""
        self.report.setText(tr("Copied"))
        self.status.setText(what)
        self._copied.start()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() is QEvent.Type.ApplicationFontChange:
            self.dress(self._look.colours)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() != Qt.Key.Key_Escape:
            super().keyPressEvent(event)
        elif self.filter.text() or not self.levels[LogLevel.DETAIL].isChecked():
            self.levels[LogLevel.DETAIL].setChecked(True)
            self.filter.clear()
            self._sift()
        else:
            self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        super().closeEvent(event)
        self.closed.emit()

    def _lay_out(self) -> None:
        self._head, self._foot = QHBoxLayout(), QHBoxLayout()
        self._head.addWidget(self.filter, 1)
        for button in self.levels.values():
            self._head.addWidget(button)
        self._head.addSpacing(8)
        self._head.addWidget(self.follow)
        self._head.addWidget(self.report)
        self._foot.addWidget(self.status, 1)
        self._pages.addWidget(self.view)
        self._pages.addWidget(self.nothing)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self._head)
        column.addWidget(self._pages, 1)
        column.addLayout(self._foot)
        order = (self.filter, *self.levels.values(), self.follow, self.report, self.view)
        for one, next_one in pairwise(order):
            self.setTabOrder(one, next_one)

    def _connect(self) -> None:
        group = QButtonGroup(self)
        for level, button in self.levels.items():
            group.addButton(button)
            button.clicked.connect(self._sift)
            button.setChecked(level is LogLevel.DETAIL)
        self._typing.timeout.connect(self._sift)
        self.filter.typed.connect(lambda _: self._typing.start())
        self.follow.setChecked(True)
        self.follow.clicked.connect(lambda on: self.view.follow(on=on))
        self.view.follows.connect(self.follow.setChecked)
        self.view.copy_asked.connect(self._copy)
        self.report.clicked.connect(lambda _=False: self.report_asked.emit())
        self._copied.timeout.connect(self._refresh)
        self.model.grown.connect(lambda _: self._refresh())
        self.model.settled.connect(self._refresh)
        QShortcut(QKeySequence(QKeySequence.StandardKey.Find), self, self._find)

    def _find(self) -> None:
        self.filter.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.filter.selectAll()

    def _sift(self) -> None:
        self._typing.stop()
        least = next(level for level, button in self.levels.items() if button.isChecked())
        self.model.sift(LogFilter.of(self.filter.text(), least))

    def _copy(self) -> None:
        lines: list[LogLine] = self.view.selected_lines()
        if lines:
            self.lines_copied.emit(lines)

    def _refresh(self) -> None:
        view = log_window_view(self.model.lines)
        for level, text in view.levels:
            button = self.levels[level]
            if button.text() != text:
                button.setText(text)
                button.setAccessibleName(tr("Show lines: {which}").format(which=text))
        if not self._copied.isActive():
            self.report.setText(tr("Copy for a bug report"))
            if self.status.text() != view.status:
                self.status.setText(view.status)
        self._pages.setCurrentWidget(self.nothing if view.empty else self.view)
        self.nothing.show_view(EmptyView(view.empty, ""))

    def _choice(self) -> QPushButton:
        return self._toggle("", "")

    def _toggle(self, text: str, name: str) -> QPushButton:
        button = QPushButton(text, self)
        button.setProperty("kind", "part")
        button.setCheckable(True)
        button.setAccessibleName(name or text)
        button.setToolTip(name)
        return button
