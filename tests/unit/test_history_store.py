"""The history on the disk: over restarts, bounded, migrated, damaged."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import pytest

from model_switcher.domain.history import Record
from model_switcher.domain.snapshot import Outcome, Reason, Result
from model_switcher.domain.states import Failure
from model_switcher.engine.history import History, HistoryStore
from model_switcher.engine.history.store import MIGRATIONS

if TYPE_CHECKING:
    from pathlib import Path

FULL = Record(
    finished=1234.5,
    model="a",
    result=Result.ROLLED_BACK,
    seconds=3.25,
    reason=Reason.REQUEST,
    serving="b",
    phases={"preflight": 0.001, "start": 2.5},
    size=7 * 2**30,
    engine="llama-server b10434",
    load_seconds=None,
    cold=True,
    cause="model-damaged",
    sentence="Ein Satz – “über” \n etwas",
)
BARE = Record(finished=1.0, model="b", result=Result.SWITCHED, seconds=0.5)


def outcome(model: str, *, result: Result = Result.SWITCHED, finished: float = 1.0) -> Outcome:
    failure = None if result is Result.SWITCHED else Failure(cause="engine-exited", sentence="It ended")
    return Outcome(
        result=result, target=model, serving=model, seconds=1.0, finished=finished, failure=failure
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "history.sqlite"


def many(count: int) -> list[Record]:
    return [replace(BARE, finished=float(number)) for number in range(count)]


def test_what_was_added_is_read_in_order_with_every_field(file: Path) -> None:
    assert {field.name for field in fields(Record) if getattr(FULL, field.name) is None} == {"load_seconds"}
    HistoryStore(file).add([FULL])
    HistoryStore(file).add([BARE, FULL])
    assert HistoryStore(file).read() == [FULL, BARE, FULL]
    assert HistoryStore(file).read(2) == [BARE, FULL]


def test_no_file_is_made_by_reading(file: Path) -> None:
    assert HistoryStore(file).read() == []
    assert not file.parent.exists()


def test_only_the_newest_are_kept(file: Path) -> None:
    store = HistoryStore(file, kept=10)
    store.add(many(25))
    store.add([FULL])
    assert store.read() == [*many(25)[-9:], FULL]


def test_readers_and_a_writer_do_not_wait_for_each_other(file: Path) -> None:
    store = HistoryStore(file)
    store.add([BARE])
    with closing(sqlite3.connect(file, isolation_level=None)) as reader:
        assert reader.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM switches").fetchone() == (1,)
        store.add([FULL])
        assert reader.execute("SELECT count(*) FROM switches").fetchone() == (1,)
    assert store.read() == [BARE, FULL]


def test_a_file_of_an_older_version_is_brought_to_the_newer_one(file: Path) -> None:
    HistoryStore(file).add([BARE])
    newer = (*MIGRATIONS, "ALTER TABLE switches ADD COLUMN more TEXT DEFAULT 'x'")
    assert HistoryStore(file, migrations=newer).read() == [BARE]
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT more FROM switches").fetchall() == [("x",)]
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)


def test_a_migration_that_fails_leaves_the_file_as_it_was(file: Path) -> None:
    HistoryStore(file).add([BARE])
    broken = (*MIGRATIONS, "ALTER TABLE switches ADD COLUMN more TEXT", "INSERT INTO nowhere VALUES (1)")
    HistoryStore(file, migrations=broken).read()
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert HistoryStore(file).read() == [BARE]


def test_a_file_of_a_newer_version_is_left_alone(file: Path) -> None:
    newer = (*MIGRATIONS, "DROP TABLE switches")
    HistoryStore(file).add([BARE])
    HistoryStore(file, migrations=newer).read()
    before = file.read_bytes()
    with pytest.raises(OSError, match="newer version"):
        HistoryStore(file).add([FULL])
    with pytest.raises(OSError, match="newer version"):
        HistoryStore(file).read(repair=True)
    assert file.read_bytes() == before


DAMAGE = {
    "no database": lambda _: b"something else" * 1000,
    "empty header": lambda data: b"\0" * 100 + data[100:],
    "torn page": lambda data: data[:4096] + b"\xff" * 4096 + data[8192:],
    "cut off": lambda data: data[:5000],
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_set_aside_and_another_begun(
    file: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = HistoryStore(file)
    store.add(many(2000))
    damaged = DAMAGE[damage](file.read_bytes())
    file.write_bytes(damaged)
    assert store.read() == []
    assert file.read_bytes() == damaged, "to read it changes nothing"
    assert store.read(repair=True) == []
    assert file.with_name("history.sqlite.damaged").read_bytes() == damaged
    assert "is damaged" in caplog.text
    store.add([FULL])
    assert store.read() == [FULL]


def test_a_damaged_file_does_not_lose_the_switch_that_finds_it(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"something else" * 1000)
    HistoryStore(file).add([FULL])
    assert HistoryStore(file).read() == [FULL]


def test_a_table_that_is_not_what_its_version_says_is_damage(file: Path) -> None:
    HistoryStore(file).add([BARE])
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("ALTER TABLE switches DROP COLUMN cold")
    HistoryStore(file).add([FULL])
    assert HistoryStore(file).read() == [FULL]


def test_a_row_that_means_nothing_is_passed_over(file: Path) -> None:
    HistoryStore(file).add([BARE, FULL])
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE switches SET result = 'of the future' WHERE model = 'b'")
    assert HistoryStore(file).read() == [FULL]


def test_a_name_that_is_no_text_is_kept_as_well_as_can_be(file: Path) -> None:
    HistoryStore(file).add([replace(BARE, model="caf\udce9")])
    assert HistoryStore(file).read()[0].model == "caf?"


async def test_a_restart_remembers_what_was_recorded(file: Path) -> None:
    first = History(file)
    await first.open()
    for number in range(3):
        first.record(
            outcome("a", finished=float(number)), size=5, engine="e", load_seconds=2.0 + number, cold=False
        )
    first.record(outcome("a", result=Result.ALREADY))
    assert first.expected("a", size=5, cold=False) == 3.0
    await first.close()

    second = History(file)
    assert second.expected("a", size=5, cold=False) is None
    second.record(outcome("a", finished=9.0), size=5, load_seconds=100.0, cold=False)
    await second.open()
    assert second.expected("a", size=5, cold=False) == 3.5
    shown = await second.report(2)
    assert [record.finished for record in shown.records] == [9.0, 2.0]
    assert shown.total.switches == 4
    await second.close()
    assert len(HistoryStore(file).read()) == 4


async def test_what_is_not_known_to_be_cold_is_told_by_earlier_loads(file: Path) -> None:
    history = History(file)
    now = 4e9  # after the start of any system
    history.record(outcome("a", finished=now), size=5, load_seconds=8.0)
    history.record(outcome("a", finished=now), size=5, load_seconds=1.0)
    assert [record.cold for record in (await history.report()).records] == [False, True]
    assert history.expected("a", size=5) == 1.0
    assert history.expected("b", size=5) == 8.0
    await history.close()


async def test_many_switches_at_once_are_written_in_order(file: Path) -> None:
    history = History(file)
    for number in range(50):
        history.record(outcome("a", finished=float(number)))
        if number % 7 == 0:
            await asyncio.sleep(0.001)
    await history.close()
    assert [record.finished for record in HistoryStore(file).read()] == [
        float(number) for number in range(50)
    ]


async def test_a_history_that_cannot_be_written_lasts_as_long_as_the_program(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    history = History(blocked / "history.sqlite")
    await history.open()
    for number in range(3):
        history.record(outcome("a", finished=float(number)), load_seconds=1.0, cold=False)
        await history.close()
    assert history.expected("a", cold=False) == 1.0
    assert (await history.report()).total.switches == 3
    assert caplog.text.count("cannot be kept") == 1
