"""The functions that people import, against a real instance and real engines."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

import model_switcher
from fakes.commands import command
from fakes.engines import LLAMA_SERVER
from fakes.instance import Instance, write_settings
from model_switcher import Switcher, SwitcherError, call_orchestrator, switch_and_call, switch_model
from model_switcher.client.finding import find
from model_switcher.domain.errors import UnknownModel
from model_switcher.domain.snapshot import Result, Snapshot
from model_switcher.engine.demo_models import write_demo_models
from model_switcher.places import places

# Random weights know no language; the grammar keeps what they say to letters.
LETTERS = {"grammar": "root ::= [a-z]+", "max_tokens": 8}


@pytest.fixture
def models(tmp_path: Path) -> tuple[Path, Path]:
    return write_demo_models(tmp_path)


@pytest.fixture
def settings(tmp_path: Path, models: tuple[Path, Path]) -> Path:
    path = write_settings(tmp_path, models, engine=LLAMA_SERVER)
    with path.open("a", encoding="utf-8") as file:
        # A server-wide grammar, so that the plain functions get clean text from random weights.
        file.write("[launch]\ngrammar = 'root ::= [a-z]+'\nn-predict = 8\n")
    return path


def test_the_package_exports_what_it_says() -> None:
    assert set(model_switcher.__all__) == {
        "Switcher", "SwitcherError", "__version__", "call_orchestrator", "switch_and_call", "switch_model",
    }  # fmt: skip
    for name in model_switcher.__all__:
        assert getattr(model_switcher, name) is not None


async def test_switch_model_tells_by_a_bool(settings: Path, models: tuple[Path, Path]) -> None:
    async with Instance(settings) as instance:
        await instance.ready()
        assert await switch_model(models[1], config=settings) is True
        assert instance.state().selected == "demo-birch"
        assert await switch_model("no-such-model", config=settings) is False
        assert await switch_model(settings.parent / "missing.gguf", config=settings) is False
        assert instance.state().selected == "demo-birch"


async def test_switch_model_starts_an_instance_where_none_runs(
    settings: Path, models: tuple[Path, Path]
) -> None:
    try:
        answers = await asyncio.gather(
            switch_model(models[1], config=settings), switch_model(models[1], config=settings)
        )
        assert answers == [True, True]
        record = find(places(settings))
        assert record is not None
        assert record.mode == "headless"
    finally:
        await command(settings, "quit")


async def test_a_path_outside_the_folders_can_be_served(settings: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere ü"
    elsewhere.mkdir()
    outside = write_demo_models(elsewhere)[0].rename(elsewhere / "Phinance 3B.gguf")
    settings.write_text(settings.read_text().replace(f"['{tmp_path}']", f"['{tmp_path}/none']"))
    async with Instance(settings), Switcher(config=settings) as switcher:
        outcome = await switcher.switch(str(outside))
        assert (outcome.result, outcome.serving) == (Result.SWITCHED, "phinance-3b")
        assert (await switcher.models()).find(str(outside)).path == str(outside)


async def test_call_orchestrator_asks_whatever_is_selected(settings: Path) -> None:
    async with Instance(settings) as instance:
        await instance.ready()
        assert (await call_orchestrator("You are a tree.", "Hello", config=settings)).isalpha()


async def test_switch_and_call_gives_the_model_back(settings: Path, models: tuple[Path, Path]) -> None:
    async with Instance(settings) as instance:
        await instance.ready()
        seen: list[Snapshot] = []

        async def mine(system: str, user: str) -> tuple[str, str]:
            seen.append(await asyncio.to_thread(instance.state))
            return (system, user)

        answer = await switch_and_call(models[1], "system", "user", call=mine, config=settings)
        assert answer == ("system", "user")
        assert [(lease.model, lease.granted) for lease in seen[0].leases] == [("demo-birch", True)]
        assert seen[0].selected == "demo-alder"
        assert (await instance.ready()).selected == "demo-alder"
        assert str(await switch_and_call(models[1], "system", "user", config=settings)).isalpha()


@pytest.mark.parametrize("how", ["fails", "is cancelled"])
async def test_the_model_comes_back_when_the_call(
    settings: Path, models: tuple[Path, Path], how: str
) -> None:
    async with Instance(settings) as instance:
        await instance.ready()
        called = asyncio.Event()

        async def mine(_system: str, _user: str) -> str:
            called.set()
            if how == "fails":
                raise ZeroDivisionError
            await asyncio.Event().wait()
            return ""

        task = asyncio.create_task(switch_and_call(models[1], "s", "u", call=mine, config=settings))
        await called.wait()
        if how == "is cancelled":
            task.cancel()
        with pytest.raises((ZeroDivisionError, asyncio.CancelledError)):
            await task
        assert (await instance.ready()).selected == "demo-alder"


async def test_the_model_comes_back_when_the_caller_leaves_before_the_call(
    settings: Path, models: tuple[Path, Path]
) -> None:
    endless = {"prompt": "a", "n_predict": 10**6, "stream": True, "grammar": "root ::= [a-z] root"}
    async with Instance(settings) as instance, httpx.AsyncClient(trust_env=False, verify=False) as client:
        await instance.ready()
        async with client.stream("POST", f"{instance.address}/completion", json=endless, timeout=60):
            task = asyncio.create_task(switch_and_call(models[1], "s", "u", config=settings))
            await instance.until(lambda s: len(s.leases) == 1 and s.servers[0].draining)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            snapshot = await instance.until(lambda s: not s.leases and not s.servers[0].draining)
            assert [server.model for server in snapshot.servers] == ["demo-alder"]


async def test_the_client_raises_what_went_wrong(settings: Path) -> None:
    async with Instance(settings) as instance, Switcher(config=settings) as switcher:
        await instance.ready()
        with pytest.raises(UnknownModel) as caught:
            await switcher.switch("demo-bich")
        assert caught.value.details["near"][0] == "demo-birch"
        assert isinstance(caught.value, SwitcherError)


async def test_events_show_a_switch_from_its_choice_to_its_end(settings: Path) -> None:
    async with Instance(settings) as instance, Switcher(config=settings) as switcher:
        await instance.ready()
        numbers: list[int] = []
        choice: asyncio.Task[object] | None = None
        targets: set[str] = set()
        async for snapshot in switcher.events():
            numbers.append(snapshot.number)
            if snapshot.switch is not None:
                targets.add(snapshot.switch.target)
            if choice is None:
                choice = asyncio.create_task(switcher.switch("demo-birch"))
            if snapshot.served is not None and snapshot.served.model == "demo-birch" and choice.done():
                break
        assert numbers == sorted(set(numbers))
        assert targets == {"demo-birch"}
