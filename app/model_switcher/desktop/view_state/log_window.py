"""What the log window says besides the lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_switcher.desktop.language import number, tr
from model_switcher.desktop.view_state.log_lines import LogLevel, level_name

if TYPE_CHECKING:
    from model_switcher.desktop.view_state.log_lines import LogLines, LogRow


@dataclass(frozen=True, slots=True, kw_only=True)
class LogWindowView:
    """The log window around its lines.

    Attributes:
        levels: The choices of how grave a line has to be, each with its text.
        status: How many lines there are, and how many of them are shown.
        empty: What stands in the place of the lines where there is none; empty while there are some.
    """

    levels: tuple[tuple[LogLevel, str], ...]
    status: str
    empty: str


def log_window_view(lines: LogLines) -> LogWindowView:
    """What the log window says of `lines`."""
    errors = lines.counts[LogLevel.ERROR]
    warnings = lines.counts[LogLevel.WARNING]
    return LogWindowView(
        levels=(
            (LogLevel.DETAIL, tr("All")),
            (LogLevel.WARNING, _counted(tr("Warnings"), warnings + errors)),
            (LogLevel.ERROR, _counted(tr("Errors"), errors)),
        ),
        status=_status(lines),
        empty=_empty(lines),
    )


def spoken(row: LogRow) -> str:
    """A line for those who hear it."""
    return " ".join(part for part in (row.time, level_name(row.level), row.model, row.text) if part)


def _counted(what: str, count: int) -> str:
    return f"{what} {number(count)}" if count else what


def _status(lines: LogLines) -> str:
    total = tr("%n line(s)", "", len(lines))
    if lines.filter.is_open or not len(lines):
        return total
    return tr("{shown} of {total}").format(shown=number(len(lines.shown)), total=total)


def _empty(lines: LogLines) -> str:
    if lines.shown or lines.is_behind:
        return ""
    if not len(lines):
        return tr("No engine has written anything yet")
    return tr("No line passes the filter. Escape shows all again.")
