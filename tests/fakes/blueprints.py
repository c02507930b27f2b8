"""What the header of a model says about its memory, without a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_switcher.domain.prediction.blueprint import Tensor, pack

if TYPE_CHECKING:
    from model_switcher.domain.prediction.blueprint import Blueprint

Q4_K, F32 = 12, 0


def blueprint(blocks: int = 32, width: int = 4096, inner: int = 14336, words: int = 128256) -> Blueprint:
    """Of a model like Llama 3.1 8B."""
    heads = {"attention.head_count": width // 128, "attention.head_count_kv": 8}
    sizes = {"block_count": blocks, "context_length": 131072, "embedding_length": width}
    matrices = {
        "attn_q": (width, width),
        "attn_k": (width, 1024),
        "attn_v": (width, 1024),
        "attn_output": (width, width),
        "ffn_gate": (width, inner),
        "ffn_up": (width, inner),
        "ffn_down": (inner, width),
    }
    tensors = [
        Tensor("token_embd.weight", Q4_K, (width, words)),
        Tensor("output.weight", Q4_K, (width, words)),
    ]
    tensors.append(Tensor("output_norm.weight", F32, (width,)))
    for block in range(blocks):
        tensors += [Tensor(f"blk.{block}.{name}.weight", Q4_K, shape) for name, shape in matrices.items()]
        tensors += [Tensor(f"blk.{block}.{name}.weight", F32, (width,)) for name in ("attn_norm", "ffn_norm")]
    hyperparameters = {**heads, **sizes, "feed_forward_length": inner, "vocab_size": words}
    packed = pack("llama", hyperparameters, tensors)
    assert packed is not None
    return packed
