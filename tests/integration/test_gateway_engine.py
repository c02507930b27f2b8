"""The gateway in front of a real llama-server."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from fakes.upstream import Front, RealEngine, open_front, real_engine, until
from model_switcher.engine.demo_models import write_demo_models

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import httpx

# Random weights would answer with broken characters, and end when they like: this allows letters, and no end.
LETTERS = "root ::= [a-z] root"
QUESTION: dict[str, Any] = {
    "messages": [{"role": "user", "content": "hi"}],
    "max_tokens": 4,
    "grammar": LETTERS,
}
# With --context-shift it does not end at the length of the context either.
ENDLESS: dict[str, Any] = {"prompt": "hi", "stream": True, "n_predict": -1, "grammar": LETTERS}
ENGINES = ("llama-server", "embedded")
COMPLETION = "/v1/chat/completions"


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo_models(tmp_path_factory.mktemp("models"))[0]


@contextlib.asynccontextmanager
async def serving(model: Path, kind: str = "llama-server") -> AsyncIterator[tuple[Front, RealEngine]]:
    async with real_engine(model, kind) as engine, open_front() as front:
        front.backend.serve(engine.url, key=engine.key)
        yield front, engine


def events(text: str) -> list[str]:
    return [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]


@pytest.mark.parametrize("kind", ENGINES)
async def test_completions_pass_whole_and_streamed(model: Path, kind: str) -> None:
    async with serving(model, kind) as (front, _):
        whole = await front.client.post(COMPLETION, json=QUESTION)
        assert whole.status_code == 200, whole.text
        assert whole.json()["usage"]["completion_tokens"] == 4
        assert whole.headers["X-Model-Switcher-Model"] == "tiny-a"
        for _ in range(20):  # back to back: the engine closes its connection after each
            streamed = await front.client.post(COMPLETION, json={**QUESTION, "stream": True})
            assert streamed.status_code == 200
            *pieces, last = events(streamed.text)
            assert last == "[DONE]"
            assert all(json.loads(piece)["object"] == "chat.completion.chunk" for piece in pieces)
        await until(lambda: not front.backend.in_flight)


@pytest.mark.parametrize("kind", ENGINES)
async def test_header_lines_are_those_of_the_engine(model: Path, kind: str) -> None:
    async with serving(model, kind) as (front, engine):
        direct = await front.client.get(
            f"{engine.url}/props", headers={"Authorization": f"Bearer {engine.key}"}
        )
        passed = await front.client.get("/props", headers={"Authorization": "Bearer another"})
        one_hop = {b"connection", b"keep-alive"}
        ours = {b"x-model-switcher-model"}
        assert direct.status_code == passed.status_code == 200
        assert direct.content == passed.content
        assert [pair for pair in direct.headers.raw if not _one_of(pair, one_hop)] == [
            pair for pair in passed.headers.raw if not _one_of(pair, ours)
        ]


def _one_of(pair: tuple[bytes, bytes], names: set[bytes]) -> bool:
    name = pair[0].lower()
    return name in names or name.startswith(b"access-control-")


@pytest.mark.parametrize("kind", ENGINES)
async def test_a_client_that_leaves_frees_its_slot(model: Path, kind: str) -> None:
    async with serving(model, kind) as (front, _):

        async def busy() -> bool:
            return any(slot["is_processing"] for slot in (await front.client.get("/slots")).json())

        async def idle() -> bool:
            return not await busy()

        async with front.client.stream("POST", "/completion", json=ENDLESS) as reply:
            lines = reply.aiter_lines()
            await anext(lines)
            await until(busy)
            assert await anext(lines) is not None
        await until(idle)


@pytest.mark.parametrize("kind", ENGINES)
async def test_an_engine_killed_in_mid_stream_ends_it_with_an_error_event(model: Path, kind: str) -> None:
    async with (
        serving(model, kind) as (front, engine),
        front.client.stream("POST", "/completion", json=ENDLESS) as reply,
    ):
        lines = reply.aiter_lines()
        await anext(lines)
        engine.process.kill()
        rest = [line async for line in lines]
        assert "event: error" in rest
        error = json.loads(rest[rest.index("event: error") + 1].removeprefix("data: "))
        assert error["error"]["code"] == "upstream-lost"


async def test_requests_held_during_a_switch_are_answered_by_the_next_engine(model: Path) -> None:
    async with serving(model) as (front, first):
        assert (await front.client.post(COMPLETION, json=QUESTION)).status_code == 200
        front.backend.hold()
        first.process.kill()
        await first.process.wait()

        asked = [asyncio.create_task(front.client.post(COMPLETION, json=QUESTION)) for _ in range(4)]
        await until(lambda: front.backend.admission.held == 4)
        async with real_engine(model) as second:
            front.backend.serve(second.url, key=second.key, model="tiny-b")
            replies: list[httpx.Response] = await asyncio.gather(*asked)
            assert [reply.status_code for reply in replies] == [200] * 4
            assert {reply.headers["X-Model-Switcher-Model"] for reply in replies} == {"tiny-b"}
