"""What is read ahead: what a lease waits for, what sleeps selected, what a view hints at; never while something loads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fakes.cold_files import forget
from fakes.launches import until
from model_switcher.domain.catalog import Catalog, Model
from model_switcher.domain.snapshot import LeaseView, ServerView, Snapshot
from model_switcher.domain.states import ServerState
from model_switcher.engine.anticipation import Anticipation
from model_switcher.engine.demo_models import write_llama
from model_switcher.engine.hub import Hub
from model_switcher.engine.page_cache import cached_part


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("ahead")
    return {
        name: write_llama(folder / f"{name}.gguf", name=name, seed=1, embedding_length=512, block_count=4)
        for name in "ab"
    }


@asynccontextmanager
async def looking(files: dict[str, Path], *, enabled: bool = True) -> AsyncIterator[tuple[Hub, Anticipation]]:
    for path in files.values():
        forget(path)
    models = tuple(
        Model(id=name, name=name, path=str(path), files=(str(path),), size=path.stat().st_size)
        for name, path in files.items()
    )
    hub = Hub(Snapshot(catalog=Catalog(models)))
    anticipation = Anticipation(hub, enabled=enabled)
    anticipation.start()
    try:
        yield hub, anticipation
    finally:
        anticipation.close()


def cached(path: Path) -> float:
    return cached_part([str(path)]) or 0.0


def runs(model: str, state: ServerState = ServerState.READY) -> ServerView:
    return ServerView(model=model, state=state, engine="fake 1")


def lease(model: str) -> LeaseView:
    return LeaseView(
        id="x", model=model, model_name=model, owner="report.py", pid=None, since=0.0, granted=False, returns_to="a"
    )  # fmt: skip


async def test_a_lease_that_waits_has_its_model_read_ahead(files: dict[str, Path]) -> None:
    async with looking(files) as (hub, _):
        hub.update(selected="a", servers=(runs("a"),), leases=(lease("b"),))
        await until(lambda: cached(files["b"]) == 1.0)
        assert cached(files["a"]) < 0.5


async def test_a_selected_model_that_sleeps_is_read_ahead(files: dict[str, Path]) -> None:
    async with looking(files) as (hub, _):
        hub.update(selected="a", awake=False)
        await until(lambda: cached(files["a"]) == 1.0)


async def test_a_hint_is_enough(files: dict[str, Path]) -> None:
    async with looking(files) as (_, anticipation):
        anticipation.hint("b")
        await until(lambda: cached(files["b"]) == 1.0)


async def test_nothing_is_read_ahead_while_a_model_loads(files: dict[str, Path]) -> None:
    async with looking(files) as (hub, anticipation):
        hub.update(selected="a", servers=(runs("a", ServerState.LOADING),))
        anticipation.hint("b")
        await asyncio.sleep(0.1)
        assert cached(files["b"]) < 0.5


@pytest.mark.parametrize("changes", [{"paused": True}, {}])
async def test_nothing_is_read_ahead_when_nobody_asked_for_it(
    files: dict[str, Path], changes: dict[str, bool]
) -> None:
    async with looking(files, enabled=bool(changes)) as (hub, _):
        hub.update(selected="a", **changes)
        await asyncio.sleep(0.1)
        assert cached(files["a"]) < 0.5
