"""The gateway's own routes, over real sockets."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import msgspec
import pytest

from fakes.http_engines import until
from fakes.upstream import TINY_A, TINY_B, open_front
from fakes.upstream import server_view as server
from model_switcher.domain.snapshot import Outcome, Phase, Result, SwitchView
from model_switcher.domain.states import ServerState
from model_switcher.domain.wire import decode_state


async def test_health_says_what_llama_server_says() -> None:
    async with open_front() as front:
        nothing = await front.client.get("/health")
        assert (nothing.status_code, nothing.json()["error"]["type"]) == (503, "unavailable_error")
        assert nothing.headers["Retry-After"]
        front.backend.hub.update(servers=(server(ServerState.LOADING),))
        loading = await front.client.get("/health")
        assert loading.status_code == 503
        assert loading.json() == {
            "error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}
        }
        front.backend.hub.update(servers=(server(ServerState.READY),))
        for path in ("/health", "/v1/health"):
            ready = await front.client.get(path)
            assert (ready.status_code, ready.json()) == (200, {"status": "ok"})


async def test_health_says_loading_between_the_old_model_and_the_new() -> None:
    async with open_front() as front:
        front.backend.hub.update(
            switch=SwitchView(target=TINY_B.id, source=TINY_A.id, phase=Phase.STOP, started=1.0)
        )
        assert (await front.client.get("/health")).json()["error"]["message"] == "Loading model"


async def test_every_model_is_listed_with_its_status_and_the_selected_one_first() -> None:
    async with open_front() as front:
        front.backend.hub.update(
            selected=TINY_B.id,
            servers=(server(ServerState.LOADING, TINY_B.id), server(ServerState.STOPPING, TINY_A.id)),
        )
        for path in ("/v1/models", "/models"):
            answer = (await front.client.get(path)).json()
            assert answer["object"] == "list"
            assert [(m["id"], m["status"]["value"]) for m in answer["data"]] == [
                ("tiny-b", "loading"),
                ("tiny-a", "unloaded"),
            ]
            assert answer["data"][1]["aliases"] == ["a"]
            assert {m["object"] for m in answer["data"]} == {"model"}
            assert {m["owned_by"] for m in answer["data"]} == {"llamacpp"}
        front.backend.hub.update(servers=(server(ServerState.READY, TINY_B.id),))
        assert (await front.client.get("/v1/models")).json()["data"][0]["status"]["value"] == "loaded"


async def test_when_a_model_was_created_does_not_change_with_the_state() -> None:
    async with open_front() as front:

        async def created() -> list[int]:
            return [model["created"] for model in (await front.client.get("/v1/models")).json()["data"]]

        before = await created()
        assert before[0] > 0
        hub = front.backend.hub
        hub._snapshot = replace(hub.snapshot, time=before[0] + 1000.0, number=99)
        assert await created() == before


async def test_the_state_is_the_snapshot_without_its_catalog() -> None:
    async with open_front() as front:
        answer = await front.client.get("/switcher/state")
        assert answer.headers["Content-Type"].startswith("application/json")
        assert decode_state(answer.content).selected == TINY_A.id
        assert answer.json()["models"] == 2
        models = (await front.client.get("/switcher/models")).json()
        assert [model["path"] for model in models["models"]] == [TINY_A.path, TINY_B.path]
        assert models["rejected"] == []


async def test_select_answers_with_the_outcome_when_the_switch_is_done() -> None:
    async with open_front() as front:
        asked = asyncio.create_task(
            front.client.post("/switcher/select", json={"model": "tiny-b", "when": "now"})
        )
        await until(lambda: front.backend.calls == ["select tiny-b now"])
        assert not asked.done()
        front.backend.may_switch.set()
        outcome = msgspec.convert((await asked).json()["outcome"], Outcome)
        assert (outcome.result, outcome.serving) == (Result.SWITCHED, "tiny-b")


async def test_a_switch_goes_on_when_its_caller_leaves() -> None:
    async with open_front() as front:
        body = b'{"model": "tiny-b"}'
        _, writer = await front.raw(
            b"POST /switcher/select HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b"
            % (len(body), body)
        )
        await until(lambda: front.backend.calls == ["select tiny-b idle"])
        writer.close()
        await writer.wait_closed()
        await until(lambda: not front.gateway._busy)
        front.backend.may_switch.set()
        await until(lambda: front.backend.snapshot.selected == "tiny-b")


async def test_errors_have_openai_s_shape_and_their_own_status() -> None:
    async with open_front() as front:
        answer = await front.client.post("/switcher/select", json={"model": "tiny-bb"})
        assert answer.status_code == 404
        error = answer.json()["error"]
        assert (error["code"], error["type"], error["near"]) == (
            "unknown-model",
            "invalid_request_error",
            ["tiny-b", "tiny-a"],
        )
        assert (await front.client.post("/switcher/rescan")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"model": 7}', b'{"when": "now"}', b'{"model": "a", "when": "soon"}', b"x" * 70_000],
)
async def test_a_body_that_means_nothing_is_a_usage_error(body: bytes) -> None:
    async with open_front() as front:
        answer = await front.client.post("/switcher/select", content=body)
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "usage"
        assert front.backend.calls == []


async def test_commands_answer_with_the_state_after_them() -> None:
    async with open_front() as front:
        assert (await front.client.post("/switcher/pause")).json()["paused"] is True
        assert (await front.client.post("/switcher/resume", json={})).json()["paused"] is False
        for name in ("cancel", "stop"):
            assert (await front.client.post(f"/switcher/{name}")).status_code == 200
        assert front.backend.calls == ["cancel", "stop"]


async def test_a_defect_of_ours_is_an_error_in_the_same_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    async with open_front() as front:
        monkeypatch.setattr(front.backend, "stop", broken)
        answer = await front.client.post("/switcher/stop")
        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "unexpected")


async def test_show_and_quit_reach_the_program() -> None:
    async with open_front() as front:
        assert (await front.client.post("/switcher/show")).status_code == 200
        assert (await front.client.post("/switcher/quit")).status_code == 200
        assert (await front.client.post("/switcher/quit", json={"hand_over": True})).status_code == 200
        assert front.asked == ["show", "quit False", "quit True"]


async def test_show_without_a_desktop_says_so() -> None:
    async with open_front(desktop=False) as front:
        answer = await front.client.post("/switcher/show")
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "usage")


async def test_our_routes_are_known_in_the_absolute_form_too() -> None:
    async with open_front() as front:
        reader, writer = await front.raw(
            b"GET http://localhost/switcher/state?x=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        assert decode_state((await reader.read()).partition(b"\r\n\r\n")[2]).selected == TINY_A.id
        writer.close()


async def test_what_is_no_http_is_refused_without_a_word_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with open_front() as front:
        reader, writer = await front.raw(b"\x16\x03\x01 hello\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.0 400")
        writer.close()
    assert caplog.records == []


async def test_unknown_routes_of_ours_are_not_passed_on() -> None:
    async with open_front() as front:
        unknown = await front.client.get("/switcher/nothing")
        assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "not-found")
        for method, path, allowed in (
            ("POST", "/switcher/state", "GET, HEAD, OPTIONS"),
            ("GET", "/switcher/select", "POST, OPTIONS"),
            ("POST", "/switcher/events", "GET, HEAD, OPTIONS"),
            ("DELETE", "/v1/models", "GET, HEAD, OPTIONS"),
        ):
            wrong = await front.client.request(method, path)
            assert (wrong.status_code, wrong.headers["Allow"]) == (405, allowed)


async def test_head_has_the_header_of_get_and_no_body() -> None:
    async with open_front() as front:
        answer = await front.client.head("/switcher/state")
        assert (answer.status_code, answer.content) == (200, b"")
        assert int(answer.headers["Content-Length"]) > 100
        assert (await front.client.head("/switcher/events")).status_code == 200
