"""Attention whose keys and values are kept as one latent vector (MLA), or are made from one.

Sources: src/models/deepseek2.cpp, minicpm3.cpp and plm.cpp of llama.cpp b11434.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_switcher.domain.prediction.graph import (
    Node,
    concatenated,
    mul_mat,
    part,
    reshaped,
    result,
)
from model_switcher.domain.prediction.graphs.attention import attend, attend_to_latent

if TYPE_CHECKING:
    from model_switcher.domain.prediction.graphs.builder import Builder


def latent_attention(build: Builder, source: Node, block: int, *, rotates: bool = True) -> Node:
    """Attention with its projection; which of the two kinds it is, is seen in the tensors."""
    tokens = source.shape[1]
    heads = build.model.heads[block]
    if build.has(block, "attn_q_a.weight"):
        compressed = build.norm(build.project(source, block, "attn_q_a"), block, "attn_q_a_norm", rms=True)
        flat = build.project(compressed, block, "attn_q_b")
    else:
        flat = build.project(source, block, "attn_q")
    q = reshaped(flat, (flat.shape[0] // heads, heads, tokens))
    both = build.project(source, block, "attn_kv_a_mqa")
    rank = build.model.number("attention.kv_lora_rank")
    turned = both.shape[0] - rank
    shared_key = part(both, (turned, 1, tokens))
    if rotates:
        shared_key = build.rotated(shared_key, block)
    latent = build.norm(part(both, (rank, tokens)), block, "attn_kv_a_norm", rms=True)
    plain = q.shape[0] - turned
    if build.model.latent:
        q_latent = _absorbed(build, part(q, (plain, heads, tokens)), block)
        q_turned = part(q, (turned, heads, tokens))
        if rotates:
            q_turned = build.rotated(q_turned, block)
        value = reshaped(latent, (rank, 1, tokens))
        current = attend_to_latent(
            build, block, concatenated(0, q_latent, q_turned), concatenated(0, value, shared_key), value
        )
    else:
        current = _decompressed(build, q, latent, shared_key, block)
    return build.project(current, block, "attn_output")


def _absorbed(build: Builder, q: Node, block: int) -> Node:
    """Queries brought into the space of the latent vector, head by head."""
    matrix = build.needed_of(block, "attn_k_b.weight")
    width, heads, tokens = q.shape
    product = mul_mat(matrix, part(q, (width, tokens, heads)))
    return part(product, (product.shape[0], heads, tokens))


def _decompressed(build: Builder, q: Node, latent: Node, shared_key: Node, block: int) -> Node:
    """Keys and values of each head made from the latent vector before they are kept."""
    heads, tokens = q.shape[1:]
    turned = shared_key.shape[0]
    plain = q.shape[0] - turned
    made = build.project(latent, block, "attn_kv_b")
    value = made.shape[0] // heads - plain
    v = result("cont", (value, heads, tokens), part(made, (value, heads, tokens)))
    q = concatenated(
        0, part(q, (plain, heads, tokens)), build.rotated(part(q, (turned, heads, tokens)), block)
    )
    repeated = result("repeat", (turned, heads, tokens), shared_key)
    k = concatenated(0, part(made, (plain, heads, tokens)), repeated)
    return attend(build, block, q, k, v)
