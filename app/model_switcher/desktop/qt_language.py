"""Qt's translations and number formats behind the door that every text passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QDate, QDateTime, QLocale, QTime

if TYPE_CHECKING:
    from datetime import datetime


class QtLanguage:
    """What the translators that are installed in the application know, and how the system writes numbers."""

    def __init__(self, locale: QLocale | None = None) -> None:
        self._locale = locale or QLocale()

    def translated(self, text: str, comment: str, count: int) -> str:
        # `pyside6-lupdate` files what a plain `tr` holds under no context.
        return QCoreApplication.translate("", text, comment, count)

    def number(self, value: float, digits: int) -> str:
        return self._locale.toString(float(value), "f", digits)

    def moment(self, when: datetime, *, today: bool) -> str:
        time = QTime(when.hour, when.minute)
        short = QLocale.FormatType.ShortFormat
        if today:
            return self._locale.toString(time, short)
        return self._locale.toString(QDateTime(QDate(when.year, when.month, when.day), time), short)
