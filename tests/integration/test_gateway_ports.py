"""Ports that always mean one model."""

from __future__ import annotations

from typing import Any

import httpx

from fakes.upstream import TINY_A, TINY_B, Front, server_view, two_models
from model_switcher.domain.states import ServerState

COMPLETION = "/v1/chat/completions"


MODEL = "X-Model-Switcher-Model"


async def answered_by(front: Front, body: dict[str, Any], path: str = COMPLETION) -> str:
    answer = await front.client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json() == body
    return answer.headers[MODEL]


async def test_a_port_of_its_own_always_means_its_model() -> None:
    async with two_models(second="Tiny B", unknown_model="error") as (front, a, b):
        for host in ("127.0.0.1", "[::1]"):
            async with httpx.AsyncClient(base_url=f"http://{host}:{front.second}", trust_env=False) as client:
                for name in ("tiny-a", "gpt-4o", ""):
                    answer = await client.post(f"{COMPLETION}?model=tiny-a", json={"model": name})
                    assert answer.headers[MODEL] == TINY_B.id
                assert (await client.get("/props")).headers[MODEL] == TINY_B.id
                models = (await client.get("/v1/models")).json()["data"]
                assert [model["id"] for model in models] == [TINY_B.id]
                assert (await client.get("/switcher/state")).json()["selected"] == TINY_A.id
        assert (len(a.received), len(b.received)) == (0, 8)
        assert await answered_by(front, {"model": "tiny-a"}) == TINY_A.id


async def test_health_at_a_port_of_its_own_is_that_of_its_model() -> None:
    async with two_models(second="tiny-b") as (front, _, _):
        health = f"http://127.0.0.1:{front.second}/health"
        for servers, status, message in (
            ((), 503, "No model is loaded"),
            ((server_view(ServerState.READY, TINY_A.id),), 503, "No model is loaded"),
            ((server_view(ServerState.LOADING, TINY_B.id),), 503, "Loading model"),
            ((server_view(ServerState.READY, TINY_B.id),), 200, None),
        ):
            front.backend.hub.update(servers=servers)
            answer = await front.client.get(health)
            assert answer.status_code == status
            assert answer.json().get("error", {}).get("message") == message


async def test_a_port_of_a_model_that_is_not_there_says_so() -> None:
    async with two_models(second="tiny-z") as (front, _, _):
        answer = await front.client.post(f"http://127.0.0.1:{front.second}{COMPLETION}", json={})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown-model")
