"""Tiny models with random weights, for the demo, for benchmarks and for tests: real GGUF files that engines load.

They know no language. A request with the grammar `root ::= [a-z]+` keeps what they say to letters.
"""

from __future__ import annotations

import filecmp
import random
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from model_switcher.engine.gguf.writer import TensorData, Writable, write_gguf

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

_VOCABULARY = 320
_BYTES_IN_VOCABULARY = 256
_SPREAD = 0.1  # standard deviation of the weights
# A prime number of weights is drawn and repeated, so that no two rows of a large model are the same.
_DRAWN = 524_287
_F16_MOSTLY = 1  # `general.file_type`

_CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)

_ONE = struct.pack("<f", 1.0)

# `llama_token_type` in llama.cpp's include/llama.h.
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6


def write_demo_models(folder: str | os.PathLike[str]) -> tuple[Path, Path]:
    """The two demo models in `folder`, always of the same bytes; a file that is right already is left alone.

    Raises:
        OSError: They could not be written.
    """
    first = _keep_or_write(Path(folder, "demo-alder.gguf"), "Demo Alder", seed=1)
    return first, _keep_or_write(Path(folder, "demo-birch.gguf"), "Demo Birch", seed=2)


def write_llama(
    path: str | os.PathLike[str],
    *,
    name: str,
    seed: int,
    embedding_length: int = 64,
    block_count: int = 2,
    feed_forward_length: int = 128,
    context_length: int = 4096,
) -> Path:
    """Write a model of the llama architecture with random weights; returns its path.

    With the defaults it has 256 KB. Its size is about `4 * block_count * embedding_length *
    (2 * embedding_length + 1.5 * feed_forward_length)` bytes.

    Args:
        path: Where to; an old file is replaced.
        name: `general.name`.
        seed: Equal seeds give equal bytes.
        embedding_length: A multiple of 64.
        block_count: `llama.block_count`.
        feed_forward_length: `llama.feed_forward_length`.
        context_length: `llama.context_length`, in tokens.

    Raises:
        OSError: It could not be written.
    """
    heads = max(4, embedding_length // 64)
    metadata: dict[str, Writable] = {
        "general.architecture": "llama",
        "general.type": "model",
        "general.name": name,
        "general.file_type": _F16_MOSTLY,
        "llama.context_length": context_length,
        "llama.embedding_length": embedding_length,
        "llama.block_count": block_count,
        "llama.feed_forward_length": feed_forward_length,
        "llama.attention.head_count": heads,
        "llama.attention.head_count_kv": heads,
        "llama.attention.layer_norm_rms_epsilon": 1e-5,
        "llama.rope.dimension_count": embedding_length // heads,
        "llama.vocab_size": _VOCABULARY,
        **_tokenizer(),
    }
    weights = _Weights(seed)
    shapes = _shapes(embedding_length, block_count, feed_forward_length)
    write_gguf(path, metadata, [weights.tensor(name, shape) for name, shape in shapes])
    return Path(path)


def _keep_or_write(path: Path, name: str, *, seed: int) -> Path:
    """Write beside, compare, replace if different: an engine may have the old file mapped into its memory."""
    fresh = path.with_name(f"{path.name}.new")
    write_llama(fresh, name=name, seed=seed)
    if path.is_file() and filecmp.cmp(fresh, path, shallow=False):
        fresh.unlink()
    else:
        fresh.replace(path)
    return path


def _tokenizer() -> dict[str, Writable]:
    """A vocabulary of the SentencePiece kind: three special tokens, every byte, and some words that stand for nothing."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(_BYTES_IN_VOCABULARY))]
    types = [_UNKNOWN, _CONTROL, _CONTROL, *[_BYTE] * _BYTES_IN_VOCABULARY]
    words = [f"t{number}" for number in range(_VOCABULARY - len(tokens))]
    return {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": tokens + words,
        "tokenizer.ggml.scores": [0.0] * _VOCABULARY,
        "tokenizer.ggml.token_type": types + [_NORMAL] * len(words),
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.chat_template": _CHAT_TEMPLATE,
    }


def _shapes(embedding: int, blocks: int, feed_forward: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield "token_embd.weight", (embedding, _VOCABULARY)
    yield "output_norm.weight", (embedding,)
    yield "output.weight", (embedding, _VOCABULARY)
    for block in range(blocks):
        for name, shape in (
            ("attn_norm", (embedding,)),
            ("attn_q", (embedding, embedding)),
            ("attn_k", (embedding, embedding)),
            ("attn_v", (embedding, embedding)),
            ("attn_output", (embedding, embedding)),
            ("ffn_norm", (embedding,)),
            ("ffn_gate", (embedding, feed_forward)),
            ("ffn_up", (embedding, feed_forward)),
            ("ffn_down", (feed_forward, embedding)),
        ):
            yield f"blk.{block}.{name}.weight", shape


class _Weights:
    """An endless stream of random weights; each tensor goes on where the one before it stopped."""

    def __init__(self, seed: int) -> None:
        generator = random.Random(seed)  # noqa: S311 - weights need no secrecy
        # One draw a weight would take a minute for 300 MB. The upper byte of a half-precision number holds its
        # sign, exponent and first digits: drawn from a table of normally distributed ones; the lower is noise.
        upper = bytes(_upper_byte(generator.gauss(0.0, _SPREAD)) for _ in range(256))
        drawn = bytearray(2 * _DRAWN)
        drawn[0::2] = generator.randbytes(_DRAWN)
        drawn[1::2] = generator.randbytes(_DRAWN).translate(upper)
        self._drawn = memoryview(bytes(drawn))
        self._position = 0

    def tensor(self, name: str, shape: tuple[int, ...]) -> TensorData:
        """A matrix in half precision, or a vector, of ones, in single precision."""
        if len(shape) == 1:
            return TensorData(name=name, type="F32", shape=shape, data=[_ONE * shape[0]])
        return TensorData(name=name, type="F16", shape=shape, data=self._take(2 * shape[0] * shape[1]))

    def _take(self, size: int) -> Iterator[memoryview]:
        while size:
            piece = self._drawn[self._position : self._position + size]
            yield piece
            size -= len(piece)
            self._position = (self._position + len(piece)) % len(self._drawn)


def _upper_byte(value: float) -> int:
    return struct.pack("<e", value)[1]
