"""The catalog follows what happens on the disk: real files, and the platform's own notices of changes."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

from fakes.gguf_files import write_model, write_shards
from fakes.libraries import SECONDS, Running, folder, names, reasons, running
from model_switcher.domain.catalog import Catalog, Reject
from model_switcher.engine.library import Fate, Pace, Progress, fate, sentence, stamps
from model_switcher.engine.stores import Layout, Store


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
        assert "deleted or moved" in (sentence(before, Fate.DELETED, loaded=True) or "")


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


async def test_loops_of_links_are_watched_once(tmp_path: Path) -> None:
    models = tmp_path / "models"
    (models / "deep").mkdir(parents=True)
    (models / "deep" / "up").symlink_to(models)
    async with running(folder(models)) as here:
        write_model(models / "deep" / "a.gguf")
        catalog = await here.until(lambda catalog: names(catalog) == ["a"])
        assert catalog.models[0].places == (str(models / "deep" / "a.gguf"),)


async def test_what_is_remembered_is_in_the_first_catalog_already(tmp_path: Path) -> None:
    write_model(tmp_path / "models" / "a.gguf", general__name="Remembered")
    for _ in range(2):
        here = Running([folder(tmp_path / "models")], cache=tmp_path / "cache")
        here.library.start()
        async with asyncio.timeout(SECONDS):
            await here.library.complete()
        await here.library.close()
    first = next(catalog for catalog, _ in here.said if catalog.models)
    assert [(model.name, model.parameters) for model in first.models] == [("Remembered", 256)]
    assert here.reader.read == []


async def test_looking_again_reads_what_could_not_be_read_before(tmp_path: Path) -> None:
    write_model(tmp_path / "a.gguf")
    os.utime(write_model(tmp_path / "bad.gguf"), (0, 0))  # long ago: nobody writes it any more
    here = Running([folder(tmp_path)])
    here.reader.closed.add("bad.gguf")
    here.library.start()
    async with asyncio.timeout(SECONDS):
        await here.library.complete()
        assert reasons(here.library.catalog) == {
            "bad.gguf": "this user may not read it; check its permissions"
        }
        here.reader.closed.clear()
        await here.library.refresh()
    assert names(here.library.catalog) == ["a", "bad"]
    assert here.reader.read.count("a.gguf") == 1
    await here.library.close()
