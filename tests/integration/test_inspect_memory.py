"""`inspect` and the memory that a file takes, without an instance."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fakes.commands import command
from fakes.engines import EMBEDDED, LLAMA_SERVER
from fakes.gguf_files import write_model
from fakes.memory_truth import DATA, read_blueprints
from model_switcher.cli.inspect_memory import room
from model_switcher.domain.catalog import Model
from model_switcher.domain.engines import EngineBinary
from model_switcher.domain.memory import Gpu, Readings
from model_switcher.domain.need import Source
from model_switcher.domain.prediction.blueprint import open_blueprint, pack
from model_switcher.domain.prediction.load import load_options
from model_switcher.domain.units import GIB, MIB, format_size
from model_switcher.engine.binaries.probe import probe
from model_switcher.engine.catalog import scan_file
from model_switcher.engine.demo_models import write_llama
from model_switcher.engine.needs.inspection import Row, predicted_rows, usual_contexts
from model_switcher.engine.needs.setup import Engine

KEYS = {
    "ctx_size", "cache_type_k", "cache_type_v", "n_gpu_layers", "device", "host", "source",
}  # fmt: skip
PARTS = {"weights", "cache", "compute", "total"}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two layers, trained for 32,768 tokens."""
    return write_llama(
        tmp_path_factory.mktemp("models") / "one.gguf", name="One", seed=1, context_length=32768
    )


@pytest.fixture(scope="module")
def model(file: Path) -> Model:
    found = scan_file(file)
    assert isinstance(found, Model)
    return found


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(f"stores = []\n[server]\nengine = '{LLAMA_SERVER.path}'\n", encoding="utf-8")
    return path


async def inspected(settings: Path, file: Path, *words: str) -> list[dict[str, Any]]:
    result = await command(settings, "inspect", str(file), "--json", *words)
    assert (result.status, result.errors) == (0, "")
    form = json.loads(result.output)
    assert set(form) == {"model", "memory"}
    assert "blueprint" not in form["model"]
    rows: list[dict[str, Any]] = form["memory"]
    for row in rows:
        assert set(row) - {"low", "high"} == KEYS, "and bounds where the rules are weak"
        for place in ("device", "host"):
            assert set(row[place]) == PARTS
            assert row[place]["total"] == sum(row[place][part] for part in PARTS - {"total"})
    return rows


async def test_without_options_there_is_a_row_for_each_usual_context(settings: Path, file: Path) -> None:
    rows = await inspected(settings, file)
    assert [row["ctx_size"] for row in rows] == [4096, 8192, 16384, 32768]
    assert {(row["cache_type_k"], row["cache_type_v"], row["n_gpu_layers"]) for row in rows} == {
        ("f16", "f16", 3)
    }
    assert {row["source"] for row in rows} == {"rules"}
    assert [row["device"]["cache"] for row in rows] == [size * 512 for size in (4096, 8192, 16384, 32768)]


async def test_options_say_how_it_is_loaded(settings: Path, file: Path) -> None:
    (whole,) = await inspected(settings, file, "--ctx-size", "8192")
    (quantized,) = await inspected(
        settings, file, "--ctx-size", "8192", "--cache-type-k", "q8_0", "--cache-type-v", "q4_0"
    )
    (partial,) = await inspected(settings, file, "--ctx-size", "8192", "--n-gpu-layers", "2")
    (everything,) = await inspected(settings, file, "--ctx-size", "8192", "--n-gpu-layers", "all")
    (processor,) = await inspected(settings, file, "--ctx-size", "8192", "--no-gpu")
    assert (quantized["cache_type_k"], quantized["cache_type_v"]) == ("q8_0", "q4_0")
    assert quantized["device"]["cache"] < whole["device"]["cache"]
    assert partial["n_gpu_layers"] == 2
    assert 0 < partial["device"]["weights"] < whole["device"]["weights"]
    assert everything == whole
    assert (processor["n_gpu_layers"], processor["device"]["total"]) == (0, 0)
    assert processor["host"]["cache"] == whole["device"]["cache"]


async def test_a_wrong_number_of_layers_is_a_usage_error(settings: Path, file: Path) -> None:
    assert (await command(settings, "inspect", str(file), "--n-gpu-layers", "some")).status == 2


async def test_people_get_a_table(settings: Path, file: Path) -> None:
    text = (await command(settings, "inspect", str(file))).output
    assert "CONTEXT" in text
    assert "32768" in text
    assert "rules" in text


def test_usual_contexts_double_up_to_the_trained_one(model: Model) -> None:
    def contexts(trained: int | None) -> tuple[int, ...]:
        return usual_contexts(replace(model, context_length=trained))

    assert contexts(512) == (512,)
    assert contexts(4096) == (4096,)
    assert contexts(40960) == (4096, 8192, 16384, 32768, 40960)
    assert contexts(None) == (4096,)
    assert contexts(10_000_000)[-2:] == (1 << 19, 10_000_000)


async def rows_of_unknown(
    model: Model, binary: EngineBinary, *, gpu: bool, **options: str | int
) -> list[Row]:
    """What is said of the same file if the rules do not know its architecture."""
    assert model.blueprint is not None
    layout = open_blueprint(model.blueprint)
    tensors = [*layout.outer.values()]
    tensors += [
        replace(tensor, name=f"blk.{number}.{tensor.name}")
        for number, block in layout.blocks.items()
        for tensor in block.values()
    ]
    unknown = replace(model, blueprint=pack("nobody-knows", layout.hyperparameters, tensors))
    engine = Engine(binary=binary, facts=await probe(binary))

    async def find() -> Engine:
        return engine

    return await predicted_rows(unknown, options, (4096, 8192, 16384), gpu=gpu, engine=find)


@pytest.mark.parametrize("binary", [EMBEDDED, LLAMA_SERVER], ids=lambda binary: binary.kind)
@pytest.mark.parametrize("gpu", [False, True])
async def test_what_the_rules_do_not_know_is_asked_of_the_engine(
    model: Model, binary: EngineBinary, gpu: bool
) -> None:
    rows = await rows_of_unknown(model, binary, gpu=gpu)
    known = await predicted_rows(model, {}, (4096, 8192, 16384), gpu=gpu, engine=lambda: pytest.fail("asked"))
    assert [row.need.ctx_size for row in rows] == [4096, 8192, 16384]
    for said, rules in zip(rows, known, strict=True):
        assert said.need.source is Source.ENGINE
        assert abs(said.need.device.cache - rules.need.device.cache) <= MIB
        assert abs(said.need.device.weights - rules.need.device.weights) <= MIB
        assert abs(said.need.host.total - rules.need.host.total) <= 4 * MIB
    # Without a GPU to ask about, the engine's word is carried over, and is in doubt.
    assert all((row.need.low < row.need.high) == gpu for row in rows)


async def test_nobody_knows_how_an_unknown_model_is_divided(model: Model) -> None:
    assert await rows_of_unknown(model, LLAMA_SERVER, gpu=True, **{"n-gpu-layers": 1}) == []


async def test_a_file_that_is_no_model_is_told_as_what_it_is(settings: Path) -> None:
    path = write_model(
        settings.parent / "mmproj.gguf",
        types={"F16": 1},
        general__name="Eyes",
        general__architecture="clip",
        general__type="mmproj",
        clip__vision__projection_dim=2560,
    )
    write_model(settings.parent / "model.gguf", general__architecture="llama", llama__embedding_length=2560)
    result = await command(settings, "inspect", str(path), "--json")
    said = json.loads(result.output)
    assert (result.status, said["model"], said["memory"]) == (0, None, [])
    assert said["file"]["role"] == "projector"
    assert (said["file"]["embedding_length"], said["file"]["quantization"]) == (2560, "F16")
    text = (await command(settings, "inspect", str(path))).output
    assert "Eyes" in text
    assert "none itself" in text


CARD = Gpu(index=0, name="RTX", source="nvml", total=16 * GIB, used=0, free=0)


@pytest.mark.parametrize(
    ("free", "options", "found"),
    [
        (24 * GIB, {}, "131,072 tokens fit."),
        (12 * GIB, {}, "49,920 tokens or 15 layers with 131,072 tokens would fit."),
        (12 * GIB, {"ctx-size": 8192}, "8,192 tokens fit."),
        (12 * GIB, {"cache-type-k": "q8_0", "cache-type-v": "q8_0"}, "93,440 tokens or 25 layers with 131,072 tokens would fit."),
        (5 * GIB, {"ctx-size": 8192}, "20 layers with 8,192 tokens would fit."),
        (GIB, {}, "it does not fit."),
    ],
)  # fmt: skip
def test_what_would_fit_now_is_told(
    model: Model, free: int, options: dict[str, str | int], found: str
) -> None:
    llama = replace(
        model,
        blueprint=read_blueprints(DATA / "corpus-blueprints.json")["llama31-8b-q4km"],
        context_length=131072,
        block_count=32,
    )
    readings = Readings(time=1.0, gpus=(replace(CARD, free=free),))
    sentence = room(llama, load_options(options), readings, GIB, gpu=True)
    assert sentence == f"Now, with {format_size(free)} free on the GPUs and 1.0 GiB of it to spare: {found}"


def test_what_would_fit_into_unknown_memory_is_unknown(model: Model) -> None:
    silent = Readings(time=1.0, gpus=(replace(CARD, free=None),))
    assert room(model, load_options({}), silent, GIB, gpu=True) is None
    assert room(model, load_options({}), Readings(time=1.0, gpus=(CARD,)), GIB, gpu=False) is None
    assert (
        room(replace(model, blueprint=None), load_options({}), replace(silent, gpus=(CARD,)), 0, gpu=True)
        is None
    )
