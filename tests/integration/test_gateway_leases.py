"""Borrowing models over HTTP: a lender that the test grants and refuses with, over real sockets and processes."""

from __future__ import annotations

import asyncio

import pytest

from fakes.borrowing import LEASES, following, lending_front
from fakes.http_engines import until
from fakes.upstream import server_view
from model_switcher.domain.errors import LeaseEnded, NothingServed, Paused
from model_switcher.domain.snapshot import Phase, SwitchView
from model_switcher.domain.states import ServerState
from model_switcher.engine.control import leases


async def test_a_stream_tells_of_the_wait_the_progress_and_the_grant() -> None:
    async with lending_front() as front, following(front, name="first.py") as first:
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
    async with lending_front() as front:
        before = len(front.backend.hub._listeners)
        async with following(front) as events:
            await events.next()
            if granted:
                front.backend.lend("tiny-b")
                await events.until("granted")
            assert len(front.backend.snapshot.leases) == 1
        await until(lambda: not front.backend.snapshot.leases)
        await until(lambda: len(front.backend.hub._listeners) == before)


async def test_a_lease_that_its_owner_ends_is_over_without_a_reason() -> None:
    async with lending_front() as front, following(front) as events:
        front.backend.lend("tiny-b")
        lease = (await events.until("granted"))["lease"]
        answer = await front.client.delete(f"{LEASES}/{lease['id']}")
        assert (answer.status_code, answer.json()) == (200, {"lease": None})
        assert front.backend.snapshot.leases == ()
        assert await events.next() == ("ended", {"error": None})
        assert await events.next() == ("", None)


async def test_a_lease_that_ends_early_says_why() -> None:
    async with lending_front() as front, following(front) as granted, following(front) as waiting:
        front.backend.lend("tiny-b")
        await granted.until("granted")
        await waiting.until("granted")
        front.backend.end_leases(LeaseEnded("The memory was freed by the user"))
        for events in (granted, waiting):
            error = (await events.until("ended"))["error"]
            assert (error["code"], error["message"]) == ("lease-ended", "The memory was freed by the user")


async def test_a_model_that_cannot_be_served_is_told_with_what_is_served_instead() -> None:
    async with lending_front() as front, following(front) as events:
        await events.next()
        front.backend.hub.update(servers=(server_view(ServerState.LOADING),))
        front.backend.leases.refuse("tiny-b", NothingServed("Tiny B cannot be served: its file is gone"))
        front.backend.hub.update(servers=(server_view(ServerState.READY),))
        error = (await events.until("ended"))["error"]
        assert (error["code"], error["serving"]) == ("switch-failed", "tiny-a")
        assert error["message"] == "Tiny B cannot be served: its file is gone; Tiny A is serving"


async def test_a_lease_that_is_refused_or_asked_wrongly_is_a_plain_error() -> None:
    async with lending_front() as front:
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
    async with lending_front() as front:
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
    async with lending_front() as front:
        asked = asyncio.create_task(front.client.post(LEASES, json={"model": "tiny-b"}))
        await until(lambda: len(front.backend.snapshot.leases) == 1)
        asked.cancel()
        await until(lambda: not front.backend.snapshot.leases)


async def test_routes_of_leases_know_their_methods() -> None:
    async with lending_front() as front:
        for method, path, allowed in (
            ("GET", LEASES, "POST, OPTIONS"),
            ("DELETE", LEASES, "POST, OPTIONS"),
            ("POST", f"{LEASES}/x", "PUT, DELETE, OPTIONS"),
        ):
            answer = await front.client.request(method, path)
            assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
        for path in (f"{LEASES}/nothing", f"{LEASES}/%C3%BC", f"{LEASES}/a/b"):
            assert (await front.client.put(path)).status_code == 410


async def test_the_end_of_the_program_is_told_to_whoever_borrows() -> None:
    async with lending_front() as front, following(front) as events:
        front.backend.lend("tiny-b")
        await events.until("granted")
        await front.gateway.stop_accepting()
        assert (await events.until("ended"))["error"]["code"] == "closing"


async def test_the_name_of_an_owner_is_cleaned() -> None:
    async with lending_front() as front, following(front, name="re\nport\x1b[31m" + "y" * 200) as events:
        await events.next()
        owner = front.backend.snapshot.leases[0].owner
        assert owner.startswith("report[31my")
        assert len(owner) == 80
