"""The history of a real instance: by HTTP, on the command line, and after its end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from fakes.commands import command
from fakes.instance import Instance, write_settings
from model_switcher.client.switcher import Switcher
from model_switcher.domain.errors import SwitchFailed
from model_switcher.engine.demo_models import write_demo_models
from model_switcher.engine.timing import HISTORY_FILE
from model_switcher.places import places

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """Two good models, and one whose header is in order and whose architecture nobody knows."""
    first, _ = write_demo_models(tmp_path)
    whole = first.read_bytes()
    (tmp_path / "future.gguf").write_bytes(whole.replace(b"llama", b"lxxma", 1))
    return write_settings(tmp_path, [first])


def get(instance: Instance, query: str = "") -> httpx.Response:
    return httpx.get(f"{instance.address}/switcher/history{query}", trust_env=False, verify=False)


async def test_every_load_is_kept_with_its_times_result_and_cause(settings: Path) -> None:
    async with Instance(settings) as instance:
        await instance.ready()
        async with Switcher(config=settings, start=False) as switcher:
            await switcher.switch("demo-birch")
            with pytest.raises(SwitchFailed):
                await switcher.switch("future")
            told = await switcher.history()
            newest = await switcher.history(limit=1)
        failed, went_well, first = told.records
        assert [record.model for record in told.records] == ["future", "demo-birch", "demo-alder"]
        assert (failed.result, failed.cause) == ("rolled back", "unknown-architecture")
        assert "lxxma" in (failed.sentence or "")
        assert went_well.result == first.result == "switched"
        assert went_well.size == (settings.parent / "demo-birch.gguf").stat().st_size
        assert went_well.engine
        assert went_well.load_seconds is not None
        assert 0 < went_well.load_seconds <= went_well.seconds
        assert {"preflight", "start"} <= set(went_well.phases)
        assert (told.total.switches, told.total.succeeded) == (3, 2)
        assert (newest.records, newest.total) == (told.records[:1], told.total)
        assert get(instance).json()["records"][0]["model"] == "future"
        assert get(instance, "?limit=0").json()["records"] == []
        refused = get(instance, "?limit=-1")
        assert (refused.status_code, refused.json()["error"]["code"]) == (400, "usage")


async def test_the_command_shows_it_while_an_instance_runs_and_afterwards(settings: Path) -> None:
    assert (await command(settings, "history")).output == "No switch so far.\n"
    try:
        async with Instance(settings) as instance:
            await instance.ready()
            await command(settings, "switch", "demo-birch")
            await command(settings, "switch", "future")
            running = await command(settings, "history")
            state = places(settings).state
            await command(settings, "quit")
            kept = (state / HISTORY_FILE).read_bytes()
            afterwards = await command(settings, "history")
            as_json = await command(settings, "history", "--json", "--limit", "2")
            assert (state / HISTORY_FILE).read_bytes() == kept
        assert (running.status, running.errors) == (0, "")
        assert "demo-birch" in running.output
        assert "does not know models of the architecture lxxma" in running.output
        assert "1 (100%)" in running.output
        assert "0 (0%)" in running.output
        assert afterwards == running
        shown: dict[str, Any] = json.loads(as_json.output)
        assert [record["model"] for record in shown["records"]] == ["future", "demo-birch"]
        assert shown["total"]["switches"] == 3
    finally:
        assert not (places(settings).state / HISTORY_FILE).exists()


async def test_a_restart_goes_on_with_it(settings: Path) -> None:
    async with Instance(settings) as instance:
        await instance.ready()
        kept = places(settings).state / HISTORY_FILE
        await command(settings, "quit")
        before = kept.read_bytes()
        async with Instance(settings) as again:
            await again.ready()
            told = get(again).json()
        assert len(told["records"]) == 2
        assert before != b""


async def test_a_damaged_file_is_set_aside(settings: Path) -> None:
    kept = places(settings).state / HISTORY_FILE
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"no database" * 1000)
    async with Instance(settings) as instance:
        await instance.ready()
        assert len(get(instance).json()["records"]) == 1
        assert kept.with_name(f"{HISTORY_FILE}.damaged").read_bytes() == b"no database" * 1000
        assert "is damaged" in instance.said()
