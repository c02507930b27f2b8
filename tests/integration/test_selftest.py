"""`model-switcher selftest` on real engines: each step is true, a failure is told, and everything is as it was afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fakes.commands import Result, command
from fakes.engines import ENGINES
from fakes.instance import Instance, write_settings
from fakes.launches import lives
from model_switcher.client.finding import find
from model_switcher.client.switcher import Switcher
from model_switcher.domain.engines import EngineBinary
from model_switcher.domain.snapshot import Snapshot
from model_switcher.engine.demo_models import write_demo_models, write_llama
from model_switcher.places import places

A, B = "demo-alder", "demo-birch"
ROUND = [("start", A), ("ask", A), ("switch", B), ("ask", B), ("back", A), ("ask", A)]


@pytest.fixture
def models(tmp_path: Path) -> tuple[Path, Path]:
    return write_demo_models(tmp_path)


@pytest.fixture
def settings(tmp_path: Path, models: tuple[Path, Path]) -> Path:
    return write_settings(tmp_path, models)


async def selftest(settings: Path) -> tuple[Result, dict[str, Any]]:
    result = await command(settings, "selftest", "--json")
    return result, json.loads(result.output)


def names(form: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(step["step"], step["model"]) for step in form["steps"]]


def standing(snapshot: Snapshot) -> tuple[object, ...]:
    """What must be as it was."""
    return snapshot.selected, snapshot.awake, snapshot.paused, [server.model for server in snapshot.servers]


def break_model(model: Path) -> None:
    """The engine does not know its architecture, which its header does not show to be wrong."""
    data = model.read_bytes().replace(b"llama.", b"lomma.")
    model.write_bytes(data.replace(b"\x05\0\0\0\0\0\0\0llama", b"\x05\0\0\0\0\0\0\0lomma"))


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.kind)
async def test_models_that_take_turns(
    tmp_path: Path, models: tuple[Path, Path], engine: EngineBinary
) -> None:
    settings = write_settings(tmp_path, models, engine=engine)
    async with Instance(settings) as instance:
        before = await instance.ready()
        result, form = await selftest(settings)
        assert (result.status, form["ok"], result.errors) == (0, True, "")
        assert names(form) == [*ROUND, ("memory", B), ("restore", None)]
        assert all(step["ok"] and step["seconds"] >= 0 for step in form["steps"])
        assert all(step["memory"]["used"] > 0 for step in form["steps"])
        after = await instance.ready()
        assert standing(after) == standing(before)
        assert after.served != before.served, "it was loaded again"
        assert before.served is not None
        assert not lives(before.served.pid or 0)


async def test_models_that_fit_beside_each_other(tmp_path: Path, models: tuple[Path, Path]) -> None:
    settings = write_settings(tmp_path, models, beside=True)
    async with Instance(settings) as instance:
        before = await instance.ready()
        result, form = await selftest(settings)
        assert (result.status, form["ok"]) == (0, True)
        assert names(form) == [*ROUND, ("unload", B), ("memory", B), ("restore", None)]
        assert standing(await instance.ready()) == standing(before)


async def test_what_stood_beside_the_selected_model_does_so_again(
    tmp_path: Path, models: tuple[Path, Path]
) -> None:
    third = write_llama(tmp_path / "demo-cedar.gguf", name="Demo Cedar", seed=3)
    settings = write_settings(tmp_path, models, beside=True)
    async with Instance(settings) as instance, Switcher(config=settings) as switcher:
        await instance.ready()
        await switcher.stop()
        await switcher.complete("a", model=B, n_predict=1, grammar="root ::= [a-z]")
        await switcher.switch(str(third))
        before = instance.state()
        assert {server.model for server in before.servers} == {B, "demo-cedar"}
        result, form = await selftest(settings)
        assert (result.status, form["ok"]) == (0, True)
        assert names(form)[:3] == [("start", "demo-cedar"), ("ask", "demo-cedar"), ("switch", A)]
        assert ("unload", A) in names(form)
        assert standing(await instance.ready()) == standing(before)


@pytest.mark.parametrize("verb", [("stop",), ("stop", "--pause")], ids=" ".join)
async def test_what_slept_sleeps_again(settings: Path, verb: tuple[str, ...]) -> None:
    async with Instance(settings) as instance:
        await instance.ready()
        assert (await command(settings, *verb)).status == 0
        before = instance.state()
        result, form = await selftest(settings)
        assert (result.status, form["ok"]) == (0, True)
        assert standing(instance.state()) == standing(before)
        assert before.servers == ()


async def test_an_instance_that_was_started_for_it_is_ended(settings: Path) -> None:
    result = await command(settings, "selftest")
    assert result.status == 0, result.output
    assert "one was started" in result.errors
    assert find(places(settings)) is None
    rows = result.output.splitlines()
    assert rows[0] == "Trying Demo Alder and Demo Birch."
    assert rows[-1] == "Switching works."
    assert all(row.startswith("✓  ") and " of " in row for row in rows[1:-1])
    assert len({row.rindex(" of ") for row in rows[1:-1]}) == 1, "in columns"


async def test_a_model_that_does_not_come_up_is_told_with_the_reason(
    settings: Path, models: tuple[Path, Path]
) -> None:
    break_model(models[1])
    async with Instance(settings) as instance:
        before = await instance.ready()
        result, form = await selftest(settings)
        assert (result.status, form["ok"]) == (5, False)
        assert names(form) == [("start", A), ("ask", A), ("switch", B), ("restore", None)]
        assert [step["ok"] for step in form["steps"]] == [True, True, False, True]
        assert "lomma" in form["steps"][2]["problem"]
        assert standing(await instance.ready()) == standing(before)
        table = await command(settings, "selftest")
        assert table.status == 5
        assert "✗  Switch to Demo Birch" in table.output
        assert "lomma" in table.output


async def test_a_single_model_is_unloaded_and_loaded_again(settings: Path, models: tuple[Path, Path]) -> None:
    models[1].unlink()
    async with Instance(settings) as instance:
        before = await instance.ready()
        result, form = await selftest(settings)
        assert (result.status, form["ok"]) == (0, True)
        steps = ["start", "ask", "unload", "memory", "back", "ask", "restore"]
        assert [step["step"] for step in form["steps"]] == steps
        assert standing(await instance.ready()) == standing(before)


async def test_without_a_model_there_is_nothing_to_try(settings: Path, models: tuple[Path, Path]) -> None:
    for model in models:
        model.unlink()
    result = await command(settings, "selftest", "--json")
    assert result.status == 4
    assert json.loads(result.output)["error"]["code"] == "unknown-model"
    assert find(places(settings)) is None
