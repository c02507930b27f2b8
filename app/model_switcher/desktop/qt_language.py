"""Qt's translations and number formats behind the door that every text passes."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QLocale


class QtLanguage:
    """What the translators that are installed in the application know, and how the system writes numbers."""

    def __init__(self, locale: QLocale | None = None) -> None:
        self._locale = locale or QLocale()

    def translated(self, text: str, comment: str, count: int) -> str:
        # `pyside6-lupdate` files what a plain `tr` holds under no context.
        return QCoreApplication.translate("", text, comment, count)

    def number(self, value: float, digits: int) -> str:
        return self._locale.toString(float(value), "f", digits)
