"""The gateway in front of a real llama-server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from fakes.http_engines import RealEngine, real_engine, until
from fakes.upstream import Front, open_front
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
            f"{engine.url}/slots", headers={"Authorization": f"Bearer {engine.key}"}
        )
        passed = await front.client.get("/slots", headers={"Authorization": "Bearer another"})
        one_hop = {b"connection", b"keep-alive"}
        ours = {b"x-model-switcher-model"}
        assert direct.status_code == passed.status_code == 200
        assert direct.content == passed.content
        assert [pair for pair in direct.headers.raw if not _one_of(pair, one_hop)] == [
            pair for pair in passed.headers.raw if not _one_of(pair, ours)
        ]


SHORT: dict[str, Any] = {"max_tokens": 2, "grammar": LETTERS, "seed": 1, "temperature": 0.0}
ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "x"}], **SHORT}
# Every kind of route that llama-server has: those of OpenAI and Anthropic, its own, its pages, and what it has not.
ROUTES: tuple[tuple[str, str, dict[str, Any] | None], ...] = (
    ("GET", "/", None),
    ("HEAD", "/index.html", None),
    ("GET", "/props?model=tiny-a", None),
    ("GET", "/lora-adapters", None),
    ("GET", "/metrics?model=tiny-a", None),
    ("GET", "/v1/models/x", None),
    ("POST", "/tokenize", {"content": "hi"}),
    ("POST", "/detokenize", {"tokens": [100, 101]}),
    ("POST", "/apply-template", {"messages": [{"role": "user", "content": "x"}]}),
    ("POST", "/completion", {"prompt": "a", "n_predict": 2, **SHORT}),
    ("POST", "/v1/completions", {"prompt": "a", **SHORT}),
    ("POST", COMPLETION, ASK),
    ("POST", "/v1/messages", {"model": "x", **ASK}),
    ("POST", "/v1/messages/count_tokens", {"messages": [{"role": "user", "content": "x"}]}),
    ("POST", "/v1/responses", {"model": "x", "input": "x", "max_output_tokens": 2, **SHORT}),
    ("POST", "/v1/embeddings", {"input": "x"}),
    ("POST", "/v1/rerank", {"query": "a", "documents": ["b"]}),
    ("POST", "/infill", {"input_prefix": "a", "input_suffix": "b"}),
    ("POST", "/slots/0?action=erase", {}),
    ("POST", "/v1/audio/transcriptions", {}),
    ("PUT", "/nothing", {}),
    ("DELETE", "/nothing", None),
)


_VARIES = re.compile(r"^id$|^created|timings|cache|input_tokens|^tokens_|completed_at")


@pytest.mark.parametrize("kind", ENGINES)
async def test_every_route_answers_through_the_gateway_as_it_does_directly(model: Path, kind: str) -> None:
    async with serving(model, kind) as (front, engine):
        for method, path, body in ROUTES:
            direct, passed = [
                await front.client.request(
                    method, base + path, json=body, headers={"Authorization": f"Bearer {engine.key}"}
                )
                for base in (engine.url, f"http://127.0.0.1:{front.port}")
            ]
            assert direct.status_code == passed.status_code, path
            for name in ("Content-Type", "Content-Encoding"):
                assert direct.headers.get(name) == passed.headers.get(name), path
            assert _shape(direct) == _shape(passed), path


def _shape(answer: httpx.Response) -> object:
    """What does not change from one answer to the next: all of a page, the keys of JSON with its texts and counts."""
    if not answer.headers.get("Content-Type", "").startswith("application/json") or not answer.content:
        return answer.content
    return _keys(answer.json())


def _keys(value: Any) -> object:
    match value:
        case dict():
            return {key: _keys(inner) for key, inner in value.items() if not _VARIES.search(key)}
        case list():
            return [_keys(inner) for inner in value]
        case float():
            return float
        case str() if "_" in value:
            return str  # an id
        case _:
            return value


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
