"""Borrowing models over HTTP: a lender that the test grants and refuses with, over real sockets and processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from fakes.upstream import (
    TINY_A,
    TINY_B,
    Front,
    Received,
    ScriptedEngine,
    open_front,
    server_view,
    sized,
    until,
)
from model_switcher.client.lease import program_name
from model_switcher.domain.errors import LeaseEnded, NothingServed, Paused
from model_switcher.domain.snapshot import Phase, SwitchView
from model_switcher.domain.states import ServerState
from model_switcher.engine.control import leases
from model_switcher.gateway import callers
from model_switcher.gateway.callers import Callers

LEASES = "/switcher/leases"
MODEL = "X-Model-Switcher-Model"
# A program of its own: it posts each line of its standard input, a path and a body, and writes who answered.
ASKER = f"""
import json, sys, httpx
client = httpx.Client(base_url=sys.argv[1], trust_env=False, verify=False)
for line in sys.stdin:
    path, _, body = line.strip().partition(" ")
    answer = client.post(path, content=body, headers={{"Content-Type": "application/json"}})
    print(answer.headers.get("{MODEL}") or answer.text, flush=True)
"""
# The same as the child of another, whose pid it writes first.
CHILD = f"""
import os, subprocess, sys
print(os.getpid(), flush=True)
raise SystemExit(subprocess.run([sys.executable, "-c", {ASKER!r}, sys.argv[1]]).returncode)
"""


class Asker:
    """Another process that asks the gateway."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def ask(self, body: dict[str, Any], path: str = "/v1/chat/completions") -> str:
        """The model that answered, or the answer if none did."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{path} {json.dumps(body)}\n".encode())
        return await self.line()

    async def line(self) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(30):
            return (await self.process.stdout.readline()).decode().strip()


@contextlib.asynccontextmanager
async def asker(front: Front, program: str = ASKER) -> AsyncIterator[Asker]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, f"http://127.0.0.1:{front.port}",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Asker(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


@contextlib.asynccontextmanager
async def two_models() -> AsyncIterator[Front]:
    async def answer(request: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(sized(b"{}"))

    engine = ScriptedEngine(answer)
    async with engine.run(), open_front() as front:
        front.backend.hub.update(address=f"http://127.0.0.1:{front.port}")
        front.backend.serve_all({TINY_A.id: engine.url, TINY_B.id: engine.url})
        yield front


class Events:
    """The events of a lease, as they come."""

    def __init__(self, answer: httpx.Response) -> None:
        self.lines = answer.aiter_lines()

    async def next(self) -> tuple[str, Any]:
        kind = ""
        async with asyncio.timeout(30):
            async for line in self.lines:
                name, _, value = line.partition(": ")
                if name == "event":
                    kind = value
                elif name == "data":
                    return kind, json.loads(value)
        return "", None

    async def until(self, wanted: str) -> Any:
        while True:
            kind, data = await self.next()
            assert kind, "the stream ended"
            if kind == wanted:
                return data


@contextlib.asynccontextmanager
async def following(front: Front, model: str = "tiny b", **owner: Any) -> AsyncIterator[Events]:
    body = {"model": model, "owner": owner, "stream": True}
    async with front.client.stream("POST", LEASES, json=body) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["Content-Type"] == "text/event-stream"
        yield Events(answer)


async def test_a_stream_tells_of_the_wait_the_progress_and_the_grant() -> None:
    async with two_models() as front, following(front, name="first.py") as first:
        assert await first.next() == ("waiting", {"model": "tiny-b", "ahead": 0})
        async with following(front, "tiny-a", name="second.py") as second:
            assert await second.next() == ("waiting", {"model": "tiny-a", "ahead": 1})
            front.backend.hub.update(
                switch=SwitchView(target="tiny-b", source=None, phase=Phase.START, started=1.0, progress=0.25)
            )
            kind, told = await first.next()
            assert (kind, told["target"], told["phase"], told["progress"]) == (
                "progress",
                "tiny-b",
                "start",
                0.25,
            )
            front.backend.lend("tiny-b")
            lease = (await first.until("granted"))["lease"]
            assert lease["model"] == "tiny-b"
            assert lease["address"] == f"http://127.0.0.1:{front.port}"
            assert 0 < lease["expires_in"] <= 1800
            assert lease["heartbeat"] is None, "the open connection is the heartbeat"
            views = front.backend.snapshot.leases
            assert [(view.owner, view.granted) for view in views] == [
                ("first.py", True),
                ("second.py", False),
            ]


@pytest.mark.parametrize("granted", [False, True])
async def test_closing_the_connection_ends_the_lease_or_the_claim(granted: bool) -> None:
    async with two_models() as front:
        async with following(front) as events:
            await events.next()
            if granted:
                front.backend.lend("tiny-b")
                await events.until("granted")
            assert len(front.backend.snapshot.leases) == 1
        await until(lambda: not front.backend.snapshot.leases)
        await until(lambda: not front.backend.hub._listeners)


async def test_a_lease_that_its_owner_ends_is_over_without_a_reason() -> None:
    async with two_models() as front, following(front) as events:
        front.backend.lend("tiny-b")
        lease = (await events.until("granted"))["lease"]
        answer = await front.client.delete(f"{LEASES}/{lease['id']}")
        assert (answer.status_code, answer.json()) == (200, {"lease": None})
        assert front.backend.snapshot.leases == ()
        assert await events.next() == ("ended", {"error": None})
        assert await events.next() == ("", None)


async def test_a_lease_that_ends_early_says_why() -> None:
    async with two_models() as front, following(front) as granted, following(front) as waiting:
        front.backend.lend("tiny-b")
        await granted.until("granted")
        await waiting.until("granted")
        front.backend.end_leases(LeaseEnded("The memory was freed by the user"))
        for events in (granted, waiting):
            error = (await events.until("ended"))["error"]
            assert (error["code"], error["message"]) == ("lease-ended", "The memory was freed by the user")


async def test_a_model_that_cannot_be_served_is_told_with_what_is_served_instead() -> None:
    async with two_models() as front, following(front) as events:
        await events.next()
        front.backend.hub.update(servers=(server_view(ServerState.LOADING),))
        front.backend.leases.refuse("tiny-b", NothingServed("Tiny B cannot be served: its file is gone"))
        front.backend.hub.update(servers=(server_view(ServerState.READY),))
        error = (await events.until("ended"))["error"]
        assert (error["code"], error["serving"]) == ("switch-failed", "tiny-a")
        assert error["message"] == "Tiny B cannot be served: its file is gone; Tiny A is serving"


async def test_a_lease_that_is_refused_or_asked_wrongly_is_a_plain_error() -> None:
    async with two_models() as front:
        for body, status, code in (
            ({"model": "tiny-c", "stream": True}, 404, "unknown-model"),
            ({"model": "tiny"}, 409, "ambiguous-model"),
            ({}, 400, "usage"),
            ({"model": "tiny-b", "owner": {"pid": 0}}, 400, "usage"),
            ({"model": "tiny-b", "owner": {"pid": 2**40}}, 400, "usage"),
            ({"model": "tiny-b", "owner": {"pid": 2**31 - 1}}, 400, "usage"),
        ):
            answer = await front.client.post(LEASES, json=body)
            assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        front.backend.lending._book.paused = True
        answer = await front.client.post(LEASES, json={"model": "tiny-b"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, Paused.code)
        assert front.backend.snapshot.leases == ()


async def test_a_plain_answer_comes_with_the_grant_and_has_to_be_renewed() -> None:
    async with two_models() as front:
        asked = asyncio.create_task(front.client.post(LEASES, json={"model": "tiny-b"}))
        await until(lambda: len(front.backend.snapshot.leases) == 1)
        (waiting,) = front.backend.leases
        assert waiting.connected, "while it waits its connection shows that its owner lives"
        front.backend.lend("tiny-b")
        lease = (await asked).json()["lease"]
        assert (lease["model"], lease["heartbeat"]) == ("tiny-b", leases.HEARTBEAT_SECONDS)
        assert front.backend.snapshot.leases[0].owner == "a program"
        assert not waiting.connected
        waiting.renewed = 0.0
        renewed = await front.client.put(f"{LEASES}/{lease['id']}")
        assert renewed.json()["lease"]["id"] == lease["id"]
        assert waiting.renewed > 0.0
        assert (await front.client.delete(f"{LEASES}/{lease['id']}")).status_code == 200
        for method in ("PUT", "DELETE"):
            gone = await front.client.request(method, f"{LEASES}/{lease['id']}")
            assert (gone.status_code, gone.json()["error"]["code"]) == (410, "lease-ended")


async def test_a_caller_that_leaves_while_it_waits_for_a_plain_answer_has_no_claim_any_more() -> None:
    async with two_models() as front:
        asked = asyncio.create_task(front.client.post(LEASES, json={"model": "tiny-b"}))
        await until(lambda: len(front.backend.snapshot.leases) == 1)
        asked.cancel()
        await until(lambda: not front.backend.snapshot.leases)


async def test_routes_of_leases_know_their_methods() -> None:
    async with two_models() as front:
        for method, path, allowed in (
            ("GET", LEASES, "POST"),
            ("DELETE", LEASES, "POST"),
            ("POST", f"{LEASES}/x", "PUT, DELETE"),
        ):
            answer = await front.client.request(method, path)
            assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
        for path in (f"{LEASES}/nothing", f"{LEASES}/%C3%BC", f"{LEASES}/a/b"):
            assert (await front.client.put(path)).status_code == 410


async def test_the_end_of_the_program_is_told_to_whoever_borrows() -> None:
    async with two_models() as front, following(front) as events:
        front.backend.lend("tiny-b")
        await events.until("granted")
        await front.gateway.stop_accepting()
        assert (await events.until("ended"))["error"]["code"] == "closing"


async def test_the_name_of_an_owner_is_cleaned() -> None:
    async with two_models() as front, following(front, name="re\nport\x1b[31m" + "y" * 200) as events:
        await events.next()
        owner = front.backend.snapshot.leases[0].owner
        assert owner.startswith("report[31my")
        assert len(owner) == 80


async def test_what_the_owner_asks_without_naming_a_model_goes_to_the_borrowed_one() -> None:
    async with two_models() as front, asker(front) as owner, asker(front) as other:
        assert await owner.ask({}) == "tiny-a"
        async with following(front, name=program_name(), pid=os.getpid()) as events:
            front.backend.lend("tiny-b")
            await events.until("granted")
            for body, meant in (
                ({}, "tiny-b"),
                ({"model": "gpt-4o"}, "tiny-b"),
                ({"model": "tiny-a"}, "tiny-a"),
            ):
                answer = await front.client.post("/v1/chat/completions", json=body)
                assert answer.headers[MODEL] == meant
            # Both are children of this process, as a program's own helpers are; a connection that was open before too.
            assert await owner.ask({}) == await other.ask({}) == "tiny-b"
        await until(lambda: not front.backend.snapshot.leases)
        assert await owner.ask({}) == "tiny-a"
        assert (await front.client.post("/v1/chat/completions", json={})).headers[MODEL] == "tiny-a"


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
async def test_what_others_ask_without_naming_a_model_goes_to_the_selected_one(host: str) -> None:
    async with two_models() as front, asker(front, CHILD) as owner, asker(front) as other:
        pid = int(await owner.line())
        # The owner is the parent of the process that asks.
        lease = {"model": "tiny-b", "owner": {"name": "report.py", "pid": pid}}
        asked = asyncio.create_task(owner.ask(lease, LEASES))
        await until(lambda: len(front.backend.snapshot.leases) == 1)
        front.backend.lend("tiny-b")
        assert '"model":"tiny-b"' in await asked
        assert front.backend.snapshot.leases[0].pid == pid
        async with httpx.AsyncClient(base_url=f"http://{host}:{front.port}", trust_env=False) as ours:
            for _ in range(2):
                assert await owner.ask({}) == "tiny-b"
                assert await other.ask({}) == "tiny-a"
                answer = await ours.post("/v1/chat/completions", json={})
                assert answer.headers[MODEL] == "tiny-a"
                answer = await ours.post("/v1/chat/completions", json={"model": "tiny-b"})
                assert answer.headers[MODEL] == "tiny-b"


async def test_nobody_borrows_in_the_name_of_another_process() -> None:
    async with two_models() as front, asker(front) as other:
        answer = await front.client.post(
            LEASES, json={"model": "tiny-b", "owner": {"pid": other.process.pid}}
        )
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "usage")
        assert "is not the one that asks" in answer.json()["error"]["message"]


async def test_a_process_is_looked_at_once_for_each_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    look_at = callers.look_at

    def watched(pid: int) -> callers.Look:
        looks.append(pid)
        return look_at(pid)

    async with two_models() as front, following(front, pid=os.getpid()) as events:
        front.backend.lend("tiny-b")
        await events.until("granted")
        monkeypatch.setattr(callers, "look_at", watched)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{front.port}", trust_env=False) as client:
            for _ in range(10):
                assert (await client.post("/completion", json={})).headers[MODEL] == "tiny-b"
            assert looks == [os.getpid()]
            await asyncio.gather(*(client.post("/completion", json={}) for _ in range(20)))
            assert len(looks) <= 1 + 20
        assert len(front.gateway._proxy._routing._callers._known) <= 22


async def test_a_connection_is_told_apart_from_those_of_other_processes() -> None:
    async with two_models() as front, asker(front) as other, asker(front) as third:
        await other.ask({})
        assert front.gateway._server is not None
        (connection,) = front.gateway._server.connections
        assert connection.transport is not None
        seen = Callers()
        assert await seen.is_from(connection.transport, other.process.pid) is True
        assert await seen.is_from(connection.transport, third.process.pid) is False
        assert await seen.is_from(connection.transport, os.getpid()) is True, "it started the other"
        assert await seen.is_from(connection.transport, 2**31 - 1) is False
        assert (
            await seen.sender(connection.transport, [third.process.pid, other.process.pid])
            == other.process.pid
        )
