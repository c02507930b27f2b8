"""What past switches tell: how often they went well, and how long the next load will take."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations, islice
from statistics import median

from model_switcher.domain.snapshot import Outcome, Reason, Result

LAST_FEW = 5
MOST_MODELS = 20
# A line through the loads of other models is followed no further than to files so many times as large as theirs.
FURTHEST = 8

# Nothing was loaded, and nothing could go wrong.
_NO_SWITCH = frozenset({Result.ALREADY, Result.CHOSEN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One switch that ended. What is not known is None.

    Attributes:
        finished: Seconds since the epoch.
        model: Id of the model that was wanted.
        result: How it ended.
        seconds: From the choice to the end.
        reason: Who wanted the model.
        serving: Id of the model that was served afterwards.
        phases: Seconds of each step.
        size: Bytes of the model's files.
        engine: The engine with its version, for people.
        load_seconds: From the start of the engine until the wanted model was ready.
        cold: Whether its file had to come from the disk: less than half of it lay in the page cache.
        cause: Stable code of why the wanted model is not served.
        sentence: The same, for a person.
    """

    finished: float
    model: str
    result: Result
    seconds: float
    reason: Reason = Reason.CHOICE
    serving: str | None = None
    phases: dict[str, float] = field(default_factory=dict)
    size: int | None = None
    engine: str | None = None
    load_seconds: float | None = None
    cold: bool | None = None
    cause: str | None = None
    sentence: str | None = None

    @property
    def loaded(self) -> bool:
        """Whether a model was loaded, and how long that took is known."""
        return self.result is Result.SWITCHED and self.load_seconds is not None


def record_of(
    outcome: Outcome, *, size: int | None, engine: str | None, load_seconds: float | None, cold: bool | None
) -> Record | None:
    """What is kept of an outcome, with what it does not say itself; None if there was nothing to switch."""
    if outcome.result in _NO_SWITCH:
        return None
    failure = outcome.failure
    return Record(
        finished=outcome.finished,
        model=outcome.target,
        result=outcome.result,
        seconds=outcome.seconds,
        reason=outcome.reason,
        serving=outcome.serving,
        phases=outcome.phases,
        size=size,
        engine=engine,
        load_seconds=load_seconds if outcome.result is Result.SWITCHED else None,
        cold=cold,
        cause=failure.cause if failure else None,
        sentence=failure.sentence if failure else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What several switches have in common.

    Attributes:
        model: Id of the model that was wanted; None for all of them.
        switches: How many there were, without those that were cancelled.
        succeeded: How many of them ended with the wanted model.
        cancelled: How many the user gave up.
        success_rate: Part that succeeded, 0.0–1.0; None where there was none.
        warm_seconds, cold_seconds: Median of the last few loads, by where the file was; None where there was none.
    """

    model: str | None
    switches: int
    succeeded: int
    cancelled: int
    success_rate: float | None
    warm_seconds: float | None
    cold_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryReport:
    """The history as `/switcher/history` and `model-switcher history --json` show it.

    Attributes:
        records: The last switches, the newest first.
        total: Of all that are kept.
        models: Of each model, the one that was wanted last first.
    """

    records: tuple[Record, ...]
    total: Summary
    models: tuple[Summary, ...]


def report(records: Sequence[Record], *, limit: int | None = None) -> HistoryReport:
    """What to show of `records`, which are in the order of time; the newest `limit` of them one by one."""
    newest_first = list(reversed(records))
    by_model: dict[str, list[Record]] = {}
    for record in newest_first:
        by_model.setdefault(record.model, []).append(record)
    return HistoryReport(
        records=tuple(islice(newest_first, limit)),
        total=_summary(None, newest_first),
        models=tuple(_summary(model, own) for model, own in by_model.items()),
    )


def expected_seconds(
    records: Sequence[Record], model: str, *, size: int | None, cold: bool | None
) -> float | None:
    """How long a load will take, by what earlier ones took on this machine; None if they do not tell.

    Args:
        records: Past switches in the order of time.
        model: Id of the model to load.
        size: Bytes of its files now; a model of another size is another model.
        cold: Whether its file has to come from the disk; None to ask all loads alike.

    Loads of the model itself decide. Where there is none, a line through the loads of other models does.
    """
    loads = [record for record in reversed(records) if record.loaded and cold in (None, record.cold)]
    own = (load for load in loads if load.model == model and size in (None, load.size))
    if (seconds := _median(own)) is not None or size is None:
        return seconds
    others: dict[tuple[str, int], list[Record]] = {}
    for load in loads:
        if load.size:
            others.setdefault((load.model, load.size), []).append(load)
    points = [(bytes_, _median(some) or 0.0) for (_, bytes_), some in islice(others.items(), MOST_MODELS)]
    return _on_line(points, size)


def presumably_cold(
    records: Sequence[Record], model: str, *, size: int | None, booted: float, available: int | None
) -> bool:
    """Whether a file has to come from the disk, where the system does not tell what lies in its page cache.

    It lies there if it was loaded since the system started, and what was loaded from then on, itself included, has
    room in main memory.

    Args:
        records: Past switches in the order of time.
        model: Id of the model.
        size: Bytes of its files.
        booted: When the system started, in seconds since the epoch.
        available: Bytes of main memory that programs could have now.
    """
    since = 0
    for record in reversed(records):
        if record.finished < booted:
            break
        if not record.loaded:
            continue
        if record.model == model:
            return size is not None and available is not None and since + size > available
        since += record.size or 0
    return True


def _summary(model: str | None, newest_first: Sequence[Record]) -> Summary:
    cancelled = sum(record.result is Result.CANCELLED for record in newest_first)
    succeeded = sum(record.result is Result.SWITCHED for record in newest_first)
    switches = len(newest_first) - cancelled
    # What the loads of different models take has no middle that says anything.
    loads = [record for record in newest_first if model is not None and record.loaded]
    return Summary(
        model=model,
        switches=switches,
        succeeded=succeeded,
        cancelled=cancelled,
        success_rate=succeeded / switches if switches else None,
        warm_seconds=_median(load for load in loads if load.cold is False),
        cold_seconds=_median(load for load in loads if load.cold),
    )


def _median(loads: Iterable[Record]) -> float | None:
    """Of the first few."""
    seconds = [load.load_seconds for load in islice(loads, LAST_FEW) if load.load_seconds is not None]
    return median(seconds) if seconds else None


def _on_line(points: Sequence[tuple[int, float]], size: int) -> float | None:
    """Seconds for `size` bytes on the line through `points`: the median of the slopes (Theil and Sen), so that one odd load does not bend it."""
    if not points or size > FURTHEST * max(bytes_ for bytes_, _ in points):
        return None
    slopes = [
        (after - before) / (larger - smaller)
        for (smaller, before), (larger, after) in combinations(sorted(points), 2)
        if larger > smaller
    ]
    if slopes:
        slope = max(0.0, median(slopes))
        start = max(0.0, median(seconds - slope * bytes_ for bytes_, seconds in points))
    else:
        slope, start = median(seconds / bytes_ for bytes_, seconds in points), 0.0
    return start + slope * size
