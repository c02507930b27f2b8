"""The system's own window in which a folder is chosen."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog

from model_switcher.desktop.language import tr


class FolderPicker(QObject):
    """`chosen` carries the folder; nothing comes where the user changes his mind."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.dialog: QFileDialog | None = None

    def choose(self) -> None:
        """Opens the window, or brings it to the front."""
        if self.dialog is None:
            dialog = self.dialog = QFileDialog(None, tr("A folder with GGUF models"))
            dialog.setFileMode(QFileDialog.FileMode.Directory)
            dialog.setOption(QFileDialog.Option.ShowDirsOnly)
            dialog.fileSelected.connect(self.chosen)
            dialog.finished.connect(lambda _: self._forget())
        self.dialog.open()  # not exec(): it would nest an event loop in the program's own
        self.dialog.raise_()

    def _forget(self) -> None:
        if self.dialog is not None:
            self.dialog.deleteLater()
            self.dialog = None
