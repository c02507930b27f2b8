"""What the library finds, as snapshots tell it."""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from fakes.gguf_files import write_model
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
