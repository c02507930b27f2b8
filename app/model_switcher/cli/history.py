"""`model-switcher history`: the switches of this instance, and how often they went well."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from model_switcher.cli.tables import print_table
from model_switcher.client.finding import find
from model_switcher.client.switcher import Switcher
from model_switcher.domain.history import report
from model_switcher.domain.units import format_seconds, format_size
from model_switcher.domain.wire import encode
from model_switcher.engine.history import HistoryStore
from model_switcher.engine.timing import HISTORY_FILE
from model_switcher.places import places

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from model_switcher.domain.history import HistoryReport, Record, Summary


async def history(options: argparse.Namespace) -> int:
    """`history`: from the running instance, else from its file."""
    where = places(options.config)
    limit: int | None = options.limit or None
    if find(where) is not None:
        async with Switcher(config=options.config, start=False) as switcher:
            found = await switcher.history(limit=limit)
    else:
        records = await asyncio.to_thread(HistoryStore(where.state / HISTORY_FILE).read)
        found = report(records, limit=limit)
    if options.json:
        print(encode(found).decode())
    else:
        print_history(found)
    return 0


def print_history(found: HistoryReport) -> None:
    """The switches as a table, the last one at its end; then how often each model came up, and how fast."""
    if not found.records:
        print("No switch so far.")
        return
    print_table(list(_switches(found)))
    for record in reversed(found.records):
        if record.sentence:
            print(f"\n{_moment(record.finished)}  {record.model}: {record.sentence}.")
    print()
    print_table(list(_rates(found)))


def _switches(found: HistoryReport) -> Iterator[tuple[str, ...]]:
    yield "WHEN", "MODEL", "RESULT", "FOR", "TIME", "STEPS", "LOAD", "FILE", "SIZE"
    for record in reversed(found.records):
        yield (
            _moment(record.finished),
            record.model,
            record.result,
            record.reason,
            format_seconds(record.seconds),
            _steps(record),
            _seconds(record.load_seconds),
            {True: "cold", False: "warm", None: "?"}[record.cold],
            format_size(record.size) if record.size is not None else "?",
        )


def _rates(found: HistoryReport) -> Iterator[tuple[str, ...]]:
    yield "MODEL", "SWITCHES", "WENT WELL", "CANCELLED", "LOADS WARM IN", "COLD IN"
    for summary in found.models:
        yield _rate(summary.model or "", summary)
    if len(found.models) > 1:
        yield _rate("all", found.total)


def _rate(name: str, summary: Summary) -> tuple[str, ...]:
    part = "" if summary.success_rate is None else f" ({summary.success_rate:.0%})"
    return (
        name,
        str(summary.switches),
        f"{summary.succeeded}{part}",
        str(summary.cancelled),
        _seconds(summary.warm_seconds),
        _seconds(summary.cold_seconds),
    )


def _steps(record: Record) -> str:
    return ", ".join(f"{phase} {format_seconds(seconds)}" for phase, seconds in record.phases.items())


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else format_seconds(seconds)


def _moment(finished: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(finished))
