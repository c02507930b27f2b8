"""Mistakes of ours in one place of the library end neither the rest of it nor those who wait for it."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fakes.gguf_files import write_model
from fakes.libraries import SECONDS, Running, folder, names, reasons, running
from model_switcher.domain.catalog import Catalog, Reject
from model_switcher.domain.settings import Settings
from model_switcher.engine import collection
from model_switcher.engine.collection import catalog_now
from model_switcher.engine.library import Pace, Progress
from model_switcher.engine.library.shelf import Shelf, View
from model_switcher.places import places

if TYPE_CHECKING:
    from collections.abc import Callable, Collection


class Breaking:
    """Makes the look at one folder fail in a way that nobody thought of, while it is `broken`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
        self.broken = True
        self.looks = 0
        look: Callable[..., View] = Shelf.look

        def fail(shelf: Shelf, changed: Collection[str] | None, *, poll: bool = False) -> View:
            self.looks += 1
            if self.broken and shelf.store.root == str(root):
                raise KeyError("nobody thought of this")
            return look(shelf, changed, poll=poll)

        monkeypatch.setattr(Shelf, "look", fail)


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]


async def test_a_store_that_cannot_be_looked_at_by_a_mistake_of_ours_ends_no_wait_and_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write_model(tmp_path / "bad" / "b.gguf")
    write_model(tmp_path / "good" / "a.gguf")
    mistake = Breaking(monkeypatch, tmp_path / "bad")
    async with running(folder(tmp_path / "bad"), folder(tmp_path / "good"), pace=Pace(tick=0.05)) as here:
        async with asyncio.timeout(SECONDS):
            await here.library.listed()
        assert names(here.library.catalog) == ["a"]
        (entry,) = here.library.catalog.rejected
        assert (entry.path, entry.code) == (str(tmp_path / "bad"), Reject.UNREADABLE)
        assert entry.reason == "looking at it failed unexpectedly (KeyError); the log says more"
        looks = mistake.looks
        async with asyncio.timeout(SECONDS):
            while mistake.looks < looks + 5:  # it is tried again, and not told again
                await asyncio.sleep(0.01)
        assert logged(caplog) == [f"{tmp_path / 'bad'}: looking at it failed"]
        mistake.broken = False
        await here.until(lambda catalog: names(catalog) == ["a", "b"] and not catalog.rejected)


async def test_a_mistake_in_a_store_that_worked_leaves_what_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(tmp_path / "a.gguf")
    mistake = Breaking(monkeypatch, tmp_path)
    mistake.broken = False
    async with running(folder(tmp_path), pace=Pace(tick=0.05)) as here:
        mistake.broken = True
        catalog = await here.until(lambda catalog: bool(catalog.rejected))
        assert names(catalog) == ["a"]
        async with asyncio.timeout(SECONDS):
            await here.library.refresh()


async def test_a_mistake_while_looking_for_stores_ends_no_wait_and_is_shown(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    here = Running([folder(tmp_path)], Pace(discover=0.05))
    write_model(tmp_path / "a.gguf")
    stores, here.stores = here.stores, 5  # type: ignore[assignment]
    here.library.start()
    async with asyncio.timeout(SECONDS):
        await here.library.complete()
    assert "TypeError" in reasons(here.library.catalog)["(stores)"]
    assert logged(caplog) == ["(stores): looking for models of other programs failed"]
    here.stores = stores
    await here.until(lambda catalog: names(catalog) == ["a"] and not catalog.rejected)
    await here.library.close()


@pytest.mark.parametrize("place", ["reader", "listener"])
async def test_a_mistake_while_the_catalog_is_put_together_ends_no_wait_and_is_shown(
    tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write_model(tmp_path / "a.gguf")
    async with running(folder(tmp_path), pace=Pace(tick=0.05)) as here:

        def fail(*_: object) -> Catalog:
            raise ZeroDivisionError

        target: object = here.reader if place == "reader" else here.library._publisher
        name = "assemble" if place == "reader" else "_on_change"
        before = getattr(target, name)
        monkeypatch.setattr(target, name, fail)
        write_model(tmp_path / "b.gguf")
        async with asyncio.timeout(SECONDS):
            while "(catalog)" not in reasons(here.library.catalog):
                await asyncio.sleep(0.01)
            await here.library.complete()
        assert "a" in names(here.library.catalog)
        assert "(catalog): putting it together failed" in logged(caplog)
        monkeypatch.setattr(target, name, before)
        write_model(tmp_path / "c.gguf")
        await here.until(lambda catalog: names(catalog) == ["a", "b", "c"] and not catalog.rejected)


async def test_a_command_that_waits_for_the_catalog_gets_what_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(tmp_path / "bad" / "b.gguf")
    write_model(tmp_path / "good" / "a.gguf")
    Breaking(monkeypatch, tmp_path / "bad")
    monkeypatch.setattr(
        collection, "find_stores", lambda *_: [folder(tmp_path / "bad"), folder(tmp_path / "good")]
    )
    told: list[Progress] = []
    async with asyncio.timeout(SECONDS):
        catalog = await catalog_now(Settings(), places(str(tmp_path / "settings.toml")), told.append)
    assert names(catalog) == ["a"]
    assert "failed unexpectedly" in reasons(catalog)["bad"]
    assert told
