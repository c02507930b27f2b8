"""The system's own windows in which a folder or a program is chosen."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog

from model_switcher.desktop.language import tr


class Picker(QObject):
    """`chosen` carries the path; nothing comes where the user changes his mind.

    Args:
        title: Of the window.
        folder: Whether a folder is chosen, else a file.
    """

    chosen = Signal(str)

    def __init__(self, title: str, *, folder: bool) -> None:
        super().__init__()
        self._title, self._folder = title, folder
        self.dialog: QFileDialog | None = None

    def choose(self) -> None:
        """Opens the window, or brings it to the front."""
        if self.dialog is None:
            dialog = self.dialog = QFileDialog(None, self._title)
            kind = QFileDialog.FileMode.Directory if self._folder else QFileDialog.FileMode.ExistingFile
            dialog.setFileMode(kind)
            dialog.setOption(QFileDialog.Option.ShowDirsOnly, self._folder)
            dialog.fileSelected.connect(self.chosen)
            dialog.finished.connect(lambda _: self._forget())
        self.dialog.open()  # not exec(): it would nest an event loop in the program's own
        self.dialog.raise_()

    def _forget(self) -> None:
        if self.dialog is not None:
            self.dialog.deleteLater()
            self.dialog = None


def folder_picker() -> Picker:
    """A folder to look for models in."""
    return Picker(tr("A folder with GGUF models"), folder=True)


def engine_picker() -> Picker:
    """A llama-server."""
    return Picker(tr("The program llama-server"), folder=False)
