"""What the library finds, as snapshots tell it."""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from fakes.gguf_files import write_model
from fakes.snapshots import server
from model_switcher.domain.settings import Settings
from model_switcher.domain.snapshot import ScanView, Snapshot
from model_switcher.engine.collection import Collection
from model_switcher.engine.hub import Hub
from model_switcher.places import places

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from model_switcher.engine.catalog.facts import Facts
    from model_switcher.engine.catalog.walk import Candidate

SECONDS = 30.0


@asynccontextmanager
async def collected(tmp_path: Path) -> AsyncIterator[tuple[Hub, list[Snapshot], Collection]]:
    hub, told = Hub(Snapshot()), []
    settings = Settings(model_folders=(str(tmp_path / "models"),), stores=())
    collection = Collection(settings, places(str(tmp_path / "settings.toml")), hub)
    collection._file._seconds = 0.05
    hub.subscribe(told.append)
    collection.start()
    try:
        async with asyncio.timeout(SECONDS):
            yield hub, told, collection
    finally:
        await collection.close()


async def test_snapshots_tell_how_many_headers_have_been_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        write_model(tmp_path / "models" / f"m{number}.gguf")
    go_on = threading.Event()
    async with collected(tmp_path) as (hub, told, collection):
        full = collection._reader.full

        def wait(candidate: Candidate) -> Facts | object:
            assert go_on.wait(SECONDS)
            return full(candidate)

        monkeypatch.setattr(collection._reader, "full", wait)
        snapshot = await hub.wait_for(lambda snapshot: snapshot.scan is not None)
        assert (snapshot.scan, snapshot.scanning) == (ScanView(done=0, total=3), True)
        assert len(snapshot.catalog.models) == 3
        go_on.set()
        snapshot = await hub.wait_for(lambda snapshot: not snapshot.scanning)
        assert snapshot.scan is None
        assert all(model.parameters for model in snapshot.catalog.models)
        await collection.refresh()
        assert not hub.snapshot.scanning
    done = [snapshot.scan.done for snapshot in told if snapshot.scan is not None]
    assert done == sorted(done)


def readers() -> list[psutil.Process]:
    """The processes of ours that read headers."""
    ours = psutil.Process(os.getpid()).children()
    return [one for one in ours if "model_switcher.engine.header_process" in one.cmdline()]


async def test_many_headers_are_read_in_another_process_that_is_gone_afterwards(tmp_path: Path) -> None:
    tokens = [f"token {number}" for number in range(300)]
    for number in range(20):
        write_model(tmp_path / "models" / f"m{number:02}.gguf", tokenizer__ggml__tokens=tokens)
    async with collected(tmp_path) as (hub, _, _):
        snapshot = await hub.wait_for(
            lambda snapshot: bool(snapshot.catalog.models) and not snapshot.scanning
        )
        assert [model.quantization for model in snapshot.catalog.models] == ["F16"] * 20
        assert len(readers()) == 1
    assert readers() == []


# The selected model's file.


async def selected(hub: Hub, collection: Collection, path: Path, pid: int | None) -> None:
    """Have the model at `path` selected, and loaded by the process `pid`, once its file has been seen."""
    model = await collection.resolve(str(path))
    servers = (replace(server(model), pid=pid),) if pid else ()
    hub.update(selected=model.id, servers=servers)
    while (seen := collection._file._file) is None or (seen.model.id, seen.pid) != (model.id, pid):
        await asyncio.sleep(0.01)


async def test_one_file_in_place_of_another_with_the_same_header_is_noticed(tmp_path: Path) -> None:
    path = write_model(tmp_path / "models" / "m.gguf")
    async with collected(tmp_path) as (hub, _, collection):
        await collection.refresh()
        await selected(hub, collection, path, pid=7)
        before = hub.snapshot.catalog
        copy = tmp_path / "models" / "copy.bin"
        shutil.copy(path, copy)
        copy.replace(path)
        snapshot = await hub.wait_for(lambda snapshot: snapshot.file_notice is not None)
        assert "was replaced" in (snapshot.file_notice or "")
        assert snapshot.catalog == before
        await selected(hub, collection, path, pid=8)  # the new one is loaded
        assert hub.snapshot.file_notice is None


async def test_the_loss_of_a_file_outside_of_all_folders_is_noticed_loaded_or_not(tmp_path: Path) -> None:
    path = write_model(tmp_path / "elsewhere" / "m.gguf")
    (tmp_path / "models").mkdir()
    async with collected(tmp_path) as (hub, _, collection):
        await collection.refresh()
        await selected(hub, collection, path, pid=7)
        path.rename(tmp_path / "away.bin")
        snapshot = await hub.wait_for(lambda snapshot: snapshot.file_notice is not None)
        assert "keeps running while it is loaded" in (snapshot.file_notice or "")
        hub.update(servers=())
        await hub.wait_for(lambda snapshot: "Until it is back" in (snapshot.file_notice or ""))
        (tmp_path / "away.bin").rename(path)
        await hub.wait_for(lambda snapshot: snapshot.file_notice is None)
