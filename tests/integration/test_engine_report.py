"""What the real engines' own logs tell of their answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest

from fakes.engines import ENGINES, RunningEngine, running
from model_switcher.engine.demo_models import write_demo_models
from model_switcher.engine.process.report import EngineReport

if TYPE_CHECKING:
    from pathlib import Path

    from model_switcher.domain.engines import EngineBinary
    from model_switcher.domain.spill import Generation

QUESTION = {"prompt": "hi", "grammar": "root ::= [a-z] root", "ignore_eos": True}


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo_models(tmp_path_factory.mktemp("models"))[0]


class Asking:
    """A real engine, and what its log told so far."""

    def __init__(self, engine: RunningEngine, client: httpx.AsyncClient) -> None:
        self.report = EngineReport()
        self._engine = engine
        self._client = client
        self._ended = self._heard = 0

    async def answer(self, tokens: int) -> tuple[Generation, ...]:
        """What the log tells of a request for so many tokens."""
        reply = await self._client.post("/completion", json={**QUESTION, "n_predict": tokens})
        assert reply.status_code == 200
        await self._said("stop processing", self._ended + 1)
        self._ended += 1
        return self._hear()

    async def answer_beside_another(self, tokens: int) -> tuple[Generation, ...]:
        """The same while another request is answered, whose client then leaves."""
        endless = {**QUESTION, "n_predict": -1, "stream": True}
        async with self._client.stream("POST", "/completion", json=endless) as reply:
            lines = reply.aiter_lines()  # kept: its end would close the stream
            await anext(lines)
            found = await self.answer(tokens)
        await self._said("stop processing", self._ended + 1)
        self._ended += 1
        return found + self._hear()

    async def _said(self, words: str, times: int) -> None:
        async with asyncio.timeout(60):
            while sum(words in line for line in self._engine.log) < times:
                await asyncio.sleep(0.01)

    def _hear(self) -> tuple[Generation, ...]:
        for line in self._engine.log[self._heard :]:
            self.report.hear(line)
            self._heard += 1
        return self.report.take()


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.kind)
async def test_every_engine_tells_how_fast_it_answers(engine: EngineBinary, model: Path) -> None:
    # One thread: several wait for each other in busy loops, which on busy processors may take for ever.
    options = ("--ctx-size", "2048", "--parallel", "2", "--kv-unified", "--context-shift", "--threads", "1")
    async with running(engine, *options, model=model) as process:
        await process.ready()
        async with await process.client() as client:
            asking = Asking(process, client)
            (alone,) = await asking.answer(24)
            assert (alone.tokens, alone.alone) == (24, True)
            assert alone.depth is not None
            assert 24 <= alone.depth <= 40
            assert alone.seconds > 0
            assert asking.report.speed == alone.speed
            assert asking.report.ctx_size == 2048
            beside = await asking.answer_beside_another(24)
            assert beside[0].tokens == 24
            assert [generation.alone for generation in beside] == [False] * len(beside)
            (again,) = await asking.answer(24)
            assert again.alone is True
