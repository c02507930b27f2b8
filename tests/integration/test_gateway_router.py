"""The routes of llama-server's router mode, beside a real router over the same models."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from fakes.contenders import Router
from fakes.engines import LLAMA_SERVER
from fakes.http_engines import until
from fakes.instance import Instance, write_settings
from fakes.upstream import TINY_A, TINY_B, Front, SmallBackend, open_front, two_models
from fakes.upstream import server_view as server
from model_switcher.domain.catalog import Catalog
from model_switcher.domain.errors import SwitchFailed
from model_switcher.domain.snapshot import Outcome, Phase, Result, SwitchView
from model_switcher.domain.states import Failure, ServerState
from model_switcher.engine.demo_models import write_demo_models

ALDER, BIRCH = "demo-alder", "demo-birch"


async def listed(front: Front, model: str) -> dict[str, Any]:
    answer = (await front.client.get("/models")).json()
    return next(entry for entry in answer["data"] if entry["id"] == model)


async def test_a_model_is_listed_with_its_files_and_what_it_understands() -> None:
    async with open_front() as front:
        seeing = replace(TINY_B, vision=True, projector="/models/mmproj-b.gguf", store="huggingface")
        front.backend.hub.update(catalog=Catalog((TINY_A, seeing)))
        entry = await listed(front, TINY_B.id)
        assert entry["architecture"] == {"input_modalities": ["text", "image"], "output_modalities": ["text"]}
        assert entry["status"]["args"][-2:] == ["--mmproj", "/models/mmproj-b.gguf"]
        assert (entry["source"], entry["can_remove"]) == ("cache", False)
        assert (await listed(front, TINY_A.id))["architecture"]["input_modalities"] == ["text"]


async def test_a_loaded_model_tells_what_is_known_of_it() -> None:
    async with open_front() as front:
        front.backend.hub.update(catalog=Catalog((replace(TINY_A, context_length=4096, parameters=7),)))
        assert "meta" not in await listed(front, TINY_A.id)
        front.backend.hub.update(servers=(replace(server(ServerState.READY), ctx_size=1024),))
        meta = (await listed(front, TINY_A.id))["meta"]
        assert meta == {"n_ctx": 1024, "n_ctx_train": 4096, "n_params": 7, "size": 1}


async def test_the_list_is_written_anew_only_when_something_in_it_changed() -> None:
    async with open_front() as front:
        hub, listing = front.backend.hub, front.gateway._router._listing
        first = await front.client.get("/v1/models")
        written = listing._encoded
        hub.update(held=3)
        assert (await front.client.get("/v1/models")).content == first.content
        assert listing._encoded is written
        hub.update(selected=TINY_B.id)
        assert (await front.client.get("/v1/models")).json()["data"][0]["id"] == TINY_B.id


async def test_a_reload_looks_for_models_first() -> None:
    class Looking(SmallBackend):
        async def rescan(self) -> None:
            self.hub.update(catalog=Catalog((TINY_B,)))

    async with open_front(Looking()) as front:
        answer = await front.client.get("/models", params={"reload": "1"})
        assert [entry["id"] for entry in answer.json()["data"]] == [TINY_B.id]


async def test_a_load_is_a_choice_and_answers_at_once() -> None:
    async with open_front() as front:
        answer = await front.client.post("/models/load", json={"model": "Tiny B", "extra_args": []})
        assert (answer.status_code, answer.json()) == (200, {"success": True})
        await until(lambda: "select tiny-b idle" in front.backend.calls)
        assert front.backend.snapshot.selected == TINY_A.id
        front.backend.may_switch.set()
        await until(lambda: front.backend.snapshot.selected == TINY_B.id)


@pytest.mark.parametrize("state", [ServerState.LOADING, ServerState.READY])
async def test_what_is_loaded_already_is_not_loaded_again(state: ServerState) -> None:
    async with open_front() as front:
        front.backend.hub.update(servers=(server(state),))
        answer = await front.client.post("/models/load", json={"model": TINY_A.id})
        assert answer.status_code == 400
        assert answer.json()["error"] == {
            "code": 400, "message": "model is already running", "type": "invalid_request_error",
        }  # fmt: skip
        assert not any(call.startswith("select") for call in front.backend.calls)


async def test_an_unload_names_the_model_and_gives_up_a_load_under_way() -> None:
    async with open_front() as front:

        async def unload() -> int:
            return (await front.client.post("/models/unload", json={"model": TINY_A.id})).status_code

        assert await unload() == 400
        front.backend.hub.update(servers=(server(ServerState.READY),))
        assert await unload() == 200
        await until(lambda: "unload tiny-a" in front.backend.calls)
        switch = SwitchView(target=TINY_A.id, source=None, phase=Phase.START, started=1.0)
        front.backend.hub.update(servers=(server(ServerState.LOADING),), switch=switch)
        assert await unload() == 200
        await until(lambda: "cancel" in front.backend.calls)


async def test_a_load_that_fails_is_told_by_the_events_and_the_list() -> None:
    class Refusing(SmallBackend):
        async def select(self, model: str, *, cut: bool = False) -> Outcome:
            raise SwitchFailed(f"{model} is damaged, {cut=}")

    async with open_front(Refusing()) as front, following(front.client) as events:
        assert (await front.client.post("/models/load", json={"model": TINY_B.id})).json() == {
            "success": True
        }
        told = {"status": "unloaded", "exit_code": 1}
        assert await events() == {"model": TINY_B.id, "event": "status_change", "data": told}
        status = (await listed(front, TINY_B.id))["status"]
        assert (status["value"], status["failed"], status["exit_code"]) == ("unloaded", True, 1)
        front.backend.hub.update(servers=(server(ServerState.READY, TINY_B.id),))
        assert "failed" not in (await listed(front, TINY_B.id))["status"]


async def test_events_tell_of_every_step_of_a_switch_and_of_another_list() -> None:
    async with open_front() as front, following(front.client) as events:
        hub = front.backend.hub
        hub.update(servers=(server(ServerState.READY),))
        loaded = await events()
        assert (loaded["model"], loaded["data"]["status"]) == (TINY_A.id, "loaded")
        assert loaded["data"]["info"]["id"] == TINY_A.id
        hub.update(switch=SwitchView(target=TINY_B.id, source=TINY_A.id, phase=Phase.DRAIN, started=1.0))
        waits = {"model": TINY_B.id, "event": "model_status", "data": {"status": "loading"}}
        assert await events() == waits
        hub.update(servers=(replace(server(ServerState.LOADING, TINY_B.id), progress=0.25),))
        assert await events() == {
            "model": TINY_A.id, "event": "status_change", "data": {"status": "unloaded", "exit_code": 0},
        }  # fmt: skip
        progress = {"stages": ["text_model"], "current": "text_model", "value": 0.25}
        assert (await events())["data"] == {"status": "loading", "progress": progress}
        failure = Failure(cause="model-damaged", sentence="It is damaged", exit_code=3)
        hub.update(servers=())
        front.backend.end_load(
            Outcome(
                result=Result.NOTHING_LEFT, target=TINY_B.id, serving=None, seconds=1.0, finished=2.0,
                failure=failure,
            )
        )  # fmt: skip
        hub.update(switch=None)
        assert (await events())["data"] == {"status": "unloaded", "exit_code": 3}
        hub.update(switch=SwitchView(target=TINY_A.id, source=None, phase=Phase.START, started=1.0))
        assert (await events())["data"] == {"status": "loading"}
        hub.update(switch=None)
        given_up = {"status": "unloaded", "exit_code": 1}
        assert await events() == {"model": TINY_A.id, "event": "status_change", "data": given_up}
        assert "failed" not in (await listed(front, TINY_A.id))["status"]
        hub.update(catalog=Catalog((TINY_A,)))
        assert await events() == {"model": "*", "event": "models_reload"}


async def test_it_says_that_it_is_a_router_unless_a_model_is_meant() -> None:
    async with two_models(second=TINY_B.id) as (front, a, b):
        assert (await front.client.get("/props?autoload=false")).json()["role"] == "router"
        assert (await front.client.head("/props")).status_code == 200
        await front.client.get("/props", params={"model": TINY_B.id})
        await front.client.post("/props", json={})
        await front.client.get(f"http://127.0.0.1:{front.second}/props")
        assert [request.start for request in b.received] == [
            b"GET /props?model=tiny-b HTTP/1.1", b"GET /props HTTP/1.1",
        ]  # fmt: skip
        assert [request.start for request in a.received] == [b"POST /props HTTP/1.1"]


async def test_the_port_of_one_model_loads_no_other() -> None:
    async with two_models(second=TINY_B.id) as (front, _, _):
        address = f"http://127.0.0.1:{front.second}"
        answer = (await front.client.get(f"{address}/models")).json()
        assert [entry["id"] for entry in answer["data"]] == [TINY_B.id]
        other = await front.client.post(f"{address}/models/load", json={"model": TINY_A.id})
        assert other.status_code == 404
        assert (
            await front.client.post(f"{address}/models/load", json={"model": TINY_B.id})
        ).status_code == 200


@pytest.mark.parametrize(("autoload", "waits"), [("false", False), ("0", False), ("true", True), ("", True)])
async def test_a_request_may_say_that_it_loads_nothing(autoload: str, *, waits: bool) -> None:
    async with open_front() as front:
        asking = asyncio.create_task(
            front.client.post(f"/v1/chat/completions?autoload={autoload}", json={"model": TINY_B.id})
        )
        if waits:
            await until(lambda: front.backend.admission.held == 1)
            asking.cancel()
            return
        answer = await asking
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "nothing-served")
        # And no GET loads, whatever it says: any page could have a browser send one.
        answer = await front.client.get("/props?model=tiny-b&autoload=true")
        assert answer.status_code == 503


# Beside a real router.


@contextlib.asynccontextmanager
async def following(client: httpx.AsyncClient) -> AsyncIterator[Callable[[], Any]]:
    """The events of `GET /models/sse`, one by one."""
    async with client.stream("GET", "/models/sse", timeout=20) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        lines = stream.aiter_lines()

        async def following_event() -> Any:
            async for line in lines:
                if line.startswith("data: "):
                    return json.loads(line[6:])
            raise AssertionError("the events ended")

        yield following_event


def form(value: Any) -> Any:
    """The keys and the kinds of values of an answer."""
    if isinstance(value, dict):
        return {key: form(one) for key, one in value.items()}
    if isinstance(value, list):
        return [form(value[0])] if value else []
    return type(value).__name__


def entry_form(entry: dict[str, Any]) -> dict[str, Any]:
    """That of a model, less what we leave out: the launch options as a file, and what only the engine knows."""
    entry["status"].pop("preset", None)
    for name in ("vocab_type", "n_vocab"):
        entry.get("meta", {}).pop(name, None)
    return dict(form(entry))


async def story(client: httpx.AsyncClient) -> list[tuple[str, Any]]:
    """What a server with a router's routes answers in turn, in a form that can be compared."""
    told: list[tuple[str, Any]] = []

    async def note(what: str, answer: httpx.Response) -> None:
        body = answer.json()
        error = body.get("error")
        kept = form(body) if error is None else (error["code"], error["message"], error["type"])
        told.append((what, (answer.status_code, kept)))

    async def note_models(what: str) -> None:
        answer = (await client.get("/models")).json()
        entries = {entry["id"]: entry for entry in answer["data"]}
        told.append((what, {model: entry["status"]["value"] for model, entry in entries.items()}))
        told.append((what, {model: entry_form(entry) for model, entry in entries.items()}))
        assert answer["object"] == "list"

    async def post(path: str, model: str) -> httpx.Response:
        return await client.post(path, json={"model": model})

    async with following(client) as events:

        async def note_events(until_status: str) -> None:
            seen: set[tuple[str, str, tuple[str, ...]]] = set()
            status = ""
            while status != until_status:
                event = await events()
                status = event.get("data", {}).get("status", "")
                # How often progress is told is a matter of speed.
                if "progress" not in event.get("data", {}):
                    seen.add((event["event"], event["model"], tuple(sorted(event["data"]))))
            told.append((f"events until {until_status}", seen))

        await note("props", await client.get("/props"))
        await note_models("at first")
        await note("load", await post("/models/load", ALDER))
        await note_events("loaded")
        await note_models("loaded")
        await note("load again", await post("/models/load", ALDER))
        # A real router sometimes closes a connection after an answer of its engine without saying so.
        once = {"Connection": "close"}
        answer = await client.get("/props", params={"model": ALDER}, headers=once)
        told.append(("props of one", (answer.status_code, answer.json()["model_alias"])))
        await note("not loaded", await post("/models/unload", BIRCH))
        await note("unload", await post("/models/unload", ALDER))
        await note_events("unloaded")
        await note_models("unloaded")
        await note("unload nothing", await post("/models/unload", "no such model"))
    return told


async def test_its_answers_have_the_form_of_a_real_router_s(tmp_path: Path) -> None:
    models = write_demo_models(tmp_path)
    settings = write_settings(tmp_path, models, engine=LLAMA_SERVER, more="start-server = 'on first request'")
    stories = []
    async with Router(LLAMA_SERVER, tmp_path) as router, Instance(settings) as instance:
        await instance.until(lambda snapshot: snapshot.selected == ALDER and not snapshot.scanning)
        for address in (router.address, instance.address):
            async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=20) as client:
                stories.append(await story(client))
    theirs, ours = stories
    assert ours == theirs
