"""Why a real llama-server fails on a graphics card: the card is simulated, what it writes is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fakes.engines import LLAMA_SERVER, RunningEngine, running
from fakes.fake_gpu import FakeGpu
from model_switcher.domain.remedies import RemedyKind
from model_switcher.domain.states import Cause, Failure
from model_switcher.domain.units import MIB
from model_switcher.engine.binaries.causes import explain, is_doomed
from model_switcher.engine.demo_models import write_llama

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

ALL_ON_CARD = ("--n-gpu-layers", "99", "--fit", "off")


@pytest.fixture(scope="module")
def gpu(tmp_path_factory: pytest.TempPathFactory) -> FakeGpu:
    return FakeGpu(tmp_path_factory.mktemp("fake_gpu"))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """23 MiB of weights, and 16 KiB of cache for each token."""
    return write_llama(
        tmp_path_factory.mktemp("models") / "model.gguf",
        name="Model",
        seed=1,
        embedding_length=512,
        block_count=4,
        feed_forward_length=1408,
        context_length=32768,
    )


def on_card(
    gpu: FakeGpu, model: Path, *options: str, mib: int, **more: str
) -> AbstractAsyncContextManager[RunningEngine]:
    """llama-server on a card of `mib` MiB; without the trace of the stack for which it would run a debugger."""
    facts = {"LD_PRELOAD": str(gpu.preload), "FAKE_GPU_MIB": str(mib), "GGML_NO_BACKTRACE": "1", **more}
    before = ("env", *(f"{name}={value}" for name, value in facts.items()))
    return running(LLAMA_SERVER, *ALL_ON_CARD, *options, model=model, before=before)


async def failure_of(gpu: FakeGpu, model: Path, *options: str, mib: int, **more: str) -> Failure:
    """Why a start failed. llama-server b10434 loses the end of its log now and then: ask again."""
    for _ in range(5):
        async with on_card(gpu, model, *options, mib=mib, **more) as process:
            code = await process.exit_code()
        if any("exiting due to" in line or "terminate called" in line for line in process.log):
            return explain(exit_code=code, log=process.log, model_path=str(model), was_ready=False)
    raise AssertionError("no start wrote a whole log")


async def test_weights_that_do_not_fit_the_card_are_told_with_their_size(gpu: FakeGpu, model: Path) -> None:
    failure = await failure_of(gpu, model, mib=10)
    assert failure.cause == Cause.OUT_OF_MEMORY
    assert "for its weights" in failure.sentence
    assert failure.asked is not None
    assert 20 * MIB < failure.asked < 25 * MIB


async def test_a_context_that_does_not_fit_the_card_is_told_with_its_size(gpu: FakeGpu, model: Path) -> None:
    failure = await failure_of(gpu, model, "--ctx-size", "32768", mib=200)
    assert failure.cause == Cause.OUT_OF_MEMORY
    assert "for its context" in failure.sentence
    assert failure.asked == 32768 * 2 * 4 * 512 * 2  # tokens, keys and values, layers, width, two bytes each
    assert "ctx-size" in failure.hint


async def test_what_is_needed_to_compute_and_does_not_fit_is_told(gpu: FakeGpu, model: Path) -> None:
    options = ("--ctx-size", "1024", "--batch-size", "1024", "--ubatch-size", "1024")
    failure = await failure_of(gpu, model, *options, mib=36)
    assert failure.cause == Cause.OUT_OF_MEMORY
    assert "to compute with" in failure.sentence
    assert "ubatch-size" in failure.hint


async def test_a_card_that_is_lost_while_it_loads_is_told(gpu: FakeGpu, model: Path, tmp_path: Path) -> None:
    lost = tmp_path / "lost"
    lost.touch()
    failure = await failure_of(gpu, model, mib=1024, FAKE_GPU_LOST=str(lost))
    assert failure.cause == Cause.DRIVER_LOST
    assert failure.action is not None
    assert failure.action.action is RemedyKind.TRY_AGAIN


async def test_an_engine_that_lives_on_without_its_card_says_so_in_its_log(
    gpu: FakeGpu, tmp_path: Path
) -> None:
    lost = tmp_path / "lost"
    tiny = write_llama(tmp_path / "tiny.gguf", name="Tiny", seed=1)
    async with on_card(gpu, tiny, mib=1024, FAKE_GPU_LOST=str(lost)) as process:
        await process.ready()
        assert not any(map(is_doomed, process.log))
        lost.touch()
        async with await process.client() as client:
            answer = await client.post("/completion", json={"prompt": "a", "n_predict": 2})
            assert answer.status_code == 500
            assert (await client.get("/health")).status_code == 200
        await process.said("device lost")
        assert any(map(is_doomed, process.log))
        failure = explain(exit_code=None, log=process.log, model_path=str(tiny), was_ready=True)
    assert failure.cause == Cause.DRIVER_LOST
