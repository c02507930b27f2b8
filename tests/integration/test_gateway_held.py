"""Requests that wait for the model that they name, and those that may not."""

from __future__ import annotations

import asyncio
import json

import pytest

from fakes.http_engines import Received, ScriptedEngine, sized, until
from fakes.upstream import TINY_A, TINY_B, open_front, two_models

COMPLETION = "/v1/chat/completions"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_get_that_names_a_model_neither_loads_it_nor_waits_for_it(method: str) -> None:
    async with two_models() as (front, a, _):
        front.backend.serve_all({TINY_A.id: a.url})
        reply = await front.client.request(method, "/props?model=tiny-b")
        assert reply.status_code == 503
        assert reply.headers["Retry-After"]
        assert front.backend.calls == []
        assert front.backend.admission.held == 0


async def test_a_browser_is_told_in_a_page_that_looks_again_by_itself() -> None:
    async with two_models() as (front, _, _):
        front.backend.serve_all({})
        page = await front.client.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        for_programs = await front.client.get("/", headers={"Accept": "*/*"})
    error = for_programs.json()["error"]
    assert page.status_code == for_programs.status_code == 503
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert f'http-equiv="refresh" content="{page.headers["Retry-After"]}"' in page.text
    assert f"<h1>{error['message']}</h1>" in page.text
    assert error["code"] in page.text


async def test_requests_are_held_for_each_model_in_their_order() -> None:
    order: list[tuple[str, int]] = []

    async def note(request: Received, writer: asyncio.StreamWriter) -> None:
        body = json.loads(request.body)
        order.append((body["model"], body["n"]))
        writer.write(sized(b"{}"))

    a, b = ScriptedEngine(note), ScriptedEngine(note)
    async with a.run(), b.run(), open_front() as front:
        asked = []
        for n, model in enumerate(["tiny-a", "tiny-b", "tiny-b", "tiny-a", "tiny-b"]):
            asked.append(asyncio.create_task(front.client.post(COMPLETION, json={"model": model, "n": n})))
            await until(lambda n=n: front.backend.admission.held == n + 1)  # type: ignore[misc]
        assert front.backend.admission.counts() == {"held": 5, "held_by_model": {"tiny-a": 2, "tiny-b": 3}}
        front.backend.serve_all({TINY_B.id: b.url})
        await until(lambda: len(order) == 3)
        assert front.backend.admission.counts() == {"held": 2, "held_by_model": {"tiny-a": 2}}
        front.backend.serve_all({TINY_A.id: a.url, TINY_B.id: b.url})
        for each in asked:
            assert (await each).status_code == 200
        assert sorted(order[:3]) == [("tiny-b", 1), ("tiny-b", 2), ("tiny-b", 4)]
        assert sorted(order[3:]) == [("tiny-a", 0), ("tiny-a", 3)]


async def test_a_client_that_leaves_is_no_longer_held_for_its_model() -> None:
    async with open_front() as front:
        body = b'{"model": "tiny-b"}'
        head = b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body)
        _, writer = await front.raw(head + body)
        await until(lambda: front.backend.admission.held_by_model() == {"tiny-b": 1})
        writer.close()
        await until(lambda: not front.backend.admission.held_by_model())
