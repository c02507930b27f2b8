"""The catalog follows what happens on the disk: real files, and the platform's own notices of changes."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import threading
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fakes.gguf_files import write_model, write_shards
from model_switcher.domain.catalog import Catalog, Model, Reject, Rejected
from model_switcher.engine.library import CatalogReader, Fate, Library, Pace, Progress, fate, sentence, stamps
from model_switcher.engine.library import library as library_module
from model_switcher.engine.stores import Layout, Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from model_switcher.engine.catalog.facts import Facts
    from model_switcher.engine.catalog.walk import Candidate

SECONDS = 20.0


class Readings(CatalogReader):
    """Counts what is read; `gate` holds whole headers back."""

    def __init__(self) -> None:
        super().__init__(dict)
        self.read: list[str] = []
        self.gate = threading.Event()
        self.gate.set()

    def full(self, candidate: Candidate) -> Facts | Rejected:
        assert self.gate.wait(SECONDS)
        self.read.append(Path(candidate.path).name)
        return super().full(candidate)


class Running:
    """A library, and all it has said."""

    def __init__(self, stores: Sequence[Store], pace: Pace | None = None) -> None:
        self.stores = list(stores)
        self.reader = Readings()
        self.said: list[tuple[Catalog, Progress | None]] = []
        self.news = asyncio.Event()
        self.library = Library(lambda: self.stores, self.reader, self._hear, pace)

    def _hear(self, catalog: Catalog, progress: Progress | None) -> None:
        self.said.append((catalog, progress))
        self.news.set()

    async def until(self, condition: Callable[[Catalog], bool]) -> Catalog:
        async with asyncio.timeout(SECONDS):
            while not condition(self.library.catalog):
                self.news.clear()
                await self.news.wait()
        return self.library.catalog


@asynccontextmanager
async def running(*stores: Store, pace: Pace | None = None) -> AsyncIterator[Running]:
    here = Running(stores, pace)
    here.library.start()
    try:
        async with asyncio.timeout(SECONDS):
            await here.library.complete()
        yield here
    finally:
        await here.library.close()


def folder(path: Path) -> Store:
    return Store("folder", str(path), str(path))


def names(catalog: Catalog) -> list[str]:
    return [model.id for model in catalog.models]


def reasons(catalog: Catalog) -> dict[str, str]:
    return {Path(entry.path).name: entry.reason for entry in catalog.rejected}


async def test_names_and_sizes_are_there_before_the_headers_and_progress_is_told(tmp_path: Path) -> None:
    for number in range(40):
        write_model(tmp_path / f"m{number:02}.gguf", general__name=f"Model {number:02}")
    here = Running([folder(tmp_path)], Pace(batch=4))
    here.reader.gate.clear()
    here.library.start()
    async with asyncio.timeout(SECONDS):
        await here.library.listed()
        assert len(here.library.catalog.models) == 40
        assert all(model.size for model in here.library.catalog.models)
        assert here.said[-1][1] == Progress(0, 40)
        here.reader.gate.set()
        await here.library.complete()
    await here.library.close()
    assert [model.name for model in here.library.catalog.models][:2] == ["Model 00", "Model 01"]
    assert all(model.parameters for model in here.library.catalog.models)
    assert here.said[-1][1] is None
    done = [progress.done for _, progress in here.said if progress is not None]
    assert done == sorted(done)


async def test_a_model_that_is_copied_in_renamed_and_deleted_shows_without_reading_the_others_again(
    tmp_path: Path,
) -> None:
    write_model(tmp_path / "models" / "old.gguf")
    source = write_model(tmp_path / "elsewhere" / "source.gguf")
    async with running(folder(tmp_path / "models")) as here:
        assert names(here.library.catalog) == ["old"]
        shutil.copy(source, tmp_path / "models" / "new.gguf")
        await here.until(lambda catalog: names(catalog) == ["new", "old"])
        (tmp_path / "models" / "new.gguf").rename(tmp_path / "models" / "newer.gguf")
        await here.until(lambda catalog: names(catalog) == ["newer", "old"])
        (tmp_path / "models" / "newer.gguf").unlink()
        await here.until(lambda catalog: names(catalog) == ["old"])
        assert here.reader.read.count("old.gguf") == 1


async def test_whole_folders_come_and_go_and_come_back_otherwise(tmp_path: Path) -> None:
    models, elsewhere = tmp_path / "models", tmp_path / "elsewhere"
    models.mkdir()
    write_model(elsewhere / "Some.Folder" / "deep" / "a.gguf")
    async with running(folder(models)) as here:
        (elsewhere / "Some.Folder").rename(models / "Some.Folder")
        await here.until(lambda catalog: names(catalog) == ["a"])
        write_model(models / "Some.Folder" / "deep" / "deeper" / "b.gguf")
        await here.until(lambda catalog: names(catalog) == ["a", "b"])
        shutil.rmtree(models / "Some.Folder")
        await here.until(lambda catalog: names(catalog) == [])
        write_model(models / "Some.Folder" / "deep" / "c.gguf")
        await here.until(lambda catalog: names(catalog) == ["c"])


async def test_a_download_is_told_as_such_until_it_is_whole(tmp_path: Path) -> None:
    data = write_model(tmp_path / "elsewhere" / "source.gguf", types={"F16": 100}).read_bytes()
    models = tmp_path / "models"
    models.mkdir()
    async with running(folder(models)) as here:
        with (models / "slow.gguf").open("wb") as file:
            for start in range(0, len(data), len(data) // 3 + 1):
                file.write(data[start : start + len(data) // 3 + 1])
                file.flush()
                if start == 0:
                    await here.until(
                        lambda catalog: "still being written" in reasons(catalog).get("slow.gguf", "")
                    )
        await here.until(lambda catalog: names(catalog) == ["slow"])
        assert here.library.catalog.rejected == ()


async def test_one_under_another_name_is_told_and_turns_into_the_model(tmp_path: Path) -> None:
    data = write_model(tmp_path / "elsewhere" / "source.gguf").read_bytes()
    models = tmp_path / "models"
    models.mkdir()
    async with running(folder(models)) as here:
        (models / "big.gguf.part").write_bytes(data[:100])
        catalog = await here.until(lambda catalog: bool(catalog.rejected))
        assert (catalog.rejected[0].code, catalog.models) == (Reject.PARTIAL, ())
        (models / "big.gguf.part").write_bytes(data)
        (models / "big.gguf.part").rename(models / "big.gguf")
        catalog = await here.until(lambda catalog: names(catalog) == ["big"])
        assert catalog.rejected == ()


async def test_a_file_that_stays_short_says_so_in_the_end(tmp_path: Path) -> None:
    data = write_model(tmp_path / "elsewhere" / "source.gguf").read_bytes()
    models = tmp_path / "models"
    models.mkdir()
    async with running(folder(models)) as here:
        (models / "short.gguf").write_bytes(data[:-100])
        catalog = await here.until(lambda catalog: [e.code for e in catalog.rejected] == [Reject.TRUNCATED])
        assert catalog.models == ()


async def test_a_model_in_place_of_another_is_read_again_and_is_in_the_list_meanwhile(tmp_path: Path) -> None:
    path = write_model(tmp_path / "models" / "a.gguf", general__name="Before")
    other = write_model(tmp_path / "elsewhere" / "a.gguf", general__name="After", types={"F16": 7})
    async with running(folder(tmp_path / "models")) as here:
        (before,) = here.library.catalog.models
        then = stamps(before)
        other.replace(path)
        await here.until(lambda catalog: [model.name for model in catalog.models] == ["After"])
        assert all(len(catalog.models) == 1 for catalog, progress in here.said if progress is None)
        assert fate(before, then, stamps(before), here.library.catalog) is Fate.REPLACED
        path.unlink()
        catalog = await here.until(lambda catalog: not catalog.models)
        assert fate(before, then, stamps(before), catalog) is Fate.DELETED
        assert "deleted or moved" in (sentence(before, Fate.DELETED) or "")


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
        assert sentence(model, Fate.SAME) is None
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


async def test_a_single_file_of_the_settings_is_followed_too(tmp_path: Path) -> None:
    path = write_model(tmp_path / "one.gguf", general__name="Before")
    write_model(tmp_path / "two.gguf")
    async with running(folder(path), pace=Pace(tick=0.1, settle=0.1)) as here:
        assert names(here.library.catalog) == ["one"]
        write_model(path, general__name="After")
        await here.until(lambda catalog: [model.name for model in catalog.models] == ["After"])


async def test_equal_files_come_once_with_all_their_places_and_the_other_takes_over(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    path = write_model(first / "a.gguf")
    second.mkdir()
    os.link(path, second / "b.gguf")
    (second / "c.gguf").symlink_to(path)
    async with running(folder(first), Store("lm-studio", str(second), "LM Studio")) as here:
        (model,) = here.library.catalog.models
        assert (model.id, model.store) == ("a", "folder")
        assert model.places == (str(path), str(second / "b.gguf"), str(second / "c.gguf"))
        path.unlink()
        catalog = await here.until(lambda catalog: names(catalog) == ["b"])
        assert catalog.models[0].store == "lm-studio"


async def test_a_missing_part_of_a_split_model_makes_it_whole_when_it_comes(tmp_path: Path) -> None:
    models = tmp_path / "models"
    write_shards(models, "split", 3, leave_out=(2,))
    part = write_shards(tmp_path / "elsewhere", "split", 3)[1]
    async with running(folder(models)) as here:
        assert [entry.code for entry in here.library.catalog.rejected] == [Reject.INCOMPLETE]
        part.rename(models / part.name)
        catalog = await here.until(lambda catalog: bool(catalog.models))
        assert len(catalog.models[0].files) == 3


async def test_ollama_s_models_bear_its_names_and_follow_its_pulls(tmp_path: Path) -> None:
    digest, path = "a" * 64, write_model(tmp_path / "elsewhere" / "m.gguf", general__name="Meta Llama")
    blobs = tmp_path / "blobs"
    blobs.mkdir()
    manifest = tmp_path / "manifests" / "registry.ollama.ai" / "library" / "llama3.2" / "3b"
    manifest.parent.mkdir(parents=True)
    async with running(Store("ollama", str(tmp_path), "Ollama", Layout.OLLAMA)) as here:
        assert here.library.catalog == Catalog()
        path.rename(blobs / f"sha256-{digest}")
        layer = f'{{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:{digest}"}}'
        manifest.write_text(f'{{"layers": [{layer}]}}')
        (manifest.parent / "latest").write_text(f'{{"layers": [{layer}]}}')
        catalog = await here.until(lambda catalog: bool(catalog.models and catalog.models[0].aliases))
        (model,) = catalog.models
        assert (model.store, model.path) == ("ollama", str(blobs / f"sha256-{digest}"))
        assert catalog.find("llama3.2:3b") is catalog.find("llama3.2:latest") is model
        manifest.unlink()
        (manifest.parent / "latest").unlink()
        await here.until(lambda catalog: not catalog.models)


async def test_a_store_that_is_installed_later_is_found_and_one_switched_off_is_forgotten(
    tmp_path: Path,
) -> None:
    write_model(tmp_path / "a" / "a.gguf")
    write_model(tmp_path / "b" / "b.gguf")
    async with running(folder(tmp_path / "a"), pace=Pace(discover=0.1)) as here:
        here.stores.append(Store("jan", str(tmp_path / "b"), "Jan"))
        await here.until(lambda catalog: names(catalog) == ["a", "b"])
        here.stores.pop(0)
        await here.library.refresh()
        assert names(here.library.catalog) == ["b"]


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
    async with running(folder(tmp_path), pace=Pace(poll=0.1, tick=0.1)) as here:
        write_model(tmp_path / "deep" / "b.gguf")
        await here.until(lambda catalog: names(catalog) == ["a", "b"])
    assert any(
        "watch limit" in str(record.exc_info) for record in caplog.records if record.levelno == logging.ERROR
    )


async def test_loops_of_links_are_watched_once(tmp_path: Path) -> None:
    models = tmp_path / "models"
    (models / "deep").mkdir(parents=True)
    (models / "deep" / "up").symlink_to(models)
    async with running(folder(models)) as here:
        write_model(models / "deep" / "a.gguf")
        catalog = await here.until(lambda catalog: names(catalog) == ["a"])
        assert catalog.models[0].places == (str(models / "deep" / "a.gguf"),)


def test_what_is_said_of_a_model_whose_drive_is_away() -> None:
    model = Model(id="a", name="A", path="/gone/a.gguf", files=("/gone/a.gguf",), size=1)
    away = Catalog((replace(model, available=False),))
    assert fate(model, ((1, 1, 1),), stamps(model), away) is Fate.AWAY
    assert "drive" in (sentence(model, Fate.AWAY) or "")
    assert "next load" in (sentence(model, Fate.REPLACED) or "")
