"""The commands against a running instance, and what they say when something is wrong."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
from pathlib import Path

import psutil
import pytest

from fakes.commands import command
from fakes.engines import ENGINES, LLAMA_SERVER
from fakes.instance import Instance, write_settings
from fakes.launches import lives, until
from model_switcher.client.finding import find
from model_switcher.domain.engines import EngineBinary
from model_switcher.engine.demo_models import write_demo_models
from model_switcher.places import places


@pytest.fixture
def models(tmp_path: Path) -> tuple[Path, Path]:
    return write_demo_models(tmp_path)


@pytest.fixture
def settings(tmp_path: Path, models: tuple[Path, Path]) -> Path:
    return write_settings(tmp_path, models)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.kind)
async def test_a_switch_changes_the_process_the_model_and_the_alias(
    tmp_path: Path, models: tuple[Path, Path], engine: EngineBinary
) -> None:
    settings = write_settings(tmp_path, models, engine=engine)
    async with Instance(settings) as instance:
        before = (await instance.ready()).served
        assert before is not None
        assert before.model == "demo-alder"
        result = await command(settings, "switch", "birch", "--json")
        assert (result.status, result.errors) == (4, ""), "a part of a name is not a name"
        assert json.loads(result.output)["error"]["near"][0] == "demo-birch"
        result = await command(settings, "switch", "demo-birch", "--json")
        assert (result.status, result.errors) == (0, "")
        outcome = json.loads(result.output)["outcome"]
        assert (outcome["result"], outcome["serving"]) == ("switched", "demo-birch")
        after = instance.state().served
        assert after is not None
        assert after.pid != before.pid
        assert after.alias != before.alias
        assert not lives(before.pid or 0)
        line = psutil.Process(after.pid).cmdline()
        assert line[line.index("--model") + 1] == str(models[1])
        assert line[line.index("--alias") + 1] == f"demo-birch,{after.alias}"


async def test_list_without_an_instance_scans_by_itself(settings: Path) -> None:
    (settings.parent / "broken.gguf").write_bytes(b"")
    result = await command(settings, "list", "--json")
    assert (result.status, result.errors) == (0, "")
    listed = json.loads(result.output)
    assert [model["id"] for model in listed["models"]] == ["demo-alder", "demo-birch"]
    assert {
        "name",
        "path",
        "size",
        "quantization",
        "architecture",
        "context_length",
        "parameters",
        "fit",
    } <= set(listed["models"][0])
    assert [(Path(r["path"]).name, r["code"]) for r in listed["rejected"]] == [("broken.gguf", "model-empty")]
    assert {model["fit"] for model in listed["models"]} <= {"fits alone", "fits beside", "tight"}
    assert find(places(settings)) is None, "listing starts nothing"
    table = (await command(settings, "list")).output
    assert "demo-birch" in table
    assert "fits" in table
    assert "broken.gguf" in table


async def test_switch_starts_a_headless_instance_and_says_so(settings: Path) -> None:
    try:
        result = await command(settings, "switch", "demo-birch")
        assert result.status == 0, result.errors
        assert "demo-birch is ready" in result.output
        assert "headless one was started" in result.errors
        record = find(places(settings))
        assert record is not None
        status = await command(settings, "status")
        assert "Demo Birch" in status.output
        logs = await command(settings, "logs")
        assert "listening on" in logs.output
    finally:
        assert (await command(settings, "quit")).status == 0
    assert find(places(settings)) is None
    assert not lives(record.pid)
    assert not [pid for pid, _ in record.servers if lives(pid)]


async def test_call_borrows_a_model_and_gives_it_back(tmp_path: Path, models: tuple[Path, Path]) -> None:
    settings = write_settings(tmp_path, models, engine=LLAMA_SERVER)
    with settings.open("a", encoding="utf-8") as file:
        # Random weights know no language; the grammar keeps what they say to letters.
        file.write("[launch]\ngrammar = 'root ::= [a-z]+'\nn-predict = 8\n")
    async with Instance(settings) as instance:
        await instance.ready()
        result = await command(settings, "call", "demo-birch", "Hello")
        assert (result.status, result.errors) == (0, "")
        assert result.output.strip().isalpha()
        assert (await instance.ready()).selected == "demo-alder"


async def test_without_an_instance_those_who_only_look_say_so(settings: Path) -> None:
    for verb in ("status", "stop", "logs", "quit"):
        result = await command(settings, verb)
        assert result.status == 3, verb
        assert "No instance is running" in result.errors


async def test_stop_and_pause_unload_and_resume_loads(settings: Path) -> None:
    async with Instance(settings) as instance:
        pid = ((await instance.ready()).served or pytest.fail("nothing is served")).pid or 0
        assert (await command(settings, "stop", "--pause")).status == 0
        assert not lives(pid)
        assert "paused" in (await command(settings, "status")).output
        assert (await command(settings, "resume")).status == 0
        await instance.ready()
        assert (await command(settings, "stop")).status == 0
        assert instance.state().servers == ()


async def test_a_damaged_model_changes_nothing_and_says_why(
    settings: Path, models: tuple[Path, Path]
) -> None:
    damaged = settings.parent / "damaged.gguf"
    damaged.write_bytes(models[1].read_bytes()[:-4096])
    async with Instance(settings) as instance:
        before = (await instance.ready()).served
        result = await command(settings, "switch", str(damaged))
        assert result.status == 4
        assert "early" in result.errors
        assert instance.state().served == before


async def test_a_model_that_fails_to_load_brings_the_old_one_back(
    settings: Path, models: tuple[Path, Path]
) -> None:
    strange = settings.parent / "strange.gguf"
    strange.write_bytes(
        models[1]
        .read_bytes()
        .replace(b"llama.", b"lomma.")
        .replace(b"\x05\0\0\0\0\0\0\0llama", b"\x05\0\0\0\0\0\0\0lomma")
    )
    async with Instance(settings) as instance:
        before = (await instance.ready()).served
        assert before is not None
        result = await command(settings, "switch", "strange", "--json")
        assert result.status == 5, result
        error = json.loads(result.output)["error"]
        assert error["code"] == "switch-failed"
        assert error["serving"] == "demo-alder"
        assert error["failure"]["cause"] == "unknown-architecture"
        after = (await instance.ready()).served
        assert after is not None
        assert (after.model, after.pid == before.pid) == ("demo-alder", False)


async def test_an_option_that_the_engine_lacks_is_said_before_anything_stops(
    tmp_path: Path, models: tuple[Path, Path]
) -> None:
    settings = write_settings(tmp_path, models)
    with settings.open("a", encoding="utf-8") as file:
        file.write("[models.'demo-birch']\nwarp-factor = 9\n")
    async with Instance(settings) as instance:
        before = (await instance.ready()).served
        result = await command(settings, "switch", "demo-birch")
        assert result.status == 5
        assert "does not know the launch option warp-factor" in result.errors
        assert instance.state().served == before


async def test_settings_that_do_not_parse_are_all_told_and_left_alone(settings: Path) -> None:
    broken = "model-folder = 'x'\n[server]\nport = 'many'\n"
    settings.write_text(broken)
    result = await command(settings, "serve")
    assert result.status == 7
    assert "model-folders" in result.errors
    assert "port" in result.errors
    assert settings.read_text() == broken
    settings.write_text("= nonsense")
    assert (await command(settings, "serve")).status == 7


async def test_a_port_in_use_is_told_with_the_program_and_another_port(settings: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = await command(settings, "serve", "--port", str(port))
    assert result.status == 3
    assert f"{port} is used by" in result.errors
    assert f"process {os.getpid()}" in result.errors
    offered = re.search(r"take port (\d+)", result.errors)
    assert offered is not None
    assert port < int(offered[1]) <= port + 100


async def test_a_second_start_finds_the_first(settings: Path) -> None:
    async with Instance(settings) as instance:
        await instance.ready()
        result = await command(settings, "serve")
        assert result.status == 3
        assert instance.address in result.errors
        await until(lambda: find(places(settings)) is not None)


async def test_a_folder_that_is_not_there_is_no_reason_to_fail(settings: Path) -> None:
    text = settings.read_text().replace("model-folders = [", "model-folders = ['/nowhere/models', ")
    settings.write_text(text)
    async with Instance(settings) as instance:
        await instance.ready()
        listed = json.loads((await command(settings, "list", "--json")).output)
        assert [rejected["path"] for rejected in listed["rejected"]] == ["/nowhere/models"]


async def test_without_an_engine_the_sentence_tells_how_to_get_one(settings: Path) -> None:
    settings.write_text(settings.read_text().replace("'embedded'", "'/nowhere/llama-server'"))
    result = await command(settings, "switch", "demo-birch")
    await command(settings, "quit")
    assert result.status == 6
    assert "llama-server" in result.errors


@pytest.mark.parametrize(
    "words",
    [("swap", "x"), ("serve", "--port", "99999"), ("serve", "--port", "-1"), ("serve", "--host", "0.0.0.0")],
    ids=" ".join,
)
async def test_usage_is_a_status_of_its_own(settings: Path, words: tuple[str, ...]) -> None:
    result = await command(settings, *words)
    assert result.status == 2, "an address beyond this computer needs a key"
    assert "Traceback" not in result.errors


async def test_a_relative_path_counts_from_where_the_caller_is(
    settings: Path, tmp_path: Path, models: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(models[1], elsewhere / "copy.gguf")
    async with Instance(settings) as instance:
        await instance.ready()
        monkeypatch.chdir(elsewhere)
        result = await command(settings, "switch", "copy.gguf")
        assert result.status == 0, result.errors
        assert (await instance.ready()).selected not in (None, "demo-alder", "demo-birch")


async def test_a_model_from_elsewhere_is_the_one_of_last_time_too(
    settings: Path, tmp_path: Path, models: tuple[Path, Path]
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    chosen = Path(shutil.copy(models[1], elsewhere / "copy.gguf"))
    settings.write_text(settings.read_text().replace(f"'{models[0]}'\n", "'last'\n"))
    assert (await command(settings, "switch", str(chosen))).status == 0
    assert (await command(settings, "quit")).status == 0
    async with Instance(settings) as instance:
        await instance.ready()
        listed = json.loads((await command(settings, "list", "--json")).output)["models"]
        paths = {model["id"]: model["path"] for model in listed}
        assert paths[instance.state().selected or ""] == str(chosen)


async def test_after_quit_the_next_start_finds_the_house_empty(settings: Path) -> None:
    for _ in range(2):
        async with Instance(settings) as instance:
            assert (await command(settings, "quit")).status == 0
            assert instance.process is not None
            assert not lives(instance.process.pid)


async def test_watching_prints_the_state_as_status_does(settings: Path) -> None:
    async with Instance(settings) as instance:
        await instance.ready()
        once = json.loads((await command(settings, "status", "--json")).output)
        watching = asyncio.create_task(command(settings, "status", "--json", "--watch"))
        await instance.until(lambda snapshot: snapshot.number > once["number"] + 2)
        assert (await command(settings, "quit")).status == 0
        lines = [json.loads(line) for line in (await watching).output.splitlines()]
        assert all(line.keys() == once.keys() for line in lines)
        assert lines


async def test_inspect_tells_what_a_file_says_without_an_instance(
    settings: Path, models: tuple[Path, Path]
) -> None:
    result = await command(settings, "inspect", str(models[0]), "--json")
    assert (result.status, result.errors) == (0, "")
    said = json.loads(result.output)
    assert said["model"]["name"] == "Demo Alder"
    assert (said["model"]["architecture"], said["model"]["block_count"]) == ("llama", 2)
    assert sum(said["model"]["tensors"].values()) == 21
    assert "Demo Alder" in (await command(settings, "inspect", str(models[0]))).output
    assert find(places(settings)) is None
    refused = await command(settings, "inspect", str(settings))
    assert refused.status == 4
    assert "settings.toml" in refused.errors


async def test_doctor_finds_what_is_wrong_and_what_is_right(settings: Path) -> None:
    (settings.parent / "broken.gguf").write_bytes(b"")
    well = await command(settings, "doctor", "--json")
    assert (well.status, well.errors) == (0, "")
    findings = json.loads(well.output)["findings"]
    assert {finding["topic"] for finding in findings} >= {"settings", "engine", "memory", "address", "models"}
    assert [f for f in findings if f["level"] == "warning" and "broken.gguf" in f["sentence"]]
    settings.write_text(settings.read_text().replace("'embedded'", "'/nowhere/llama-server'"))
    ill = await command(settings, "doctor")
    assert ill.status == 1
    assert "XX" in ill.output
    assert "/nowhere/llama-server" in ill.output


async def test_a_model_that_is_copied_in_or_deleted_shows_by_itself(
    settings: Path, models: tuple[Path, Path]
) -> None:
    async def ids() -> list[str]:
        listed = json.loads((await command(settings, "list", "--json")).output)
        return [model["id"] for model in listed["models"]]

    async with Instance(settings) as instance:
        await instance.ready()
        assert await ids() == ["demo-alder", "demo-birch"]
        copy = settings.parent / "copied in.gguf"
        copy.write_bytes(models[1].read_bytes())
        while "copied-in" not in await ids():
            await asyncio.sleep(0.1)
        copy.unlink()
        while "copied-in" in await ids():
            await asyncio.sleep(0.1)


async def test_the_loss_of_the_served_models_file_is_said(settings: Path, models: tuple[Path, Path]) -> None:
    async with Instance(settings) as instance:
        await instance.ready()
        away = models[0].rename(settings.parent / "away.bin")
        snapshot = await instance.until(lambda s: s.file_notice is not None)
        assert "was deleted or moved" in (snapshot.file_notice or "")
        away.rename(models[0])
        await instance.until(lambda s: s.file_notice is None)


async def test_the_first_start_writes_a_settings_file_that_explains_itself(tmp_path: Path) -> None:
    settings = tmp_path / "new" / "settings.toml"
    async with Instance(settings, "serve", "--port", "0") as instance:
        assert str(settings) in instance.said()
        text = settings.read_text()
        assert "#model-folders = " in text
        settings.write_text(text + "# mine\n")
    async with Instance(settings, "serve", "--port", "0"):
        assert settings.read_text().endswith("# mine\n"), "what is there is left alone"
