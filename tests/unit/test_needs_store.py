"""What was learned of needs, on the disk: over restarts, bounded, damaged."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from model_switcher.domain.need import Amount, Need, Source
from model_switcher.engine.needs.store import Entry, Key, NeedStore

KEY = Key(
    files="[('/ö.gguf', 1, 2)]", options='{"cache-type-k": "q8_0"}', engine="llama-server b1", gpus="RTX"
)
NEED = Need(
    device=Amount(weights=5, cache=4, compute=3), host=Amount(weights=2), source=Source.MEASURED,
    ctx_size=4096, low=12, high=12, driver=7,
)  # fmt: skip
MEASURED = Entry(key=KEY, source=Source.MEASURED, ctx_size=4096, layers=None, need=NEED)


def said(ctx_size: int, layers: int | None = None) -> Entry:
    need = replace(NEED, source=Source.ENGINE, ctx_size=ctx_size, n_gpu_layers=layers, driver=None)
    return Entry(key=KEY, source=Source.ENGINE, ctx_size=ctx_size, layers=layers, need=need)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "needs.sqlite"


async def reopened(file: Path) -> NeedStore:
    store = NeedStore(file)
    await store.open()
    return store


async def test_what_was_measured_is_known_at_once_and_after_a_restart(file: Path) -> None:
    first = await reopened(file)
    assert not file.parent.exists(), "nothing is made by reading"
    await first.keep(MEASURED)
    for store in (first, await reopened(file)):
        assert store.measured(KEY, ctx_size=4096, layers=None) == NEED
        assert store.driver("RTX") == 7
        assert [entry.need for entry in store.all_measured(KEY.files)] == [NEED]


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY, files="another file"),
        replace(KEY, options="{}"),
        replace(KEY, engine="llama-server b2"),
        replace(KEY, gpus="RX"),
    ],
)
async def test_it_counts_for_nothing_else(file: Path, other: Key) -> None:
    store = await reopened(file)
    await store.keep(MEASURED)
    assert store.measured(other, ctx_size=4096, layers=None) is None
    assert store.measured(KEY, ctx_size=8192, layers=None) is None
    assert store.measured(KEY, ctx_size=4096, layers=20) is None
    assert store.driver("RX") is None


async def test_a_newer_measurement_takes_the_place_of_an_older_one(file: Path) -> None:
    store = await reopened(file)
    await store.keep(MEASURED)
    newer = replace(NEED, driver=9)
    await store.keep(replace(MEASURED, need=newer))
    again = await reopened(file)
    assert [entry.need for entry in again.all_measured(KEY.files)] == [newer]
    assert again.driver("RTX") == 9


async def test_what_an_engine_said_is_kept_by_context_and_layers(file: Path) -> None:
    store = await reopened(file)
    for entry in (said(8192), said(4096), said(4096, 20)):
        await store.keep(entry)
    again = await reopened(file)
    assert [need.ctx_size for need in again.said(KEY, layers=None)] == [4096, 8192]
    assert [need.ctx_size for need in again.said(KEY, layers=20)] == [4096]
    assert again.measured(KEY, ctx_size=4096, layers=None) is None


async def test_an_engine_that_does_not_say_is_not_asked_again(file: Path) -> None:
    store = await reopened(file)
    assert not store.was_asked(KEY, ctx_size=4096, layers=None)
    await store.keep(replace(said(4096), need=None))
    again = await reopened(file)
    assert again.was_asked(KEY, ctx_size=4096, layers=None)
    assert again.said(KEY, layers=None) == []


async def test_what_is_only_remembered_is_gone_after_a_restart(file: Path) -> None:
    store = await reopened(file)
    store.remember(replace(said(4096), need=None))
    assert store.was_asked(KEY, ctx_size=4096, layers=None)
    assert not (await reopened(file)).was_asked(KEY, ctx_size=4096, layers=None)


async def test_a_damaged_file_is_set_aside_and_begun_anew(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file.parent.mkdir()
    file.write_bytes(b"no database" * 1000)
    store = await reopened(file)
    assert "damaged" in caplog.text
    assert file.with_name("needs.sqlite.damaged").exists()
    await store.keep(MEASURED)
    assert (await reopened(file)).measured(KEY, ctx_size=4096, layers=None) == NEED


async def test_a_file_damaged_while_it_is_in_use_is_begun_anew(file: Path) -> None:
    store = await reopened(file)
    await store.keep(MEASURED)
    file.write_bytes(b"\0" * 4096)
    await store.keep(said(4096))
    again = await reopened(file)
    assert again.was_asked(KEY, ctx_size=4096, layers=None)
    assert store.measured(KEY, ctx_size=4096, layers=None) == NEED, "it is still remembered"


async def test_rows_of_another_form_are_left_out(file: Path) -> None:
    store = await reopened(file)
    await store.keep(MEASURED)
    await store.keep(said(8192))
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE needs SET need = '{\"weights\": 1}' WHERE source = 'measured'")
    again = await reopened(file)
    assert again.all_measured(KEY.files) == []
    assert [need.ctx_size for need in again.said(KEY, layers=None)] == [8192]


async def test_a_file_that_cannot_be_written_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state").write_text("a file where a folder should be")
    store = await reopened(tmp_path / "state" / "needs.sqlite")
    await store.keep(MEASURED)
    await store.keep(MEASURED)
    assert caplog.text.count("cannot be kept") == 1
    assert store.measured(KEY, ctx_size=4096, layers=None) == NEED
