from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING

import gguf
import pytest

from model_switcher.engine.gguf import read_header
from model_switcher.engine.gguf.writer import TensorData, Writable, write_gguf

if TYPE_CHECKING:
    from pathlib import Path

METADATA: dict[str, Writable] = {
    "general.architecture": "llama",
    "general.name": "Ünï 模型",
    "flag": True,
    "small": 7,
    "negative": -7,
    "large": 1 << 40,
    "large negative": -(1 << 40),
    "half": 0.5,
    "numbers": [1, -2, 3],
    "fractions": [0.5, 0.25],
    "flags": [True, False],
    "tokens": ["a", "ß", ""],
    "raw tokens": [b"\xff", b"b"],
}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    write_gguf(
        path,
        METADATA,
        [
            TensorData(name="first", type="F32", shape=(3, 2), data=[b"\1" * 10, b"\2" * 14]),
            TensorData(name="second", type="Q4_K", shape=(256,), data=[b"\3" * 144]),
        ],
    )
    header = read_header(path)
    assert header.metadata == {
        "general.architecture": "llama",
        "general.name": "Ünï 模型",
        "flag": True,
        "small": 7,
        "negative": -7,
        "large": 1 << 40,
        "large negative": -(1 << 40),
        "half": 0.5,
        "numbers": (1, -2, 3),
        "fractions": (0.5, 0.25),
        "flags": (True, False),
        "tokens": ("a", "ß", ""),
        "raw tokens": ("\ufffd", "b"),
    }
    assert header.arrays == {
        "numbers": ("int32", 3),
        "fractions": ("float32", 2),
        "flags": ("bool", 2),
        "tokens": ("string", 3),
        "raw tokens": ("string", 2),
    }
    first, second = header.tensors
    assert (first.name, first.type_name, first.shape, first.offset) == ("first", "F32", (3, 2), 0)
    assert (second.name, second.type_name, second.shape, second.offset) == ("second", "Q4_K", (256,), 32)
    data = path.read_bytes()[header.data_offset :]
    assert data == b"\1" * 10 + b"\2" * 14 + bytes(8) + b"\3" * 144 + bytes(16)


def test_the_gguf_package_reads_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    tokens: Writable = ["a", "ß"]
    write_gguf(
        path,
        {"general.architecture": "llama", "tokens": tokens},
        [TensorData(name="t", type="F32", shape=(4, 2), data=[bytes(32)])],
    )
    reader = gguf.GGUFReader(path)
    assert reader.fields["tokens"].contents() == tokens
    assert reader.tensors[0].data.shape == (2, 4)


def test_data_of_the_wrong_length_leaves_the_old_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.gguf"
    path.write_bytes(b"old")
    wrong = TensorData(name="t", type="F16", shape=(4,), data=[bytes(9)])
    with pytest.raises(ValueError, match="t has 9 bytes of data, its shape needs 8"):
        write_gguf(path, {}, [wrong])
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.gguf"]


def test_large_data_passes_through_in_pieces(tmp_path: Path) -> None:
    piece = bytes(1 << 20)
    tensor = TensorData(name="t", type="F16", shape=(1 << 19, 64), data=(piece for _ in range(64)))
    tracemalloc.start()
    try:
        write_gguf(tmp_path / "a.gguf", {}, [tensor])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * len(piece)
    assert read_header(tmp_path / "a.gguf").file_size > 64 * len(piece)
