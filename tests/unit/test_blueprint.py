"""Blueprints: what they keep of a header, how they are packed, and their way through the catalog."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec
import pytest

from fakes.gguf_files import write_model
from fakes.memory_truth import DATA, read_blueprints
from fakes.small_models import blueprint, size
from model_switcher.domain import wire
from model_switcher.domain.prediction.blueprint import Blueprint, Tensor, merge, open_blueprint, pack
from model_switcher.domain.prediction.load import LoadOptions
from model_switcher.domain.prediction.predict import predict
from model_switcher.engine.catalog import scan
from model_switcher.engine.catalog.blueprint import blueprint_of
from model_switcher.engine.gguf import read_header
from model_switcher.engine.gguf.writer import TensorData, write_gguf

if TYPE_CHECKING:
    from pathlib import Path


def test_a_blueprint_keeps_every_tensor_and_number() -> None:
    model = blueprint("qwen3", attention__key_length=128, some__list=[1, 2, 3])
    layout = open_blueprint(model)
    assert layout.architecture == "qwen3"
    assert layout.hyperparameters["attention.key_length"] == 128
    assert layout.hyperparameters["some.list"] == [1, 2, 3]
    assert sorted(layout.blocks) == list(range(8))
    assert layout.blocks[7]["attn_q.weight"].shape == (1024, 1024)
    assert layout.outer["token_embd.weight"].size == 1024 * 32000 * 2


def test_blueprints_of_real_models_take_few_bytes() -> None:
    for name, model in read_blueprints(DATA / "corpus-blueprints.json").items():
        assert len(model.data) < 4096, name


def test_names_of_blocks_are_numbers_and_everything_else_belongs_to_none() -> None:
    names = ["blk.0.a", "blk.12.b", "blk.1000.c", "blk.x.d", "blk.1", "blk.-1.e", "output.weight"]
    packed = pack("llama", {}, [Tensor(name, 0, (1,)) for name in names])
    assert packed is not None
    layout = open_blueprint(packed)
    assert sorted(layout.blocks) == [0, 12]
    assert sorted(layout.outer) == ["blk.-1.e", "blk.1", "blk.1000.c", "blk.x.d", "output.weight"]


@pytest.mark.parametrize(
    ("hyperparameters", "tensors"),
    [
        ({str(number): number for number in range(257)}, []),
        ({}, [Tensor(f"blk.{number}.a", 0, (1,)) for number in range(513)]),
        ({}, [Tensor("a", 256, (1,))]),
        ({}, [Tensor(str(number), 0, (1,)) for number in range(65537)]),
    ],
)
def test_what_llama_cpp_would_not_load_has_no_blueprint(
    hyperparameters: dict[str, int], tensors: list[Tensor]
) -> None:
    assert pack("llama", hyperparameters, tensors) is None


def test_parts_of_a_split_model_are_one_model_together() -> None:
    whole = blueprint()
    layout = open_blueprint(whole)
    tensors = [*layout.outer.values()]
    for number, block in layout.blocks.items():
        tensors += [
            Tensor(f"blk.{number}.{tensor.name}", tensor.type, tensor.shape) for tensor in block.values()
        ]
    first = pack(layout.architecture, layout.hyperparameters, tensors[:20])
    second = pack("", {}, tensors[20:])
    assert first is not None
    assert second is not None
    merged = merge((first, second))
    assert merged is not None
    assert size(merged) == size(whole)
    assert predict(merged, LoadOptions(), gpu=True) == predict(whole, LoadOptions(), gpu=True)


def test_bytes_that_are_no_blueprint_are_refused() -> None:
    with pytest.raises(ValueError, match=r"."):
        open_blueprint(Blueprint(b"nothing of the kind"))


# in the catalog


def test_headers_become_blueprints_without_what_memory_does_not_depend_on(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    write_gguf(
        path,
        {
            "general.architecture": "llama",
            "general.name": "A model",
            "llama.block_count": 1,
            "llama.embedding_length": 32,
            "llama.long_text": "x" * 100,
            "tokenizer.ggml.tokens": ["a", "b"],
        },
        [
            TensorData(name="token_embd.weight", type="F32", shape=(32, 2), data=[bytes(256)]),
            TensorData(name="blk.0.attn_norm.weight", type="F32", shape=(32,), data=[bytes(128)]),
        ],
    )
    found = blueprint_of(read_header(path))
    assert found is not None
    layout = open_blueprint(found)
    assert layout.architecture == "llama"
    assert dict(layout.hyperparameters) == {"block_count": 1, "embedding_length": 32}
    assert list(layout.blocks[0]) == ["attn_norm.weight"]


def test_models_of_the_catalog_carry_their_blueprint_but_do_not_show_it(tmp_path: Path) -> None:
    write_model(tmp_path / "model.gguf", general__architecture="llama", llama__block_count=1)
    (model,) = scan([tmp_path]).models
    assert model.blueprint is not None
    assert open_blueprint(model.blueprint).architecture == "llama"
    shown = json.loads(msgspec.json.encode(wire.model_form(model)))
    assert "blueprint" not in shown
    assert "projector_blueprint" not in shown
    assert "blueprint" not in repr(model)


def test_the_parts_of_a_split_model_have_one_blueprint(tmp_path: Path) -> None:
    write_model(tmp_path / "m-00001-of-00002.gguf", types={"F16": 1}, split__no=0, split__count=2)
    write_model(
        tmp_path / "m-00002-of-00002.gguf",
        types={"Q8_0": 1},
        general__architecture=None,
        split__no=1,
        split__count=2,
    )
    (model,) = scan([tmp_path]).models
    assert model.blueprint is not None
    layout = open_blueprint(model.blueprint)
    assert layout.architecture == "llama"
    assert set(layout.outer) == {"F16.weight", "Q8_0.weight"}


def test_a_model_carries_the_blueprint_of_its_projector(tmp_path: Path) -> None:
    write_model(tmp_path / "model.gguf", llama__embedding_length=64)
    write_model(
        tmp_path / "mmproj-model.gguf",
        types={"F32": 3},
        general__architecture="clip",
        general__type="mmproj",
        clip__has_vision_encoder=True,
        clip__vision__projection_dim=64,
    )
    (model,) = scan([tmp_path]).models
    assert model.projector is not None
    assert model.projector_blueprint is not None
    assert size(model.projector_blueprint) == 3 * 256 * 4
