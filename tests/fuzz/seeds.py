"""Inputs to begin with: what the writer writes, every hostile file, and the headers of a folder of models."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from fakes.gguf_files import (
    ARCHITECTURE,
    HOSTILE_BYTES,
    STRING,
    UINT32,
    array,
    one_tensor,
    preamble,
    tensor,
    text,
)
from model_switcher.engine.gguf.writer import TensorData, Writable, write_gguf

if TYPE_CHECKING:
    from collections.abc import Iterator

NO_HOLE, SMALL_BUFFER = b"\0", b"\x80"
GIBIBYTE_HOLE, TEBIBYTE_HOLE = bytes([30]), bytes([40])
_MOST_OF_A_MODEL = 16 * 1024


def seeds(corpus: Path | None = None) -> Iterator[bytes]:
    """Inputs as `Target.run` takes them.

    Args:
        corpus: A folder of models. Of each the beginning is taken, as the beginning of a file with a hole behind it.
    """
    own = [*_written(), *(data for data, _ in HOSTILE_BYTES.values())]
    for data in own:
        if len(data) < 1 << 16:
            yield NO_HOLE + data
            yield SMALL_BUFFER + data
    for beginning in (
        preamble(1 << 24, 1 << 24),
        preamble(60_000, 60_000),
        preamble(60_000, 1) + ARCHITECTURE,
        preamble(0, 2) + ARCHITECTURE + array("x", STRING, 1 << 21),
        preamble(0, 2) + ARCHITECTURE + array("x", STRING, 1 << 20),
        preamble(0, 2) + ARCHITECTURE + array("x", UINT32, 1 << 27),
    ):
        yield GIBIBYTE_HOLE + beginning
    if corpus is not None:
        for path in sorted(corpus.rglob("*.gguf")):
            if path.is_file():
                with path.open("rb") as file:
                    yield TEBIBYTE_HOLE + file.read(_MOST_OF_A_MODEL)


def _written() -> Iterator[bytes]:
    """Small whole files of every kind of value."""
    metadata: dict[str, Writable] = {
        "general.architecture": "llama",
        "general.name": "Seed",
        "general.languages": ["en", "de"],
        "general.tags": ["short", "x" * 2000, "short"],
        "llama.context_length": 8192,
        "llama.rope.freq_base": 1e4,
        "llama.attention.head_count_kv": [8] * 32,
        "tokenizer.ggml.add_bos_token": True,
        "negative": -1,
        "large": 1 << 40,
        "tokenizer.ggml.tokens": [f"t{number}" for number in range(300)],
        "tokenizer.ggml.merges": ["x" * (number % 100) for number in range(300)],
        "tokenizer.ggml.scores": [0.5] * 300,
    }
    weights = [
        TensorData(name="token_embd.weight", type="F16", shape=(32, 4), data=[bytes(256)]),
        TensorData(name="blk.0.attn_q.weight", type="Q8_0", shape=(32, 2), data=[bytes(68)]),
        TensorData(name="output_norm.weight", type="F32", shape=(32,), data=[bytes(128)]),
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "seed.gguf")
        for keys, tensors in (
            (metadata, weights),
            ({"general.architecture": "clip"}, weights[:1]),
            (metadata, []),
        ):
            write_gguf(path, keys, tensors)
            yield path.read_bytes()
    yield one_tensor(tensor((32,)), more=text("general.alignment") + bytes([4, 0, 0, 0, 64, 0, 0, 0]), keys=2)
