"""What slow clients, and those that send too much, are allowed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from fakes.http_engines import Received, until
from fakes.upstream import open_front, passing
from model_switcher.gateway import patience

COMPLETION = "/v1/chat/completions"
JSON = b"POST /completion HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
IMAGE = b"POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n"


@pytest.mark.parametrize(
    "data",
    [b"", b"GET /hea", b"GET /health HTTP/1.1\r\nHost: loc", b"GET /health HTTP/1.1\r\nHost: localhost\r\n"],
)
async def test_a_connection_that_asks_nothing_is_closed(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEADER_SECONDS", 0.3)
    async with open_front() as front:
        for before in (b"", b"GET /switcher/state HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            reader, writer = await front.raw(before + data)
            async with asyncio.timeout(20):
                await reader.read()
            assert reader.at_eof()
            writer.close()


async def test_a_request_that_waits_for_its_model_is_not_taken_for_idle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "HEADER_SECONDS", 0.1)
    async with passing() as (front, engine):
        front.backend.hold()
        asked = asyncio.create_task(front.client.post(COMPLETION, json={"n": 1}))
        await until(lambda: front.backend.admission.held == 1)
        await asyncio.sleep(0.5)
        front.backend.serve(engine.url)
        assert (await asked).json() == {"n": 1}


@pytest.mark.parametrize(
    "length", [b"Content-Length: 100\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"]
)
@pytest.mark.parametrize("head", [JSON, IMAGE])
async def test_a_body_that_does_not_come_is_given_up(
    head: bytes, length: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "BODY_SECONDS", 0.2)
    async with passing() as (front, engine):
        reader, writer = await front.raw(head + length)
        assert b" 408 " in await reader.readline()
        await until(lambda: not front.backend.in_flight and front.gateway._proxy.held.size == 0)
        assert engine.received == []
        writer.close()


async def test_a_body_that_comes_slowly_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "BODY_SECONDS", 0.5)

    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b'{"a"', b": ", b"1}", b" ", b" "):
            await asyncio.sleep(0.2)
            yield piece

    async with passing() as (front, _):
        for kind in ("application/json", "image/png"):
            answer = await front.client.post("/x", content=pieces(), headers={"Content-Type": kind})
            assert answer.content == b'{"a": 1}  '


async def test_a_client_that_does_not_read_its_answer_is_cut_and_its_engine_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(patience, "READER_SECONDS", 0.3)
    total = 64 * 1024 * 1024

    async def answer(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
        for _ in range(total // 65536):
            writer.write(bytes(65536))
            await writer.drain()

    async with passing(answer) as (front, engine):
        _, writer = await front.raw(b"GET /file HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await until(lambda: len(engine.received) == 1)
        await until(lambda: not front.backend.in_flight)
        await until(engine.gone.is_set)
        writer.close()


async def test_a_body_larger_than_all_that_may_be_held_is_refused_for_good() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b"x" * 100

    async with passing(hold_bytes=1000) as (front, engine):
        for content in (b"x" * 1001, pieces()):
            answer = await front.client.post(
                COMPLETION, content=content, headers={"Content-Type": "application/json"}
            )
            assert (answer.status_code, answer.json()["error"]["code"]) == (413, "content-too-large")
            assert "Retry-After" not in answer.headers
        await until(lambda: front.gateway._proxy.held.size == 0)
        assert engine.received == []


@pytest.mark.parametrize(
    "head",
    [
        b"GET /%b HTTP/1.1\r\nHost: localhost\r\n\r\n" % (b"x" * 70_000),
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: %b\r\n\r\n" % (b"x" * 70_000),
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: 1\r\n" * 200 + b"\r\n",
    ],
    ids=["target", "header", "headers"],
)
async def test_a_header_larger_than_any_is_refused(head: bytes) -> None:
    async with passing() as (front, engine):
        reader, writer = await front.raw(head)
        assert b" 400 " in await reader.readline()
        assert engine.received == []
        writer.close()
