"""Gemma 3n and Gemma 4, which have an input of each block's own: src/models/gemma3n.cpp and gemma4.cpp (b11434)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_switcher.domain.prediction.graph import (
    I32,
    Node,
    concatenated,
    given,
    like,
    mul_mat,
    norm,
    part,
    reshaped,
    result,
    rows,
)
from model_switcher.domain.prediction.graphs.attention import attend
from model_switcher.domain.prediction.graphs.ends import answered_for, embeddings, logits
from model_switcher.domain.prediction.graphs.feed_forward import experts, feed_forward

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model_switcher.domain.prediction.graphs.builder import Builder

# `n_layer_sparsity` and `n_altup` in gemma3n.cpp
SPARSE_BLOCKS = 10
_WAYS = 4


def build_gemma4(build: Builder, blocks: Sequence[int]) -> None:
    """The whole graph, with those of its blocks that are asked for."""
    current = like("scale", embeddings(build))
    inputs = own_inputs(build, current) if build.outer("per_layer_token_embd.weight") is not None else None
    for block in blocks:
        current = _gemma4_block(build, current, block, inputs)
    logits(build, current)


def own_inputs(build: Builder, source: Node) -> Node:
    """An input for each block: (width, tokens, blocks)."""
    model, tokens = build.model, build.size.tokens
    width, blocks = model.number("embedding_length_per_layer_input"), model.trunk
    table, matrix = build.needed("per_layer_token_embd.weight"), build.needed("per_layer_model_proj.weight")
    looked_up = rows(table, given((tokens,), I32))
    looked_up = like("scale", reshaped(looked_up, (width, blocks, tokens)))
    build.graph.expand(looked_up)
    made = reshaped(like("scale", mul_mat(matrix, source)), (width, blocks, tokens))
    made = norm(made, build.outer("per_layer_proj_norm.weight"))
    both = like("scale", like("add", made, looked_up))
    return result("cont", (width, tokens, blocks), part(both, (width, tokens, blocks)))


def attention(build: Builder, source: Node, block: int) -> Node:
    """Attention with its projection; later blocks have no keys and values of their own."""
    model, tokens = build.model, source.shape[1]
    width = model.key_swa if model.sliding[block] else model.key
    heads_kv = model.heads_kv[block]
    q = reshaped(build.project(source, block, "attn_q"), (width, model.heads[block], tokens))
    q = build.rotated(build.norm(q, block, "attn_q_norm"), block)
    k = v = None
    if model.caches[block]:
        flat = build.project(source, block, "attn_k")
        v = build.project(source, block, "attn_v") if build.has(block, "attn_v.weight") else flat
        k = build.norm(reshaped(flat, (width, heads_kv, tokens)), block, "attn_k_norm")
        v = like("rms_norm", reshaped(v, (width, heads_kv, tokens)))
        k = build.rotated(k, block)
    return build.project(attend(build, block, q, k, v), block, "attn_output")


def _gemma4_block(build: Builder, source: Node, block: int, inputs: Node | None) -> Node:
    current = attention(build, build.norm(source, block, "attn_norm"), block)
    last = block == build.last_block
    if last:
        current, source = answered_for(build, current, source)
    attended = like("add", build.norm(current, block, "post_attention_norm"), source)
    if build.has(block, "ffn_gate_inp.weight"):
        current = _gemma4_experts(build, attended, block)
    else:
        current = feed_forward(build, build.norm(attended, block, "ffn_norm"), block)
    current = like("add", build.norm(current, block, "post_ffw_norm"), attended)
    if inputs is not None:
        own = part(inputs, inputs.shape[:2])
        if last:
            (own,) = answered_for(build, own)
        gate = like("unary", build.project(current, block, "inp_gate"))
        added = build.project(like("mul", gate, own), block, "proj")
        current = like("add", current, build.norm(added, block, "post_norm"))
    scale = build.weight(block, "layer_output_scale.weight")
    return current if scale is None else like("mul", current, scale)


def _gemma4_experts(build: Builder, source: Node, block: int) -> Node:
    """A network and experts, both of the same; the experts are chosen by a third norm of it."""
    worked = feed_forward(build, build.norm(source, block, "ffn_norm"), block)
    worked = build.norm(worked, block, "post_ffw_norm_1")
    routed = like("scale", like("rms_norm", source))
    scale = build.weight(block, "ffn_gate_inp.scale")
    routed = routed if scale is None else like("mul", routed, scale)
    chosen = experts(build, build.norm(source, block, "pre_ffw_norm_2"), block, routed)
    return like("add", worked, build.norm(chosen, block, "post_ffw_norm_2"))


def build_gemma3n(build: Builder, blocks: Sequence[int]) -> None:
    """The whole graph, with those of its blocks that are asked for."""
    embedded = like("scale", embeddings(build))
    inputs = own_inputs(build, embedded)
    others = _WAYS - 1
    repeated = result("repeat", (*embedded.shape, others), embedded)
    added = _of_the_same_magnitude(mul_mat(build.needed("altup_proj.weight"), repeated), embedded)
    current = concatenated(2, reshaped(embedded, (*embedded.shape, 1)), added)
    for block in blocks:
        current = _gemma3n_block(build, current, block, inputs)
    width, tokens = embedded.shape
    rest = mul_mat(build.needed("altup_unembd_proj.weight"), part(current, (width, tokens, others)))
    rest = _of_the_same_magnitude(rest, part(current, (width, tokens)))
    summed = part(current, (width, tokens))
    for _ in range(others):
        summed = like("add", summed, part(rest, (width, tokens)))
    (answered,) = answered_for(build, like("scale", summed))
    logits(build, answered)


def _of_the_same_magnitude(source: Node, target: Node) -> Node:
    wanted, found = (_magnitude(node) for node in (target, source))
    return like("div", like("mul", source, wanted), found)


def _magnitude(source: Node) -> Node:
    return like("sqrt", result("sum_rows", (1, *source.shape[1:]), like("sqr", source)))


def _gemma3n_block(build: Builder, source: Node, block: int, inputs: Node) -> Node:
    width, tokens, ways = source.shape
    predictions = _predicted(build, source, block)
    active = part(predictions, (width, tokens))
    normed = build.norm(active, block, "attn_norm")
    low = build.project(build.project(normed, block, "laurel_l"), block, "laurel_r")
    laurel = like("add", build.norm(low, block, "laurel_post_norm"), normed)
    attended = build.norm(attention(build, normed, block), block, "post_attention_norm")
    attended = like("scale", like("add", like("add", attended, active), laurel))
    worked = _gemma3n_network(build, build.norm(attended, block, "ffn_norm"), block)
    activated = like("add", build.norm(worked, block, "post_ffw_norm"), attended)
    corrected = _corrected(build, predictions, activated, block)
    first = like(
        "mul", part(corrected, (width, tokens)), build.needed_of(block, "altup_correct_scale.weight")
    )
    first = like("unary", build.project(first, block, "inp_gate"))
    first = build.project(like("mul", first, part(inputs, inputs.shape[:2])), block, "proj")
    first = build.norm(first, block, "post_norm")
    rest = like("add", part(corrected, (width, tokens, ways - 1)), first)
    return concatenated(2, part(corrected, (width, tokens, 1)), rest)


def _gemma3n_network(build: Builder, source: Node, block: int) -> Node:
    up = build.project(source, block, "ffn_up")
    gate = build.project(source, block, "ffn_gate")
    if block < SPARSE_BLOCKS:
        mean = result("mean", (1, gate.shape[1]), gate)
        spread = result("sum_rows", mean.shape, like("sqr", like("sub", gate, mean)))
        spread = like("sqrt", like("scale", spread))
        gate = like("unary", like("sub", gate, like("add", mean, like("scale", spread))))
    return build.project(like("mul", up, like("unary", gate)), block, "ffn_down")


def _modalities(build: Builder, source: Node, block: int) -> Node:
    """`altup_compute_router_modalities`."""
    normed = like("scale", build.norm(source, block, "altup_router_norm"))
    return like("unary", build.project(normed, block, "altup_router"))


def _predicted(build: Builder, source: Node, block: int) -> Node:
    """`altup_predict`."""
    width, tokens, ways = source.shape
    modalities = _modalities(build, part(source, (width, tokens)), block)
    coefficients = build.project(modalities, block, "altup_predict_coef")
    coefficients = reshaped(coefficients, (ways, ways, tokens))
    turned = result("cont", (ways, width, tokens), part(source, (ways, width, tokens)))
    mixed = result("mul_mat", (width, ways, tokens), turned, coefficients)
    return like("add", result("cont", source.shape, part(mixed, source.shape)), source)


def _corrected(build: Builder, predictions: Node, activated: Node, block: int) -> Node:
    """`altup_correct`."""
    width, tokens, ways = predictions.shape
    modalities = _modalities(build, activated, block)
    innovation = like("sub", activated, part(predictions, (width, tokens)))
    coefficients = like("scale", build.project(modalities, block, "altup_correct_coef"))
    coefficients = result("cont", (1, tokens, ways), part(coefficients, (tokens, ways)))
    repeated = result("repeat", (width, tokens, ways), innovation)
    return like("add", like("mul", repeated, coefficients), predictions)
