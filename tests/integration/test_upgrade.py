"""Files of earlier versions are read, and no end of the program, at whatever write, loses what was there."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from fakes import kill_at_write
from fakes.released import KEY, NEED, RECORD, SAMPLES
from model_switcher.domain.settings_rules import MODEL_RULES, RULES
from model_switcher.engine.history import store as history
from model_switcher.engine.needs import store as needs
from model_switcher.engine.settings_file import load, update

VERSIONS = sorted(folder.name for folder in SAMPLES.iterdir())


@pytest.fixture(params=VERSIONS)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of what a user of an earlier version has."""
    return Path(shutil.copytree(SAMPLES / request.param, tmp_path / "kept"))


def test_settings_of_an_earlier_version_are_read_and_changed(kept: Path) -> None:
    file = kept / "settings.toml"
    loaded = load(file)
    assert loaded.problems == ()
    assert (loaded.settings.server.port, loaded.settings.server.hold_timeout) == (8090, 180.0)
    assert loaded.settings.desktop.start_at_login
    assert loaded.settings.models["phinance"].pinned
    assert loaded.settings.launch_options(("phinance",)) == {"ctx-size": 8192, "n-gpu-layers": "auto"}
    before = file.read_text("utf-8")
    assert update(file, {("server", "port"): 8095}).problems == ()
    assert file.read_text("utf-8") == before.replace("8090", "8095")


def test_a_history_of_an_earlier_version_is_read_and_continued(kept: Path) -> None:
    store = history.HistoryStore(kept / "history.sqlite")
    assert store.read() == [RECORD]
    store.add([RECORD])
    assert store.read() == [RECORD, RECORD]


def test_needs_of_an_earlier_version_are_known(kept: Path) -> None:
    store = needs.NeedStore(kept / "needs.sqlite")
    store.load()
    assert store.measured(KEY, ctx_size=4096, layers=None) == NEED
    assert store.driver("RTX") == 7


@pytest.mark.parametrize(
    ("name", "migrations"), [("history.sqlite", history.MIGRATIONS), ("needs.sqlite", needs.MIGRATIONS)]
)
def test_there_is_a_sample_of_every_version_of_each_database(name: str, migrations: tuple[str, ...]) -> None:
    versions = set()
    for version in VERSIONS:
        with closing(
            sqlite3.connect(f"file:{SAMPLES / version / name}?mode=ro&immutable=1", uri=True)
        ) as file:
            versions.add(file.execute("PRAGMA user_version").fetchone()[0])
    assert versions == set(range(1, len(migrations) + 1)), "python -m fakes.released VERSION writes a sample"


def test_the_samples_have_every_key_of_the_settings() -> None:
    text = "".join((SAMPLES / version / "settings.toml").read_text("utf-8") for version in VERSIONS)
    assert not [rule.key for rule in (*RULES, *MODEL_RULES) if f"\n{rule.key} = " not in text]


@pytest.mark.skipif(sys.platform != "linux", reason="the library that ends a process at a write is for Linux")
@pytest.mark.parametrize(
    ("operation", "before", "after"),
    [
        ("settings", 1000, 2000),
        ("history", 1, 3),
        ("needs", 0, 1),
        ("login entry", "/bin/old", "/bin/new"),
    ],
)
def test_an_end_at_any_write_leaves_the_old_or_the_new(
    tmp_path: Path, operation: str, before: object, after: object
) -> None:
    ends = kill_at_write.begin("fakes.lossy_writes", operation, tmp_path)
    assert all(end["killed"] for end in ends[:-1])
    found = [end["found"] for end in ends]
    assert len(ends) > 4, "there are several writes at which it can end"
    assert set(found) == {before, after}
    assert (found[0], found[-1]) == (before, after)
    # Once it is the new one, it stays: no later write takes it back.
    assert found == sorted(found, key=lambda one: one == after)


@pytest.mark.skipif(sys.platform != "linux", reason="as above")
@pytest.mark.parametrize("operation", ["settings", "login entry"])
def test_what_takes_the_old_ones_place_is_on_the_disk_before_and_its_name_after(
    tmp_path: Path, operation: str
) -> None:
    calls = str(kill_at_write.begin("fakes.lossy_writes", operation, tmp_path)[-1]["calls"])
    assert calls.count("r") == 1
    content, name = calls.split("r")
    assert content.endswith("s")
    assert "w" in content
    assert name.startswith("s")
