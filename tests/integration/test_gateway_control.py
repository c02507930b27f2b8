"""The gateway's own routes, over real sockets."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import httpx
import msgspec
import pytest

from fakes.upstream import TINY_A, TINY_B, Front, open_front, until
from fakes.upstream import server_view as server
from model_switcher.domain.snapshot import Outcome, Phase, Result, Snapshot, SwitchView
from model_switcher.domain.states import ServerState
from model_switcher.domain.wire import decode_state
from model_switcher.engine.log import LogLine


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
        assert (await front.client.get("/v1/models")).json()["data"][0]["status"] == {"value": "loaded"}


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
            ("POST", "/switcher/state", "GET"),
            ("GET", "/switcher/select", "POST"),
            ("POST", "/switcher/events", "GET"),
            ("DELETE", "/v1/models", "GET"),
        ):
            wrong = await front.client.request(method, path)
            assert (wrong.status_code, wrong.headers["Allow"]) == (405, allowed)


async def test_head_has_the_header_of_get_and_no_body() -> None:
    async with open_front() as front:
        answer = await front.client.head("/switcher/state")
        assert (answer.status_code, answer.content) == (200, b"")
        assert int(answer.headers["Content-Length"]) > 100
        assert (await front.client.head("/switcher/events")).status_code == 200


async def read_event(lines: asyncio.StreamReader) -> tuple[int, Snapshot]:
    """The next event on a connection."""
    number = None
    while True:
        line = (await lines.readline()).rstrip()
        if line.startswith(b"id: "):
            number = int(line[4:])
        elif line.startswith(b"data: "):
            assert number is not None
            return number, decode_state(line[6:])
        assert line or not lines.at_eof(), "the stream ended"


async def follow(
    front: Front, path: str = "/switcher/events"
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    # HTTP/1.0, so that the stream is not cut into chunks.
    return await front.raw(b"GET %b HTTP/1.0\r\nHost: localhost\r\n\r\n" % path.encode())


async def test_events_begin_with_the_current_state_and_tell_each_change() -> None:
    async with open_front() as front:
        reader, writer = await follow(front)
        assert (await read_event(reader))[0] == 0
        front.backend.hub.update(selected="tiny-b")
        number, state = await read_event(reader)
        assert (number, state.number, state.selected) == (1, 1, "tiny-b")
        writer.close()


async def test_a_slow_reader_of_events_gets_the_newest_state_only() -> None:
    async with open_front() as front:
        reader, writer = await follow(front)
        await read_event(reader)
        for held in range(1, 50_000):
            front.backend.hub.update(held=held)
        number, state = await read_event(reader)
        assert (number, state.held) == (49_999, 49_999)
        writer.close()


async def test_the_log_is_text_of_one_model_or_of_all() -> None:
    async with open_front() as front:
        for model, text in (("tiny-a", "one"), ("tiny-b", "zwei ü")):
            front.backend.log.add(LogLine(time.time(), model, text))
        assert (await front.client.get("/switcher/log")).text == "one\nzwei ü\n"
        assert (await front.client.get("/switcher/log?model=tiny-b")).text == "zwei ü\n"


async def test_the_log_can_be_followed() -> None:
    async with open_front() as front:
        front.backend.log.add(LogLine(1.0, "tiny-a", "kept"))
        reader, writer = await follow(front, "/switcher/log?follow=1&model=tiny-a")
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readline() == b"kept\n"
        front.backend.log.add(LogLine(2.0, "tiny-b", "of another"))
        front.backend.log.add(LogLine(3.0, "tiny-a", "new"))
        assert await reader.readline() == b"new\n"
        writer.close()


async def test_the_log_can_be_followed_as_events() -> None:
    async with (
        open_front() as front,
        front.client.stream(
            "GET", "/switcher/log?follow=1", headers={"Accept": "text/event-stream"}
        ) as answer,
    ):
        assert answer.headers["Content-Type"] == "text/event-stream"
        lines = answer.aiter_lines()
        await until(lambda: bool(front.backend.log._listeners))
        front.backend.log.add(LogLine(2.0, "tiny-a", "new"))
        assert await anext(lines) == "data: new"


async def test_a_carriage_return_in_the_log_does_not_cut_its_event() -> None:
    async with open_front() as front:
        front.backend.log.add(LogLine(time=1.0, model="tiny-a", text="10 %\r20 %"))
        answer = await front.client.get("/switcher/log", headers={"Accept": "text/event-stream"})
        assert answer.content == b"data: 10 %\ndata: 20 %\n\n"


async def test_a_reader_that_leaves_is_forgotten() -> None:
    async with open_front() as front:
        reader, writer = await follow(front)
        await read_event(reader)
        writer.close()
        await until(lambda: not front.backend.hub._listeners)


async def test_stopping_ends_streams_and_idle_connections_and_refuses_new_ones() -> None:
    async with open_front() as front:
        events, events_writer = await follow(front)
        await read_event(events)
        idle, idle_writer = await front.raw(b"GET /switcher/state HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await idle.readuntil(b"\r\n\r\n")
        await front.gateway.stop_accepting()
        await events.read()
        await idle.read()
        assert events.at_eof()
        assert idle.at_eof()
        with pytest.raises(httpx.ConnectError):
            await httpx.AsyncClient(trust_env=False).get(f"http://127.0.0.1:{front.port}/health")
        for writer in (events_writer, idle_writer):
            writer.close()
