"""The door that every text and every number of the desktop passes. Knows no Qt; `qt_language.py` puts Qt's behind it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

from model_switcher.domain.units import GIB, KIB, MIB

MINUTE = 60.0


class Language(Protocol):
    """What knows the user's language and how numbers are written where he lives."""

    def translated(self, text: str, comment: str, count: int) -> str:
        """`text` in the user's language, `%n` in it replaced by `count` where that is not negative."""
        ...

    def number(self, value: float, digits: int) -> str:
        """`value` with so many digits after the separator."""
        ...

    def moment(self, when: datetime, *, today: bool) -> str:
        """A local time; with its date unless that is `today`."""
        ...


class English:
    """The texts as they are written in the code."""

    def translated(self, text: str, comment: str, count: int) -> str:  # noqa: ARG002 - of the protocol
        return text if count < 0 else text.replace("%n", self.number(count, 0))

    def number(self, value: float, digits: int) -> str:
        return f"{value:,.{digits}f}"

    def moment(self, when: datetime, *, today: bool) -> str:
        return when.strftime("%H:%M" if today else "%Y-%m-%d %H:%M")


_language: Language = English()


def speak(language: Language) -> None:
    """From now on every text is in `language`; what was made before stays as it is."""
    global _language  # noqa: PLW0603 - a program speaks one language, as it has one locale
    _language = language


def tr(text: str, comment: str = "", count: int | None = None) -> str:
    """`text` in the user's language: the form that `pyside6-lupdate` looks for.

    Args:
        text: In English. `%n` stands for `count`, and "(s)" for the ending of several.
        comment: For translators.
        count: Chooses between the forms that a language has for one and for several.
    """
    said = _language.translated(text, comment, -1 if count is None else count)
    return said if count is None else said.replace("(s)", "" if count == 1 else "s")


def number(value: float, digits: int = 0) -> str:
    """A number as the user writes it."""
    return _language.number(value, digits)


def moment(seconds: float, now: float) -> str:
    """When something was, as the user writes it: "14:03" on the day that `now` is in, else with the date.

    Args:
        seconds: Since the epoch.
        now: The same.
    """
    when, today = (datetime.fromtimestamp(one, UTC).astimezone() for one in (seconds, now))
    return _language.moment(when, today=when.date() == today.date())


def gib(size: int | None) -> str:
    """Bytes in GiB, for places that name the unit once: "6.8", a little as "0.02"; "?" for None."""
    if size is None:
        return "?"
    if 0 < size < GIB / 20:
        return number(max(size / GIB, 0.01), 2)
    return number(size / GIB, 1)


def size_text(size: int) -> str:
    """Bytes with their unit: "6.8 GiB", "250 KiB"."""
    if size >= GIB / 10:
        return f"{gib(size)} GiB"
    return f"{number(size / MIB, 1)} MiB" if size >= MIB / 10 else f"{number(size / KIB)} KiB"


def tokens_text(count: int) -> str:
    """Tokens as people call a context: "16k", "128k", "500"."""
    return f"{number(count / KIB)}k" if count >= KIB else number(count)


def percent(part: float) -> str:
    """A part of one in percent: "57 %"."""
    return tr("{percent} %").format(percent=number(part * 100))


def seconds_text(seconds: float) -> str:
    """A duration that was measured: "0.4 s", "3.2 s", "2 min 5 s"."""
    if seconds < MINUTE:
        return tr("{seconds} s").format(seconds=number(seconds, 1))
    minutes, rest = divmod(int(seconds), 60)
    return tr("{minutes} min {seconds} s").format(minutes=number(minutes), seconds=number(rest))


def about(seconds: float) -> str:
    """A duration that is expected, no finer than that is known: "1 s", "40 s", "3 min"."""
    if seconds < MINUTE:
        return tr("{seconds} s").format(seconds=number(max(1, round(seconds))))
    return tr("{minutes} min").format(minutes=number(round(seconds / MINUTE)))
