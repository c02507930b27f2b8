"""The question before the end, where that would cut requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMessageBox

from model_switcher.desktop.language import tr
from model_switcher.desktop.view_state.leaving import leaving_view
from model_switcher.desktop.wording import APP_NAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_switcher.domain.snapshot import Snapshot


class QuitQuestion(QObject):
    """Ends the program at once where no request runs; else asks, and ends it with the last one or when told to.

    Args:
        quit_: Ends the program.
    """

    def __init__(self, quit_: Callable[[], None]) -> None:
        super().__init__()
        self._quit = quit_
        self._box: QMessageBox | None = None

    @property
    def is_open(self) -> bool:
        """Whether the question is on the screen."""
        return self._box is not None

    def ask(self, snapshot: Snapshot) -> None:
        """The user wants the program to end."""
        if leaving_view(snapshot) is None:
            self._quit()
            return
        if self._box is None:
            self._box = self._new_box()
        self.show_snapshot(snapshot)
        self._box.open()  # not exec(): it would nest an event loop in the desktop's
        self._box.raise_()
        self._box.activateWindow()

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Keeps an open question true; where nothing is left to ask, that was the answer."""
        if self._box is None:
            return
        view = leaving_view(snapshot)
        if view is None:
            self.close()
            self._quit()
        elif (view.title, view.text) != (self._box.text(), self._box.informativeText()):
            self._box.setText(view.title)
            self._box.setInformativeText(view.text)

    def close(self) -> None:
        """Takes the question away; the program goes on."""
        box, self._box = self._box, None
        if box is not None:
            box.close()
            box.deleteLater()

    def _new_box(self) -> QMessageBox:
        box = QMessageBox(QMessageBox.Icon.Question, APP_NAME, "")
        now = box.addButton(tr("End now"), QMessageBox.ButtonRole.DestructiveRole)
        stay = box.addButton(tr("Do not end"), QMessageBox.ButtonRole.RejectRole)
        for button, name in (
            (now, tr("End Model Switcher now and cut the requests")),
            (stay, tr("Go on as before")),
        ):
            button.setAccessibleName(name)
        # Return keeps everything as it is: what is cut cannot be had back.
        box.setDefaultButton(stay)
        box.setEscapeButton(stay)
        now.clicked.connect(self._end_now)
        box.rejected.connect(self.close)
        stay.clicked.connect(self.close)
        return box

    def _end_now(self) -> None:
        self.close()
        self._quit()
