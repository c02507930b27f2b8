"""Drives that go away and come back, that tell nobody of changes, or do not answer."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sys
import tempfile
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fakes.gguf_files import write_model
from fakes.libraries import SECONDS, folder, names, reasons, running
from model_switcher.domain.catalog import Catalog, Model
from model_switcher.engine.catalog.walk import Candidate, Listing, look
from model_switcher.engine.library import Fate, Pace, fate, sentence, stamps
from model_switcher.engine.library import library as library_module
from model_switcher.engine.library.mounts import Mounts

if TYPE_CHECKING:
    from collections.abc import Iterator


async def test_the_models_of_a_drive_that_goes_away_are_grey_until_it_comes_back(tmp_path: Path) -> None:
    drive = tmp_path / "drive"
    write_model(drive / "models" / "a.gguf")
    write_model(tmp_path / "here" / "b.gguf")
    pace = Pace(tick=0.1)
    async with running(folder(drive / "models"), folder(tmp_path / "here"), pace=pace) as here:
        (model, _) = here.library.catalog.models
        then = stamps(model)
        drive.rename(tmp_path / "unplugged")
        catalog = await here.until(lambda catalog: not all(model.available for model in catalog.models))
        assert [(model.id, model.available) for model in catalog.models] == [("a", False), ("b", True)]
        assert fate(model, then, stamps(model), catalog) is Fate.AWAY
        assert catalog.rejected == ()
        (tmp_path / "unplugged").rename(drive)
        catalog = await here.until(lambda catalog: all(model.available for model in catalog.models))
        assert fate(model, then, stamps(model), catalog) is Fate.SAME
        assert sentence(model, Fate.SAME, loaded=True) is None
        write_model(drive / "models" / "c.gguf")
        await here.until(lambda catalog: names(catalog) == ["a", "b", "c"])


async def test_a_folder_that_was_deleted_takes_its_models_with_it_and_may_be_made_again(
    tmp_path: Path,
) -> None:
    models = tmp_path / "models"
    write_model(models / "a.gguf")
    async with running(folder(models), pace=Pace(tick=0.1)) as here:
        shutil.rmtree(models)
        catalog = await here.until(lambda catalog: not catalog.models)
        assert reasons(catalog) == {"models": "it does not exist"}
        write_model(models / "b.gguf")
        catalog = await here.until(lambda catalog: names(catalog) == ["b"])
        assert catalog.rejected == ()


async def test_a_drive_that_tells_nobody_is_looked_at_from_time_to_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything counts as a network drive here, so nothing is watched."""
    monkeypatch.setattr("model_switcher.engine.library.shelf.is_remote", lambda _: True)
    write_model(tmp_path / "deep" / "a.gguf")
    async with running(folder(tmp_path), pace=Pace(poll=0.1, tick=3600)) as here:
        write_model(tmp_path / "deep" / "b.gguf")
        await here.until(lambda catalog: names(catalog) == ["a", "b"])


async def test_a_dead_network_drive_keeps_nobody_waiting_and_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The drive is dead in that looking at it does not return; nothing else of it is made up."""
    write_model(tmp_path / "here" / "a.gguf")
    write_model(tmp_path / "share" / "b.gguf")
    answers = threading.Event()
    shelf = library_module.Keeper(folder(tmp_path), Pace()).shelf
    look = type(shelf).look

    def hang(self: object, *words: object, **more: object) -> object:
        if self.store.root == str(tmp_path / "share"):  # type: ignore[attr-defined]
            assert answers.wait(SECONDS)
        return look(self, *words, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(type(shelf), "look", hang)
    monkeypatch.setattr(library_module, "seems_remote", lambda root: root.endswith("share"))
    async with running(
        folder(tmp_path / "share"), folder(tmp_path / "here"), pace=Pace(patience=0.1)
    ) as here:
        catalog = here.library.catalog
        assert names(catalog) == ["a"]
        assert "does not answer" in reasons(catalog)["share"]
        answers.set()
        catalog = await here.until(lambda catalog: names(catalog) == ["a", "b"])
        assert catalog.rejected == ()


async def test_where_nothing_can_be_watched_folders_are_looked_at_from_time_to_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object, **__: object) -> object:
        raise OSError(28, "inotify watch limit reached")

    monkeypatch.setattr("watchfiles.watch", refuse)
    write_model(tmp_path / "deep" / "a.gguf")
    async with running(folder(tmp_path), pace=Pace(poll=3600, tick=0.1)) as here:
        write_model(tmp_path / "deep" / "b.gguf")
        await here.until(lambda catalog: names(catalog) == ["a", "b"])
    assert any(
        "watch limit" in record.message for record in caplog.records if record.levelno == logging.WARNING
    )


if sys.platform == "linux":  # elsewhere names of files are text

    async def test_one_folder_that_cannot_be_watched_leaves_the_others_watched(tmp_path: Path) -> None:
        """The watcher ends at a name that is no text; what lies in other folders is told of all the same."""
        odd, good = tmp_path / "odd", tmp_path / "good"
        write_model(good / "a.gguf")
        write_model(odd / os.fsdecode(b"d\xff") / "b.gguf")
        async with running(folder(odd), folder(good), pace=Pace(poll=3600, tick=3600)) as here:
            watched = here.library._watched
            (odd / os.fsdecode(b"d\xff") / "more").mkdir()
            async with asyncio.timeout(SECONDS):
                while watched.unwatched != {str(odd)}:
                    await asyncio.sleep(0.01)
            write_model(good / "c.gguf")
            await here.until(lambda catalog: names(catalog) == ["a", "c"])


def test_what_is_said_of_a_model_whose_drive_is_away() -> None:
    model = Model(id="a", name="A", path="/gone/a.gguf", files=("/gone/a.gguf",), size=1)
    away = Catalog((replace(model, available=False),))
    assert fate(model, ((1, 1, 1),), stamps(model), away) is Fate.AWAY
    assert "drive" in (sentence(model, Fate.AWAY, loaded=True) or "")
    assert "next load" in (sentence(model, Fate.REPLACED, loaded=True) or "")


# Drives inside of a store's folder.


@pytest.fixture
def other_drive(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system than that of `tmp_path`."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of its own is made there
    assert memory.stat().st_dev != tmp_path.stat().st_dev
    with tempfile.TemporaryDirectory(dir=memory) as path:
        yield Path(path)


if sys.platform == "linux":

    async def test_the_models_behind_a_link_to_a_drive_that_goes_away_are_grey_too(
        tmp_path: Path, other_drive: Path
    ) -> None:
        write_model(tmp_path / "models" / "a.gguf")
        write_model(other_drive / "stick" / "deep" / "b.gguf")
        (tmp_path / "models" / "stick").symlink_to(other_drive / "stick")
        async with running(folder(tmp_path / "models"), pace=Pace(tick=0.05)) as here:
            assert names(here.library.catalog) == ["a", "b"]
            (other_drive / "stick").rename(other_drive / "unplugged")
            catalog = await here.until(lambda catalog: not all(model.available for model in catalog.models))
            assert [(model.id, model.available) for model in catalog.models] == [("a", True), ("b", False)]
            assert catalog.rejected == ()
            write_model(tmp_path / "models" / "c.gguf")
            catalog = await here.until(lambda catalog: len(catalog.models) == 3)
            assert [model.available for model in catalog.models] == [True, False, True]
            (other_drive / "unplugged").rename(other_drive / "stick")
            catalog = await here.until(lambda catalog: all(model.available for model in catalog.models))
            assert names(catalog) == ["a", "b", "c"]
            assert here.reader.read.count("b.gguf") == 1
            (tmp_path / "models" / "stick").unlink()
            await here.until(lambda catalog: names(catalog) == ["a", "c"])


def listed(*places: tuple[str, int]) -> dict[str, Listing]:
    """Folders with the number of the drive that they lie on; each has a model in it."""
    return {
        path: Listing(entries=(Candidate(f"{path}/m.gguf", (drive, 9)),), identity=(drive, number))
        for number, (path, drive) in enumerate(places)
    }


def test_a_folder_on_a_drive_of_its_own_is_missed_until_that_is_there_again(tmp_path: Path) -> None:
    root, stick = str(tmp_path), str(tmp_path / "stick")
    mounts = Mounts()
    assert mounts.away(listed((root, 1), (stick, 2))) == []
    assert mounts.away(listed((root, 1), (stick, 1))) == [stick]  # the empty folder that it was mounted over
    assert mounts.away(listed((root, 1))) == [stick]  # removed by what unmounted it
    assert mounts.away(listed((root, 1), (stick, 3))) == []


def test_a_link_that_was_deleted_is_not_missed_nor_a_folder_whose_parent_is_gone(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    root, deep, link = str(tmp_path), str(tmp_path / "deep"), str(tmp_path / "link")
    mount = f"{deep}/mount"
    Path(link).symlink_to(deep)
    mounts = Mounts()
    assert mounts.away(listed((root, 1), (link, 2), (deep, 1), (mount, 2))) == []
    assert sorted(mounts.away(listed((root, 1), (deep, 1)))) == [mount, link]
    Path(link).unlink()
    assert mounts.away(listed((root, 1), (deep, 1))) == [mount]
    shutil.rmtree(deep)
    assert mounts.away(listed((root, 1))) == []


def test_a_drive_that_is_mounted_over_an_empty_folder_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "m.gguf").touch()
    listings = {str(path): look(str(path)) for path in (tmp_path, tmp_path / "empty", tmp_path / "full")}
    mounts = Mounts()
    assert mounts.changed(listings) == []
    (tmp_path / "empty").rename(tmp_path / "old")
    (tmp_path / "empty").mkdir()
    assert mounts.changed(listings) == [str(tmp_path / "empty")]
    assert os.path.lexists(tmp_path / "old")
