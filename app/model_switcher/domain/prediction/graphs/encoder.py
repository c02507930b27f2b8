"""Encoders whose norms stand behind their sums: src/models/bert.cpp of llama.cpp b11434 and those that use its graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_switcher.domain.prediction.graph import Node, like, norm, part, rows
from model_switcher.domain.prediction.graphs.attention import attend
from model_switcher.domain.prediction.graphs.ends import answered_for, embeddings, vectors
from model_switcher.domain.prediction.graphs.feed_forward import feed_forward_layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model_switcher.domain.prediction.graphs.builder import Builder


def build_encoder(build: Builder, blocks: Sequence[int]) -> None:
    """The whole graph, with those of its blocks that are asked for."""
    current = embeddings(build)
    types = build.outer("token_types.weight")
    if types is not None:
        current = like("add", current, part(types, (types.shape[0],)))
    table = build.outer("position_embd.weight")
    if table is not None:
        current = like("add", rows(table, build.positions), current)
    scale, bias = build.outer("token_embd_norm.weight"), build.outer("token_embd_norm.bias")
    current = norm(current, scale, bias, rms=False)
    for block in blocks:
        current = _block(build, current, block)
    vectors(build, current, normed=True)


def _block(build: Builder, source: Node, block: int) -> Node:
    q, k, v = build.queries_keys_values(source, block)
    if build.has(block, "attn_q_norm.weight"):
        q = build.norm(q, block, "attn_q_norm")
        k = build.norm(k, block, "attn_k_norm")
    if build.rotates(block):
        q, k = build.rotated(q, block), build.rotated(k, block)
    current = build.project(attend(build, block, q, k, v), block, "attn_output")
    residual = source
    if block == build.last_block:
        current, residual = answered_for(build, current, residual)
    current = build.norm(like("add", current, residual), block, "attn_output_norm")
    if build.has(block, "attn_norm_2.weight"):
        current = build.norm(like("add", current, residual), block, "attn_norm_2")
    worked = feed_forward_layer(build, current, block)
    return build.norm(like("add", worked, current), block, "layer_output_norm")
