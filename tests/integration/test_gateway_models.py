"""Requests that name their model, through a whole instance with real engines whose models take turns."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from fakes.commands import command
from fakes.instance import Instance, free_port
from fakes.telling import ALDER, BIRCH, CEDAR, STRANGE, write_strange_model, write_telling_settings

COMPLETION = "/v1/chat/completions"
MODEL = "X-Model-Switcher-Model"
MESSAGES = [{"role": "user", "content": "Who are you?"}]


@contextlib.asynccontextmanager
async def running(settings: Path, *options: str) -> AsyncIterator[tuple[Instance, httpx.AsyncClient]]:
    async with (
        Instance(settings, "serve", *options) as instance,
        httpx.AsyncClient(base_url=instance.address, timeout=60, trust_env=False) as client,
    ):
        await instance.ready()
        yield instance, client


async def ask(client: httpx.AsyncClient, model: str | None = None, path: str = COMPLETION) -> str:
    """What the model says that the request goes to."""
    body = {"messages": MESSAGES} if model is None else {"messages": MESSAGES, "model": model}
    answer = await client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    said = str(answer.json()["choices"][0]["message"]["content"])
    assert answer.headers[MODEL] == said
    return said


async def test_a_request_that_names_a_model_is_answered_by_it_and_the_selected_one_returns(
    tmp_path: Path,
) -> None:
    settings = write_telling_settings(tmp_path, server="return-after = '1 s'")
    async with running(settings) as (instance, client):
        assert await ask(client) == ALDER
        assert await ask(client, "Demo Birch") == BIRCH
        snapshot = instance.state()
        assert (snapshot.selected, [server.model for server in snapshot.servers]) == (ALDER, [BIRCH])
        await instance.until(lambda s: [(x.model, x.state) for x in s.servers] == [(ALDER, "ready")])
        assert await ask(client, str(tmp_path / f"{CEDAR}.gguf")) == CEDAR
        assert await ask(client, "gpt-4o") == ALDER


async def test_requests_for_three_models_at_once_are_all_answered_by_their_own(tmp_path: Path) -> None:
    settings = write_telling_settings(tmp_path, server="starvation-bound = '0.1 s'")
    async with running(settings) as (instance, client):
        wanted = [ALDER, BIRCH, CEDAR, BIRCH, ALDER, CEDAR] * 4
        assert await asyncio.gather(*(ask(client, model) for model in wanted)) == wanted
        await instance.until(lambda s: s.held == 0 and not any(server.in_flight for server in s.servers))


async def test_a_get_waits_for_no_load_and_causes_none(tmp_path: Path) -> None:
    async with running(write_telling_settings(tmp_path)) as (instance, client):
        answer = await client.get(f"/props?model={BIRCH}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "nothing-served")
        assert (await client.get(f"/props?model={ALDER}")).headers[MODEL] == ALDER
        assert (await client.get("/slots")).headers[MODEL] == ALDER
        assert [server.model for server in instance.state().servers] == [ALDER]


async def test_a_model_that_fails_to_load_is_refused_with_the_cause_and_others_go_on(tmp_path: Path) -> None:
    settings = write_telling_settings(tmp_path)
    write_strange_model(tmp_path)
    async with running(settings) as (_, client):
        answer = await client.post(COMPLETION, json={"messages": MESSAGES, "model": STRANGE})
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (503, "nothing-served")
        assert error["failure"]["cause"] == "unknown-architecture"
        assert answer.headers["Retry-After"]
        assert await ask(client) == ALDER
        assert await ask(client, BIRCH) == BIRCH


async def test_a_model_with_a_port_of_its_own_answers_there(tmp_path: Path) -> None:
    port = free_port()
    settings = write_telling_settings(
        tmp_path, server="return-after = '1 s'", more=f"[models.'Demo Birch']\nport = {port}"
    )
    async with running(settings) as (instance, client):
        assert instance.state().notice is None
        for host in ("127.0.0.1", "[::1]"):
            assert await ask(client, ALDER, f"http://{host}:{port}{COMPLETION}") == BIRCH
        assert (await client.get(f"http://127.0.0.1:{port}/health")).status_code == 200
        await instance.ready()
        assert await ask(client) == ALDER
        assert (await client.get(f"http://127.0.0.1:{port}/health")).status_code == 503


async def test_a_port_of_a_model_that_cannot_be_had_is_told_and_all_else_works(tmp_path: Path) -> None:
    main = free_port()
    async with await asyncio.start_server(lambda _, __: None, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        settings = write_telling_settings(
            tmp_path, more=f"[models.birch]\nport = {port}\n[models.cedar]\nport = {main}"
        )
        async with running(settings, "--port", str(main)) as (instance, client):
            assert f"birch has no port of its own: Port {port} is used by" in instance.said()
            assert f"cedar has no port of its own: {main} is that of all models." in instance.said()
            assert (
                instance.said().count("has no port")
                == (instance.state().notice or "").count("has no port")
                == 2
            )
            assert await ask(client) == ALDER


async def test_an_unknown_name_is_an_error_where_the_settings_say_so(tmp_path: Path) -> None:
    settings = write_telling_settings(tmp_path, server="unknown-model = 'error'")
    async with running(settings) as (_, client):
        answer = await client.post(COMPLETION, json={"messages": MESSAGES, "model": "demo-beech"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown-model")
        assert BIRCH in answer.json()["error"]["near"]
        assert await ask(client) == ALDER


async def test_a_pause_of_the_user_refuses_requests_for_every_model(tmp_path: Path) -> None:
    async with running(write_telling_settings(tmp_path)) as (instance, client):
        await command(instance.settings, "stop", "--pause")
        for model in (ALDER, BIRCH):
            answer = await client.post(COMPLETION, json={"messages": MESSAGES, "model": model})
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "paused")
            assert int(answer.headers["Retry-After"]) >= 1


async def test_a_request_that_waits_too_long_for_its_model_is_told_so(tmp_path: Path) -> None:
    settings = write_telling_settings(tmp_path, server="hold-timeout = '0.5 s'\nhold-limit = 1")
    endless = {"prompt": "a", "n_predict": 10**9, "stream": True, "grammar": "root ::= [a-z] root"}
    async with running(settings) as (instance, client):
        async with client.stream("POST", "/completion", json=endless) as reply:
            lines = reply.aiter_lines()
            await anext(lines)
            # Alder is busy for longer than the bound after which it would be drained.
            late = asyncio.create_task(client.post(COMPLETION, json={"messages": MESSAGES, "model": BIRCH}))
            await instance.until(lambda s: s.held_by_model == {BIRCH: 1})
            full = await client.post(COMPLETION, json={"messages": MESSAGES, "model": CEDAR})
            assert (full.status_code, full.json()["error"]["code"]) == (429, "hold-full")
            answer = await late
            assert (answer.status_code, answer.json()["error"]["code"]) == (504, "hold-timeout")
        assert await ask(client, BIRCH) == BIRCH
