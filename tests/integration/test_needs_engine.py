"""What models take, by the word of real engines: asked, loaded, measured. The card and its driver are simulated."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from fakes.commands import command
from fakes.engines import ENGINES, LLAMA_SERVER, running
from fakes.fake_gpu import TOTAL, Card, FakeGpu
from fakes.instance import Instance, write_settings
from model_switcher.domain.catalog import Model
from model_switcher.domain.lowering import lowered, lowering
from model_switcher.domain.need import FitKind, Need, Source
from model_switcher.domain.prediction.load import load_options
from model_switcher.domain.prediction.predict import predict
from model_switcher.domain.units import MIB
from model_switcher.engine.binaries.probe import probe
from model_switcher.engine.catalog import scan_file
from model_switcher.engine.demo_models import write_llama
from model_switcher.engine.needs.oracle import ask_engine, can_be_asked
from model_switcher.engine.needs.store import FILE

if TYPE_CHECKING:
    from model_switcher.domain.engines import EngineBinary
    from model_switcher.domain.snapshot import Snapshot

CONTEXT = 32768


@pytest.fixture(scope="module")
def gpu(tmp_path_factory: pytest.TempPathFactory) -> FakeGpu:
    return FakeGpu(tmp_path_factory.mktemp("fake_gpu"))


@pytest.fixture
def card(gpu: FakeGpu, tmp_path: Path) -> Card:
    return gpu.card(tmp_path / "card")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """One with 24 MiB of weights and a cache of 16 KiB a token, and a small one."""
    folder = tmp_path_factory.mktemp("models")
    return (
        write_llama(
            folder / "large.gguf", name="Large", seed=2, context_length=1 << 20,
            embedding_length=512, block_count=8, feed_forward_length=1408,
        ),
        write_llama(folder / "small.gguf", name="Small", seed=1),
    )  # fmt: skip


def model(path: Path) -> Model:
    found = scan_file(path)
    assert isinstance(found, Model)
    return found


def predicted(path: Path, *, gpu: bool, **options: int) -> Need:
    blueprint = model(path).blueprint
    assert blueprint is not None
    need = predict(
        blueprint, load_options({name.replace("_", "-"): value for name, value in options.items()}), gpu=gpu
    )
    assert need is not None
    return need


def same(said: int, predicted: int) -> bool:
    """The account is in whole MiB, each part cut off."""
    return abs(said - predicted) <= max(3 * MIB, predicted // 100)


@pytest.mark.parametrize("layers", [None, 4, 0])
async def test_an_engine_and_the_rules_say_the_same_of_a_card(
    card: Card, models: tuple[Path, Path], layers: int | None
) -> None:
    options = {} if layers is None else {"n-gpu-layers": layers}
    said = await ask_engine(card.engine, model(models[0]), options, ctx_size=CONTEXT)
    assert said is not None
    need = predicted(
        models[0], gpu=True, ctx_size=CONTEXT, **({} if layers is None else {"n_gpu_layers": layers})
    )
    assert same(said.device.total, need.device.total)
    assert same(said.device.cache, need.device.cache)
    assert same(said.host.total, need.host.total)


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.kind)
async def test_and_of_a_machine_without_one(engine: EngineBinary, models: tuple[Path, Path]) -> None:
    assert can_be_asked(engine, (await probe(engine)).flags)
    said = await ask_engine(engine, model(models[0]), {}, ctx_size=CONTEXT)
    assert said is not None
    need = predicted(models[0], gpu=False, ctx_size=CONTEXT)
    assert said.device.total == 0
    assert same(said.host.cache, need.host.cache)


async def test_an_engine_that_is_asked_is_gone_with_the_answer_and_with_its_caller(
    card: Card, models: tuple[Path, Path]
) -> None:
    await ask_engine(card.engine, model(models[0]), {}, ctx_size=CONTEXT)
    assert psutil.Process().children(recursive=True) == []
    asking = asyncio.create_task(ask_engine(card.engine, model(models[0]), {}, ctx_size=CONTEXT))
    while not psutil.Process().children():
        await asyncio.sleep(0.001)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    assert psutil.Process().children(recursive=True) == []


async def test_an_engine_that_is_asked_gets_no_further_than_its_account(
    card: Card, models: tuple[Path, Path]
) -> None:
    await ask_engine(card.engine, model(models[0]), {"n-gpu-layers": 4}, ctx_size=CONTEXT)
    held = [int(file.read_text().split()[0]) for file in card.held.iterdir()]
    assert all(size < 8 * MIB for size in held), "weights alone are 24 MiB"


async def test_an_engine_that_says_nothing_is_given_up_in_time(models: tuple[Path, Path]) -> None:
    silent = replace(LLAMA_SERVER, command=("sh", "-c", "sleep 60", "sh"))
    with pytest.raises(TimeoutError):
        await ask_engine(silent, model(models[1]), {}, ctx_size=CONTEXT, deadline=0.2)
    assert psutil.Process().children(recursive=True) == []


async def test_an_engine_that_refuses_says_nothing(models: tuple[Path, Path]) -> None:
    assert await ask_engine(LLAMA_SERVER, model(models[1]), {"nonsense": 1}, ctx_size=CONTEXT) is None


async def test_unset_options_are_lowered_as_llama_server_does_it(
    card: Card, models: tuple[Path, Path]
) -> None:
    """The card has 4 GiB; a million tokens would take 16."""
    mebibytes = 4096
    async with running(
        LLAMA_SERVER, "--log-verbosity", "4", model=models[0],
        before=(*card.before, f"FAKE_GPU_MIB={mebibytes}"),
    ) as engine:  # fmt: skip
        chosen = await engine.said(r"context size reduced from (\d+) to (\d+)")
    blueprint = model(models[0]).blueprint
    assert blueprint is not None
    need = lowered(
        lambda load: predict(blueprint, load, gpu=True),
        load_options({}),
        lowering({}),
        free=mebibytes * MIB,
        gpus=1,
        blocks=8,
    )
    assert need is not None
    assert abs(need.ctx_size - int(chosen[2])) <= 256
    assert int(chosen[1]) == 1 << 20


async def listed(instance: Instance) -> dict[str, dict[str, object]]:
    result = await command(instance.settings, "list", "--json")
    return {entry["id"]: entry for entry in json.loads(result.output)["models"]}


def is_measured(snapshot: Snapshot, name: str) -> bool:
    return any(need.source is Source.MEASURED for need in snapshot.needs.get(name, ()))


async def test_what_a_server_took_replaces_the_prediction_and_is_kept(
    card: Card, models: tuple[Path, Path], tmp_path: Path
) -> None:
    settings = write_settings(tmp_path, models, engine=card.engine)
    with settings.open("a", encoding="utf-8") as file:
        file.write("[launch]\nctx-size = 8192\n")
    async with Instance(settings, environment=card.environment) as instance:
        measured = await instance.until(lambda snapshot: is_measured(snapshot, "large"))
        best, rules = measured.needs["large"]
        assert rules.source is Source.RULES
        assert measured.readings is not None
        used = next(
            process.used
            for process in measured.readings.gpus[0].processes or ()
            if process.pid == measured.servers[0].pid
        )
        assert used == best.device.total + (best.driver or 0)
        assert best.device.weights == rules.device.weights
        assert measured.fits["large"].kind is FitKind.RESIDENT
        text = (await command(settings, "status")).output
        assert "measured" in text
        assert "desktop and driver" in text
        inspected = json.loads((await command(settings, "inspect", str(models[0]), "--json")).output)
        assert inspected["memory"][-1]["source"] == "measured"
        assert inspected["memory"][-1]["device"]["total"] == best.device.total
        kept = (instance.places.state / FILE).read_bytes()
    instance.places.state.mkdir(parents=True)
    (instance.places.state / FILE).write_bytes(kept)
    settings.write_text(settings.read_text("utf-8").replace("large.gguf", "small.gguf", 1), encoding="utf-8")
    async with Instance(settings, environment=card.environment) as instance:
        await instance.until(lambda snapshot: is_measured(snapshot, "small"))
        large = (await listed(instance))["large"]
        assert large["fit"] == "fits beside"
        assert [need["source"] for need in large["needs"]] == ["measured", "rules"]
        assert large["need"] == used


async def test_what_other_programs_take_is_counted_at_once(
    card: Card, models: tuple[Path, Path], tmp_path: Path
) -> None:
    settings = write_settings(tmp_path, models[1:], engine=card.engine)
    with settings.open("a", encoding="utf-8") as file:
        file.write("[launch]\nctx-size = 131072\nn-gpu-layers = 99\n")
    async with Instance(settings, environment=card.environment) as instance:
        await instance.ready()

        async def fit(*kinds: str) -> dict[str, object]:
            async with asyncio.timeout(20):
                while (found := (await listed(instance))["large"])["fit"] not in kinds:
                    await asyncio.sleep(0.05)
            return found

        await fit("fits beside")
        free = 600 * MIB
        card.tell(
            f"memory {TOTAL} {256 * MIB} {free} {TOTAL - 256 * MIB - free}",
            f"compute {psutil.Process().pid} {TOTAL - 768 * MIB - free}",
        )
        short = await fit("short")
        assert isinstance(short["shortfall"], int)
        assert short["shortfall"] > 1024 * MIB
        assert short["fitting_ctx_size"] is None, "even the smallest needs more"
        card.tell()
        assert (await fit("fits beside"))["shortfall"] is None
