from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from model_switcher.engine.catalog import scan
from model_switcher.engine.demo_models import write_demo_models, write_llama
from model_switcher.engine.gguf import read_header

if TYPE_CHECKING:
    from pathlib import Path


def test_the_two_demo_models_are_in_the_catalog(tmp_path: Path) -> None:
    alder, birch = write_demo_models(tmp_path)
    catalog = scan([tmp_path])
    assert catalog.rejected == ()
    assert [(model.name, model.path, model.id) for model in catalog.models] == [
        ("Demo Alder", str(alder), "demo-alder"),
        ("Demo Birch", str(birch), "demo-birch"),
    ]
    model = catalog.models[0]
    assert (model.architecture, model.quantization, model.context_length) == ("llama", "F16", 4096)
    assert model.parameters == 2 * 320 * 64 + 64 + 2 * (4 * 64 * 64 + 3 * 64 * 128 + 2 * 64)


def test_right_demo_models_are_left_alone_and_damaged_ones_replaced(tmp_path: Path) -> None:
    alder, birch = write_demo_models(tmp_path)
    good = birch.read_bytes()
    kept = alder.stat().st_ino
    birch.write_bytes(good[:-1] + b"?")
    write_demo_models(tmp_path)
    assert alder.stat().st_ino == kept
    assert birch.read_bytes() == good
    assert {path.name for path in tmp_path.iterdir()} == {alder.name, birch.name}


def test_equal_seeds_give_equal_bytes_and_others_do_not(tmp_path: Path) -> None:
    first = write_llama(tmp_path / "1", name="N", seed=7).read_bytes()
    assert write_llama(tmp_path / "2", name="N", seed=7).read_bytes() == first
    assert write_llama(tmp_path / "3", name="N", seed=8).read_bytes() != first


def test_weights_are_small_numbers_around_zero(tmp_path: Path) -> None:
    path = write_llama(tmp_path / "m.gguf", name="N", seed=1)
    header = read_header(path)
    table = header.tensors[0]
    start = header.data_offset + table.offset
    weights = struct.unpack(f"<{table.elements}e", path.read_bytes()[start : start + 2 * table.elements])
    assert max(map(abs, weights)) < 1
    assert abs(sum(weights) / len(weights)) < 0.02
    assert 0.005 < sum(weight * weight for weight in weights) / len(weights) < 0.02


def test_a_larger_model_repeats_what_was_drawn(tmp_path: Path) -> None:
    path = write_llama(
        tmp_path / "m.gguf", name="N", seed=1, embedding_length=512, block_count=3, feed_forward_length=1024
    )
    header = read_header(path)
    assert header.file_size > 15_000_000
    assert header.metadata["llama.attention.head_count"] == 8
    assert header.metadata["llama.rope.dimension_count"] == 64
