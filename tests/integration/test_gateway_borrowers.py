"""Whose requests go to a borrowed model: told by the process at the other end of the connection."""

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

from fakes.borrowing import LEASES, following, lending_front
from fakes.http_engines import until
from fakes.upstream import Front
from model_switcher.client.lease import program_name
from model_switcher.gateway import callers
from model_switcher.gateway.callers import Callers

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


async def test_what_the_owner_asks_without_naming_a_model_goes_to_the_borrowed_one() -> None:
    async with lending_front() as front, asker(front) as owner, asker(front) as other:
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
    async with lending_front() as front, asker(front, CHILD) as owner, asker(front) as other:
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
    async with lending_front() as front, asker(front) as other:
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

    async with lending_front() as front, following(front, pid=os.getpid()) as events:
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
    async with lending_front() as front, asker(front) as other, asker(front) as third:
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
