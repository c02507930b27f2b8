"""The history of the loads of one model, as lines to read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_switcher.desktop.language import about, moment, number, seconds_text, tr
from model_switcher.domain.snapshot import Reason, Result

if TYPE_CHECKING:
    from model_switcher.domain.history import HistoryReport, Record, Summary

LAST = 5
"""Loads that are told one by one."""


@dataclass(frozen=True, slots=True)
class LoadsView:
    """The last loads, the newest first: when, and how it went. `summary` is of all that are kept."""

    summary: str
    lines: tuple[tuple[str, str], ...]


def loads_view(history: HistoryReport | None, model: str, now: float) -> LoadsView | None:
    """The loads of the model of that id; None where none is known.

    Args:
        history: What is kept; None while it was not asked for.
        model: Its id.
        now: Seconds since the epoch.
    """
    if history is None:
        return None
    own = [record for record in history.records if record.model == model][:LAST]
    if not own:
        return None
    summary = next((one for one in history.models if one.model == model), None)
    lines = tuple((moment(record.finished, now), _line(record)) for record in own)
    return LoadsView("" if summary is None else _summary(summary), lines)


def _summary(summary: Summary) -> str:
    counts = tr("{succeeded} of {count} succeeded").format(
        succeeded=number(summary.succeeded), count=number(summary.switches)
    )
    warm, cold = summary.warm_seconds, summary.cold_seconds
    parts = (
        counts if summary.switches else "",
        "" if warm is None else tr("usually {time}").format(time=about(warm)),
        "" if cold is None else tr("{time} from the disk").format(time=about(cold)),
    )
    return ", ".join(part for part in parts if part)


def _line(record: Record) -> str:
    match record.result:
        case Result.SWITCHED:
            return " · ".join(part for part in (_took(record), _why(record)) if part)
        case Result.CANCELLED:
            return tr("cancelled")
        case _:
            return record.sentence or tr("could not be loaded")


def _took(record: Record) -> str:
    if record.load_seconds is None:
        return tr("was in memory already")
    time = seconds_text(record.load_seconds)
    return tr("{time} from the disk").format(time=time) if record.cold else time


def _why(record: Record) -> str:
    match record.reason:
        case Reason.REQUEST:
            return tr("for a request")
        case Reason.LEASE:
            return tr("borrowed")
        case Reason.RETURN:
            return tr("came back")
        case Reason.RESTART:
            return tr("after it stopped unexpectedly")
        case _:
            return ""
