"""Answers of the gateway that go on: events and the log, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from fakes.http_engines import until
from fakes.upstream import CONTROL_KEY, Front, open_front
from model_switcher.client.link import Link
from model_switcher.client.switcher import Switcher
from model_switcher.domain.instance import InstanceRecord
from model_switcher.domain.snapshot import Snapshot
from model_switcher.domain.wire import decode_state
from model_switcher.engine.log import LogLine
from model_switcher.gateway import streams


async def read_event(lines: asyncio.StreamReader) -> tuple[int, Snapshot]:
    """The next event on a connection."""
    number = None
    while True:
        line = (await lines.readline()).rstrip()
        if line.startswith(b"id: "):
            number = int(line.rpartition(b"-")[2])
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


async def resumed(front: Front, last: str) -> list[int]:
    """The numbers of the events that a reader gets who had that one last, up to the current state."""
    numbers: list[int] = []
    async with front.client.stream("GET", "/switcher/events", headers={"Last-Event-ID": last}) as answer:
        front.backend.hub.update(notice=f"{last} is back")
        async for line in answer.aiter_lines():
            if line.startswith("data: "):
                numbers.append(decode_state(line[6:]).number)
                if numbers[-1] == front.backend.snapshot.number:
                    break
    return numbers


async def test_a_reader_who_comes_back_gets_what_he_missed_and_nothing_twice() -> None:
    async with open_front() as front:
        ids: list[str] = []
        async with front.client.stream("GET", "/switcher/events") as answer:
            async for line in answer.aiter_lines():
                if line.startswith("id: "):
                    ids.append(line[4:])
                    front.backend.hub.update(held=len(ids))
                if len(ids) == 3:
                    break
        for held in range(10, 15):
            front.backend.hub.update(held=held)
        numbers = await resumed(front, ids[-1])
        assert numbers == list(range(3, numbers[-1] + 1))
        last = f"{ids[0].partition('-')[0]}-{front.backend.snapshot.number}"
        assert await resumed(front, last) == [front.backend.snapshot.number]


async def test_the_client_goes_on_where_a_lost_connection_broke_off() -> None:
    async with open_front() as front:
        lines: list[asyncio.StreamWriter] = []

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            """A line between client and gateway, which the test can cut."""
            lines.append(writer)
            gateway_reader, gateway_writer = await asyncio.open_connection("127.0.0.1", front.port)
            with contextlib.suppress(ConnectionError):
                async with asyncio.TaskGroup() as both:
                    both.create_task(pour(reader, gateway_writer))
                    both.create_task(pour(gateway_reader, writer))

        async with await asyncio.start_server(carry, "127.0.0.1", 0) as relay:
            address = f"http://127.0.0.1:{relay.sockets[0].getsockname()[1]}"
            switcher = Switcher()
            switcher._connected = Link(
                InstanceRecord(
                    pid=1, created=1.0, address=address, key=CONTROL_KEY, mode="headless", version="1"
                )
            )
            numbers: list[int] = []
            async with contextlib.aclosing(switcher.events()) as events:
                async for snapshot in events:
                    numbers.append(snapshot.number)
                    front.backend.hub.update(held=snapshot.number + 1)
                    if snapshot.number in {3, 6}:
                        lines[-1].transport.abort()
                    if snapshot.number == 9:
                        break
            assert numbers == list(range(10))
            assert len(lines) == 3
            await switcher.__aexit__(None, None, None)


async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Everything from one to the other, until one of them ends."""
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


@pytest.mark.parametrize("last", ["", "0", "nonsense", "00000000-1", "\u00fc"])
async def test_a_reader_of_another_instance_s_events_gets_the_current_state(last: str) -> None:
    async with open_front() as front:
        for held in range(1, 5):
            front.backend.hub.update(held=held)
        async with front.client.stream(
            "GET", "/switcher/events", headers={b"Last-Event-ID": last.encode()}
        ) as answer:
            lines = [line async for line in take(answer, 3)]
        assert lines[0] == "retry: 1000"
        assert decode_state(lines[2].removeprefix("data: ")).held == 4


async def take(answer: httpx.Response, count: int) -> AsyncIterator[str]:
    """The first lines that are not empty."""
    async for line in answer.aiter_lines():
        if line:
            yield line
            count -= 1
        if not count:
            return


async def test_only_the_last_states_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "KEPT_SNAPSHOTS", 3)
    async with open_front() as front:
        instance = front.gateway._streams._instance
        for held in range(1, 10):
            front.backend.hub.update(held=held)
        assert await resumed(front, f"{instance}-7") == [8, 9, 10]
        assert await resumed(front, f"{instance}-2") == [10, 11], "the current state only"


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
        before = len(front.backend.hub._listeners)
        reader, writer = await follow(front)
        await read_event(reader)
        assert len(front.backend.hub._listeners) == before + 1
        writer.close()
        await until(lambda: len(front.backend.hub._listeners) == before)


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
