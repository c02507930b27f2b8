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

LETTERS = "root ::= [a-z] root"


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

    async def answers(self, *lengths: int) -> tuple[Generation, ...]:
        """What the log tells of requests for so many tokens, all made at once."""
        question = {"prompt": "hi", "grammar": LETTERS, "ignore_eos": True}
        asked = [self._client.post("/completion", json={**question, "n_predict": size}) for size in lengths]
        assert [reply.status_code for reply in await asyncio.gather(*asked)] == [200] * len(lengths)
        self._ended += len(lengths)
        async with asyncio.timeout(30):
            while sum("stop processing" in line for line in self._engine.log) < self._ended:
                await asyncio.sleep(0.01)
        for line in self._engine.log[self._heard :]:
            self.report.hear(line)
            self._heard += 1
        return self.report.take()


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.kind)
async def test_every_engine_tells_how_fast_it_answers(engine: EngineBinary, model: Path) -> None:
    options = ("--ctx-size", "2048", "--parallel", "2", "--kv-unified")
    async with running(engine, *options, model=model) as process:
        await process.ready()
        async with await process.client() as client:
            asking = Asking(process, client)
            (alone,) = await asking.answers(24)
            assert (alone.tokens, alone.alone) == (24, True)
            assert alone.depth is not None
            assert 24 <= alone.depth <= 40
            assert alone.seconds > 0
            assert asking.report.speed == alone.speed
            assert asking.report.ctx_size == 2048
            both = await asking.answers(800, 800)
            assert [generation.alone for generation in both] == [False, False]
