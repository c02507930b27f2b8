"""Which engine a request goes to: two engines whose bytes the test writes, over real sockets."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from fakes.upstream import TINY_A, TINY_B, Front, two_models
from model_switcher.domain.catalog import Catalog, Model, Rejected
from model_switcher.gateway import naming, routing

COMPLETION = "/v1/chat/completions"
MODEL = "X-Model-Switcher-Model"


async def answered_by(front: Front, body: dict[str, Any], path: str = COMPLETION) -> str:
    answer = await front.client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json() == body
    return answer.headers[MODEL]


@pytest.mark.parametrize(
    "name", ["tiny-b", "TINY-B", " tiny-b ", "Tiny B", "tiny b", "/models/b.gguf", "b.gguf"]
)
async def test_id_name_and_path_decide_whatever_their_case(name: str) -> None:
    async with two_models() as (front, a, b):
        assert await answered_by(front, {"model": name, "n": 1}) == TINY_B.id
        assert (len(a.received), len(b.received)) == (0, 1)


async def test_an_alias_decides() -> None:
    async with two_models() as (front, _, _):
        front.backend.hub.update(catalog=Catalog((TINY_A, replace(TINY_B, aliases=("finance",)))))
        assert await answered_by(front, {"model": "Finance"}) == TINY_B.id


@pytest.mark.parametrize(
    "body", [{}, {"model": "gpt-4o"}, {"model": "default"}, {"model": ""}, {"model": None}]
)
async def test_what_names_no_model_goes_to_the_selected_one(body: dict[str, Any]) -> None:
    async with two_models() as (front, _, _):
        assert await answered_by(front, body) == TINY_A.id


@pytest.mark.parametrize("name", ["tiny-c", ""])
async def test_a_name_that_no_model_bears_can_be_an_error_with_the_near_ones(name: str) -> None:
    async with two_models(unknown_model="error") as (front, a, b):
        for _ in range(2):
            answer = await front.client.post(COMPLETION, json={"model": name})
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown-model")
            assert answer.json()["error"]["near"] == (["tiny-b", "tiny-a"] if name else [])
        assert await answered_by(front, {"model": "tiny-b"}) == TINY_B.id
        assert await answered_by(front, {"messages": []}) == TINY_A.id
        assert (len(a.received), len(b.received)) == (1, 1)


async def test_a_name_of_several_models_is_an_error_that_lists_them() -> None:
    async with two_models() as (front, _, _):
        for _ in range(2):
            answer = await front.client.post(COMPLETION, json={"model": "tiny"})
            assert (answer.status_code, answer.json()["error"]["code"]) == (409, "ambiguous-model")
            assert answer.json()["error"]["candidates"] == ["tiny-a", "tiny-b"]


async def test_a_file_that_cannot_be_served_is_an_error_that_says_why() -> None:
    async with two_models() as (front, _, _):
        rejected = Rejected(path="/models/broken.gguf", code="model-truncated", reason="the file ends early")
        front.backend.hub.update(catalog=Catalog((TINY_A, TINY_B), (rejected,)))
        answer = await front.client.post(COMPLETION, json={"model": "broken"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "model-truncated")


async def test_a_catalog_that_changes_changes_what_names_mean() -> None:
    async with two_models() as (front, _, _):
        for catalog, meant in (
            (Catalog((TINY_A, TINY_B)), TINY_B.id),
            (Catalog((TINY_A,)), TINY_A.id),
            (Catalog((TINY_A, TINY_B)), TINY_B.id),
        ):
            front.backend.hub.update(catalog=catalog)
            assert await answered_by(front, {"model": "tiny b"}) == meant


async def test_what_names_mean_is_remembered_for_a_bounded_number_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(routing, "REMEMBERED_NAMES", 3)
    looked: list[str] = []
    named = Catalog.named

    def watched(catalog: Catalog, wanted: str) -> Model | None:
        looked.append(wanted)
        return named(catalog, wanted)

    monkeypatch.setattr(Catalog, "named", watched)
    async with two_models() as (front, _, _):
        for _ in range(5):
            await answered_by(front, {"model": "tiny-b"})
        assert looked == ["tiny-b"]
        for n in range(20):
            await answered_by(front, {"model": f"gpt-{n}"})
        assert len(front.gateway._proxy._routing._known._meant) <= 4


async def test_the_query_decides_where_the_body_does_not() -> None:
    async with two_models() as (front, _, b):
        assert await answered_by(front, {}, f"{COMPLETION}?model=tiny-b") == TINY_B.id
        assert await answered_by(front, {"model": "gpt-4o"}, f"{COMPLETION}?model=Tiny%20B") == TINY_B.id
        assert await answered_by(front, {"model": "tiny-a"}, f"{COMPLETION}?model=tiny-b") == TINY_A.id
        assert await answered_by(front, {}, f"{COMPLETION}?model=") == TINY_A.id
        assert (await front.client.get("/props?x=1&model=tiny-b")).headers[MODEL] == TINY_B.id
        assert b.received[-1].start == b"GET /props?x=1&model=tiny-b HTTP/1.1"
        streamed = await front.client.post(
            "/upload?model=tiny-b", content=b"x", headers={"Content-Type": "image/png"}
        )
        assert streamed.headers[MODEL] == TINY_B.id


async def test_forms_decide_and_pass_byte_for_byte() -> None:
    async with two_models() as (front, _, b):
        audio = {"file": ("a.wav", bytes(range(256)) * 10, "audio/wav")}
        for options in ({"data": {"model": "tiny-b"}, "files": audio}, {"data": {"model": "Tiny B"}}):
            request = front.client.build_request("POST", "/v1/audio/transcriptions", **options)  # type: ignore[arg-type]
            await request.aread()
            answer = await front.client.send(request)
            assert answer.headers[MODEL] == TINY_B.id
            assert b.received[-1].body == request.content
            assert b.received[-1].headers[b"content-type"].decode() == request.headers["Content-Type"]


async def test_a_body_of_fifty_megabytes_in_chunks_goes_where_its_last_key_says() -> None:
    piece = b'\\n\\"model\\": no ' * 65_536

    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"messages": [{"content": "'
        for _ in range(52):
            yield piece
        yield b'", "model": "tiny-a"}], "model": "tiny-b"}'

    async with two_models() as (front, _, b):
        answer = await front.client.post(
            COMPLETION, content=pieces(), headers={"Content-Type": "application/json"}
        )
        assert answer.headers[MODEL] == TINY_B.id
        assert len(b.received[0].body) > 50_000_000
        assert b.received[0].body == answer.content
        assert json.loads(answer.content)["model"] == "tiny-b"


def _bare_deflate(data: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-15)
    return packing.compress(data) + packing.flush()


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("gzip", gzip.compress),
        ("X-GZip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", _bare_deflate),
        ("identity", bytes),
    ],
    ids=["gzip", "x-gzip", "deflate", "bare deflate", "identity"],
)
async def test_a_compressed_body_decides_and_passes_as_it_is(coding: str, pack: Any) -> None:
    async with two_models() as (front, _, b):
        packed = pack(b'{"messages": [], "model": "tiny-b"}')
        answer = await front.client.post(
            COMPLETION,
            content=packed,
            headers={"Content-Type": "application/json", "Content-Encoding": coding},
        )
        assert answer.headers[MODEL] == TINY_B.id
        assert b.received[0].body == packed
        assert b.received[0].headers[b"content-encoding"].decode() == coding


async def test_a_compressed_body_that_cannot_be_read_goes_to_the_selected_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(naming, "UNPACKED_LIMIT", 1000)
    named = b'{"model": "tiny-b"}'
    async with two_models() as (front, a, _):
        for coding, body in (
            ("gzip", named),
            ("gzip", gzip.compress(named)[:-12]),
            ("gzip", gzip.compress(named + b" " * 2000)),
            ("deflate", b"\xff\xff"),
            ("br", named),
            ("gzip, gzip", gzip.compress(gzip.compress(named))),
        ):
            answer = await front.client.post(
                COMPLETION,
                content=body,
                headers={"Content-Type": "application/json", "Content-Encoding": coding},
            )
            assert answer.headers[MODEL] == TINY_A.id, coding
            assert a.received[-1].body == body


async def test_a_damaged_body_passes_unchanged_so_that_the_engine_can_complain() -> None:
    async with two_models() as (front, a, _):
        body = b'{"model": "tiny-b", '
        answer = await front.client.post(
            COMPLETION, content=body, headers={"Content-Type": "application/json"}
        )
        assert answer.headers[MODEL] == TINY_A.id
        assert a.received[0].body == body
