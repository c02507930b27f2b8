"""What passes through the gateway: to an engine whose bytes the test writes, over real sockets."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

import httpx
import pytest

from fakes.http_engines import Received, sized, until
from fakes.upstream import open_front, passing
from model_switcher.domain.errors import Closing, Paused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
COMPLETION = "/v1/chat/completions"


async def test_a_stream_passes_piece_by_piece_and_its_connection_is_not_used_again() -> None:
    go_on = asyncio.Event()

    async def answer(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(SSE + b"9\r\ndata: a\n\n\r\n")
        await writer.drain()
        await go_on.wait()
        writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")

    async with passing(answer) as (front, engine):
        for round_ in range(2):
            async with front.client.stream("POST", COMPLETION, json={"stream": True}) as reply:
                pieces = reply.aiter_text()
                assert await anext(pieces) == "data: a\n\n"
                go_on.set()
                assert "".join([piece async for piece in pieces]) == "data: [DONE]\n\n"
            go_on.clear()
            assert engine.connections == round_ + 1


async def test_an_old_client_gets_a_stream_that_ends_with_the_connection() -> None:
    async def answer(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(SSE + b"9\r\ndata: a\n\n\r\n0\r\n\r\n")

    async with passing(answer) as (front, _):
        reader, writer = await front.raw(b"GET /slots HTTP/1.0\r\nHost: localhost\r\n\r\n")
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert b"Transfer-Encoding" not in head
        assert body == b"data: a\n\n"
        writer.close()


async def test_an_engine_that_closes_a_kept_connection_costs_the_client_nothing() -> None:
    async def answer(request: Received, writer: asyncio.StreamWriter) -> None:
        if request.connection == 1 and len(engine.received) == 2:
            writer.transport.abort()  # at the moment the second request arrives
        else:
            writer.write(sized(request.body))

    async with passing(answer) as (front, engine):
        for body in ({"n": 1}, {"n": 2}):
            reply = await front.client.post(COMPLETION, json=body)
            assert reply.json() == body
        assert [request.connection for request in engine.received] == [1, 1, 2]


async def test_an_engine_that_dies_before_it_answers_is_a_clear_error() -> None:
    async def answer(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with passing(answer) as (front, engine):
        reply = await front.client.post(COMPLETION, json={})
        assert (reply.status_code, reply.json()["error"]["code"]) == (502, "upstream-lost")
        assert len(engine.received) == 1
        assert not front.backend.in_flight


async def test_an_engine_that_is_gone_is_a_clear_error() -> None:
    async with open_front() as front:
        front.backend.serve("http://127.0.0.1:9")
        reply = await front.client.post(COMPLETION, json={})
        assert (reply.status_code, reply.json()["error"]["code"]) == (502, "upstream-lost")


async def test_an_engine_that_talks_nonsense_is_a_clear_error() -> None:
    async def answer(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(b"ICY 200 OK\r\n\r\n")

    async with passing(answer) as (front, _):
        assert (await front.client.get("/slots")).json()["error"]["code"] == "upstream-lost"


async def test_a_stream_that_breaks_ends_with_an_error_event() -> None:
    async def answer(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(SSE + b"9\r\ndata: a\n\n\r\n7\r\ndata: b\r\n")
        await writer.drain()
        writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()

    async with passing(answer) as (front, _):
        reply = await front.client.post(COMPLETION, json={"stream": True})
        assert reply.text.startswith("data: a\n\ndata: b\n\nevent: error\ndata: {")
        assert '"code":"upstream-lost"' in reply.text
        assert reply.text.endswith("}}\n\n")


async def test_any_other_answer_that_breaks_breaks_for_the_client_too() -> None:
    async def answer(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        writer.close()

    async with passing(answer) as (front, _):
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await front.client.get("/slots")


async def test_a_client_that_leaves_ends_its_request_in_the_engine() -> None:
    began = asyncio.Event()

    async def answer(_: Received, writer: asyncio.StreamWriter) -> None:
        began.set()
        for _ in itertools.count():
            writer.write(b"x")
            await asyncio.sleep(0.001)
            if writer.transport.is_closing():
                raise ConnectionResetError

    async with passing(answer) as (front, engine):
        _, writer = await front.raw(b"GET /slots HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await began.wait()
        writer.close()
        async with asyncio.timeout(20):
            await engine.gone.wait()
        await until(lambda: not front.backend.in_flight)


async def test_a_slow_client_slows_the_engine_down() -> None:
    sent = 0
    total = 64 * 1024 * 1024

    async def answer(_: Received, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
        while sent < total:
            writer.write(bytes(65536))
            sent += 65536
            await writer.drain()

    async with passing(answer) as (front, _):
        reader, writer = await front.raw(b"GET /file HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        before = -1
        while before != sent:  # nobody reads: it must come to a stop
            before = sent
            await asyncio.sleep(0.2)
        assert sent < total / 2
        left = total
        while left:
            left -= len(await reader.read(1 << 20))
        writer.close()


async def test_held_requests_wait_and_then_pass() -> None:
    async with passing() as (front, engine):
        front.backend.hold()
        asked = [asyncio.create_task(front.client.post(COMPLETION, json={"n": n})) for n in range(5)]
        await until(lambda: front.backend.admission.held == 5)
        assert engine.connections == 0
        front.backend.serve(engine.url)
        assert [(await each).json()["n"] for each in asked] == [0, 1, 2, 3, 4]
        await until(lambda: not front.backend.in_flight)


async def test_a_held_client_that_leaves_is_forgotten() -> None:
    async with passing() as (front, _):
        front.backend.hold()
        _, writer = await front.raw(b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}")
        await until(lambda: front.backend.admission.held == 1)
        writer.close()
        await until(lambda: front.backend.admission.held == 0)
        assert front.gateway._proxy.held.size == 0


async def test_bodies_are_held_up_to_a_limit_in_bytes() -> None:
    async with passing(hold_bytes=1000) as (front, engine):
        front.backend.hold()
        first = asyncio.create_task(front.client.post(COMPLETION, json={"text": "x" * 600}))
        await until(lambda: front.backend.admission.held == 1)

        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(6):
                yield b"x" * 100

        for content in (b"x" * 600, pieces()):
            full = await front.client.post(
                COMPLETION, content=content, headers={"Content-Type": "application/json"}
            )
            assert (full.status_code, full.json()["error"]["code"]) == (429, "hold-full")
            assert full.headers["Retry-After"]
        front.backend.serve(engine.url)
        assert (await first).status_code == 200
        await until(lambda: front.gateway._proxy.held.size == 0)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_get_wakes_nothing(method: str) -> None:
    async with open_front() as front:
        reply = await front.client.request(method, "/slots")
        assert reply.status_code == 503
        assert reply.headers["Retry-After"]
        assert front.backend.calls == []


@pytest.mark.parametrize(("error", "code"), [(Paused("paused"), "paused"), (Closing("closing"), "closing")])
async def test_a_refusal_of_the_gate_reaches_the_client(error: Paused | Closing, code: str) -> None:
    async with open_front() as front:
        front.backend.refuse(error)
        reply = await front.client.post(COMPLETION, json={})
        assert (reply.status_code, reply.json()["error"]["code"]) == (503, code)
        assert 1 <= int(reply.headers["Retry-After"]) <= 5


async def test_stopping_lets_running_requests_finish() -> None:
    go_on = asyncio.Event()

    async def answer(request: Received, writer: asyncio.StreamWriter) -> None:
        await go_on.wait()
        writer.write(sized(request.body))

    async with passing(answer) as (front, engine):
        asked = asyncio.create_task(front.client.post(COMPLETION, json={"n": 1}))
        await until(lambda: len(engine.received) == 1)
        stopping = asyncio.create_task(front.gateway.stop(20.0))
        await until(lambda: not front.gateway._listeners)
        assert not stopping.done()
        go_on.set()
        reply = await asked
        assert reply.json() == {"n": 1}
        assert reply.headers["Connection"] == "close"
        await stopping


async def test_stopping_without_grace_cuts_what_runs() -> None:
    async def answer(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(SSE)
        await asyncio.get_running_loop().create_future()

    async with passing(answer) as (front, engine):
        _, writer = await front.raw(b"GET /slots HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await until(lambda: len(engine.received) == 1)
        await front.gateway.stop(0.0)
        await until(lambda: not front.backend.in_flight)
        writer.close()
