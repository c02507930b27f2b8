"""What the program relies on in an engine: the same for llama-server and for the embedded one."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import signal
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from fakes.engines import ENGINES, LLAMA_SERVER, running
from model_switcher.domain.states import Cause, Failure
from model_switcher.engine.binaries.causes import explain
from model_switcher.engine.binaries.probe import EngineProber, probe
from model_switcher.engine.demo_models import write_demo_models

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from model_switcher.domain.engines import EngineBinary

ASK = {
    "model": "anything",
    "messages": [{"role": "user", "content": "hello"}],
    "max_tokens": 4,
    "grammar": "root ::= [a-z]+",
}


@pytest.fixture(params=ENGINES, ids=lambda engine: engine.kind)
def engine(request: pytest.FixtureRequest) -> EngineBinary:
    found: EngineBinary = request.param
    return found


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo_models(tmp_path_factory.mktemp("models"))[0]


async def failure_of(
    engine: EngineBinary, *options: str, model: Path, port: int = 0, before: Sequence[str] = ()
) -> Failure:
    """Why a start failed. llama-server b10434 loses the end of its log in two of a hundred failed starts: ask again."""
    for _ in range(5):
        async with running(engine, *options, model=model, port=port, before=before) as process:
            code = await process.exit_code()
            assert code != 0
            if any("exiting due to" in line or "error" in line for line in process.log):
                return explain(exit_code=code, log=process.log, model_path=str(model), was_ready=False)
    raise AssertionError("no start wrote a whole log")


async def test_a_start_reports_its_state_its_names_and_its_address(engine: EngineBinary, model: Path) -> None:
    alias = f"~{secrets.token_hex(8)}"
    async with running(engine, "--alias", f"demo,{alias}", model=model) as process:
        payload = await process.ready()
        assert alias in {payload["id"], *payload["aliases"]}
        assert "demo" in {payload["id"], *payload["aliases"]}
        assert any(report["state"] == "loading" for report in process.reports)
        assert await process.port() > 0


async def test_health_needs_no_key(engine: EngineBinary, model: Path) -> None:
    async with running(engine, model=model) as process:
        await process.ready()
        async with await process.client(key="") as client:
            assert (await client.get("/health")).status_code == 200


async def test_the_list_of_models_has_the_names_of_this_start(engine: EngineBinary, model: Path) -> None:
    # Builds before b11434 answer it without the key; later ones ask for it.
    alias = f"~{secrets.token_hex(8)}"
    async with running(engine, "--alias", f"demo,{alias}", model=model) as process:
        async with await process.client() as client:
            entry = (await client.get("/v1/models")).json()["data"][0]
        assert alias in {entry["id"], *entry["aliases"]}


async def test_requests_need_the_key_of_this_start(engine: EngineBinary, model: Path) -> None:
    async with running(engine, model=model) as process:
        await process.ready()
        for key in ("", "another"):
            async with await process.client(key=key) as client:
                assert (await client.post("/v1/chat/completions", json=ASK)).status_code == 401
                assert (await client.get("/props")).status_code == 401


async def test_a_chat_completion_is_answered(engine: EngineBinary, model: Path) -> None:
    async with running(engine, model=model) as process, await process.client() as client:
        answer = await client.post("/v1/chat/completions", json=ASK)
        assert answer.status_code == 200
        text = answer.json()["choices"][0]["message"]["content"]
        assert text.isascii()
        assert text.isalpha()


async def test_a_stream_ends_with_done(engine: EngineBinary, model: Path) -> None:
    async with running(engine, model=model) as process, await process.client() as client:
        async with client.stream("POST", "/v1/chat/completions", json={**ASK, "stream": True}) as answer:
            events = [line async for line in answer.aiter_lines() if line.startswith("data: ")]
        assert events[-1] == "data: [DONE]"
        assert all(json.loads(event.removeprefix("data: ")) for event in events[:-1])


async def test_four_slots_share_the_whole_context_by_default(engine: EngineBinary, model: Path) -> None:
    async with running(engine, model=model) as process, await process.client() as client:
        slots = (await client.get("/slots")).json()
        assert [slot["n_ctx"] for slot in slots] == [4096] * 4
        assert (await client.get("/props")).json()["total_slots"] == 4


async def test_both_engines_generate_with_the_same_defaults(model: Path) -> None:
    settings = []
    for each in ENGINES:
        async with running(each, model=model) as process, await process.client() as client:
            settings.append((await client.get("/props")).json()["default_generation_settings"])
    assert settings[0] == settings[1]


async def test_launch_options_mean_the_same(engine: EngineBinary, model: Path) -> None:
    options = ["--ctx-size", "1024", "--parallel", "2", "--kv-unified", "--cache-type-k", "f32"]
    options += ["--flash-attn", "on", "--n-gpu-layers", "auto", "--temp", "0.25", "--seed", "7", "--no-ui"]
    options += [
        "--threads",
        "1",
        "--batch-size",
        "64",
        "--ubatch-size",
        "32",
        "--metrics",
        "--jinja",
        "--no-warmup",
    ]
    async with running(engine, *options, model=model) as process, await process.client() as client:
        props = (await client.get("/props")).json()
        assert props["total_slots"] == 2
        assert props["default_generation_settings"]["n_ctx"] == 1024
        assert props["default_generation_settings"]["params"]["temperature"] == 0.25
        assert props["default_generation_settings"]["params"]["seed"] == 7
        assert (await client.get("/metrics")).status_code == 200
        assert (await client.get("/")).status_code == 404


async def test_the_exit_command_ends_it_in_order(engine: EngineBinary, model: Path) -> None:
    # llama-server loses a command that comes before its loop runs: an answer shows that it does.
    async with running(engine, model=model) as process, await process.client() as client:
        assert (await client.post("/v1/chat/completions", json=ASK)).status_code == 200
        await process.write(b"cmd_router_to_child:exit\n")
        assert await process.exit_code() == 0


async def test_the_end_of_its_standard_input_ends_it(engine: EngineBinary, model: Path) -> None:
    async with running(engine, model=model) as process:
        await process.ready()
        process.close_stdin()
        assert await process.exit_code() == 1


async def test_it_ends_in_the_middle_of_a_stream(engine: EngineBinary, model: Path) -> None:
    async with running(engine, model=model) as process, await process.client() as client:
        endless = {**ASK, "stream": True, "max_tokens": 3000}
        async with client.stream("POST", "/v1/chat/completions", json=endless) as answer:
            await anext(answer.aiter_lines())
            process.close_stdin()
            assert await process.exit_code() != 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
async def test_a_signal_ends_it_while_it_loads(
    engine: EngineBinary, tmp_path: Path, number: signal.Signals
) -> None:
    never_comes = tmp_path / "pipe.gguf"
    os.mkfifo(never_comes)
    async with running(engine, model=never_comes) as process:
        await process.said("loading model")
        process.process.send_signal(number)
        assert await process.exit_code() == -number
        failure = explain(exit_code=-number, log=process.log, model_path=str(never_comes), was_ready=False)
        assert failure.signal == number.name
        assert failure.cause == Cause.CRASHED


async def test_an_unknown_option_is_named(engine: EngineBinary, model: Path) -> None:
    failure = await failure_of(engine, "--no-such-option", model=model)
    assert failure.cause == Cause.UNSUPPORTED_OPTION
    assert "--no-such-option" in failure.sentence


async def test_a_wrong_value_names_its_option(engine: EngineBinary, model: Path) -> None:
    failure = await failure_of(engine, "--cache-type-k", "q99", model=model)
    assert failure.cause == Cause.UNSUPPORTED_OPTION
    assert "--cache-type-k" in failure.sentence


DAMAGE = {
    "missing": Cause.MODEL_MISSING,
    "empty": Cause.MODEL_DAMAGED,
    "garbage": Cause.MODEL_DAMAGED,
    "header cut off": Cause.MODEL_DAMAGED,
    "weights cut off": Cause.MODEL_DAMAGED,
    "tensor renamed": Cause.MODEL_DAMAGED,
    "architecture of the future": Cause.UNKNOWN_ARCHITECTURE,
    "version of the future": Cause.UNKNOWN_ARCHITECTURE,
}


def write_damaged(bad: Path, model: Path, damage: str) -> None:
    if damage != "missing":
        bad.write_bytes(damaged(model.read_bytes(), damage))


def damaged(whole: bytes, damage: str) -> bytes:
    key = whole.index(b"general.architecture")
    name = whole.index(b"llama", key)
    return {
        "empty": b"",
        "garbage": b"\x7fELF" * 1000,
        "header cut off": whole[:1000],
        "weights cut off": whole[: len(whole) - 50_000],
        "tensor renamed": whole.replace(b"blk.1.ffn_up.weight", b"blk.1.ffn_no.weight"),
        "architecture of the future": whole[:name] + b"lxxma" + whole[name + 5 :],
        "version of the future": whole[:4] + (99).to_bytes(4, "little") + whole[8:],
    }[damage]


@pytest.mark.parametrize("damage", DAMAGE)
async def test_a_model_that_does_not_load_gives_the_cause(
    engine: EngineBinary, model: Path, tmp_path: Path, damage: str
) -> None:
    bad = tmp_path / "bad.gguf"
    write_damaged(bad, model, damage)
    failure = await failure_of(engine, model=bad)
    assert failure.cause == DAMAGE[damage], failure
    assert str(tmp_path) not in failure.sentence
    assert 0 < len(failure.log) <= 20


async def test_a_projector_that_is_not_there_is_told_from_the_model(
    engine: EngineBinary, model: Path, tmp_path: Path
) -> None:
    failure = await failure_of(engine, "--mmproj", str(tmp_path / "none.gguf"), model=model)
    assert failure.cause == Cause.MODEL_DAMAGED
    assert "projector" in failure.sentence


async def test_a_context_that_does_not_fit_is_told_as_memory(engine: EngineBinary, model: Path) -> None:
    little = ("sh", "-c", 'ulimit -v 3000000; exec "$@"', "sh")  # KiB; the cache would take 4 GB
    options = ("--ctx-size", "8000000", "--fit", "off")
    failure = await failure_of(engine, *options, model=model, before=little)
    assert failure.cause == Cause.OUT_OF_RAM, failure
    assert failure.asked is not None
    assert failure.asked > 3 * 2**30
    assert "ctx-size" in failure.hint


async def test_a_library_that_is_missing_is_told(model: Path, tmp_path: Path) -> None:
    alone = shutil.copy(LLAMA_SERVER.path, tmp_path)
    failure = await failure_of(replace(LLAMA_SERVER, command=(alone,)), model=model)
    assert failure.cause == Cause.MISSING_LIBRARY
    assert "libllama-server-impl.so" in failure.sentence


async def test_a_port_in_use_is_told(engine: EngineBinary, model: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        failure = await failure_of(engine, model=model, port=taken.getsockname()[1])
    assert failure.cause == Cause.PORT_TAKEN


async def test_an_engine_says_what_it_is(engine: EngineBinary) -> None:
    prober = EngineProber()
    first, second = await asyncio.gather(prober.facts(engine), prober.facts(engine))
    assert first is second
    assert first.version not in {"", "unknown version"}
    assert {"--ctx-size", "--n-gpu-layers", "--mmproj", "--alias", "--no-kv-unified"} <= first.flags


async def test_the_embedded_engine_knows_no_option_that_llama_server_lacks() -> None:
    embedded, server = [(await probe(each)).flags for each in ENGINES]
    assert embedded <= server
