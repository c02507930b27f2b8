"""Gated delta nets and the attention that stands between them: src/models/qwen3next.cpp, qwen35.cpp and
delta-net-base.cpp of llama.cpp b11434.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_switcher.domain.prediction.graph import Node, like, part, reshaped, result
from model_switcher.domain.prediction.graphs.attention import attend
from model_switcher.domain.prediction.graphs.recurrent import carried, convolved, keep, state

if TYPE_CHECKING:
    from model_switcher.domain.prediction.graphs.builder import Builder


def delta_net_layer(build: Builder, source: Node, block: int) -> Node:
    """`build_layer_attn_linear`."""
    model, slots = build.model, build.size.slots
    width, tokens = source.shape
    each = tokens // slots
    key, key_heads = model.number("ssm.state_size"), model.number("ssm.group_count")
    heads = model.number("ssm.time_step_rank")
    value = model.number("ssm.inner_size") // heads
    mixed = 2 * key * key_heads + value * heads
    kept = state(build, block, model.convolution_state)
    before = reshaped(carried(build, kept), (model.number("ssm.conv_kernel") - 1, mixed, slots))
    qkv = reshaped(build.project(source, block, "attn_qkv"), (mixed, each, slots))
    remembered = state(build, block, model.recurrent_state)
    # The convolution's state is written back before the other one is read.
    joined = convolved(build, qkv, block, kept, before)
    old = carried(build, remembered)
    flat = like("unary", joined)
    q, k = (_normed(build, part(flat, (key, key_heads, each, slots)), heads) for _ in range(2))
    v = part(flat, (value, heads, each, slots))
    decay, rate = _rates(build, source, block, (heads, each, slots))
    numbers = value * heads * tokens + model.recurrent_state * slots
    made = result(
        "gated_delta_net", (numbers,), q, k, v, decay, rate, reshaped(old, (value, value, heads, slots))
    )
    keep(build, part(made, (model.recurrent_state, slots)), remembered)
    normed = build.norm(part(made, (value, heads, each, slots)), block, "ssm_norm", rms=True)
    gate = like("unary", reshaped(build.project(source, block, "attn_gate"), normed.shape))
    output = reshaped(like("mul", normed, gate), (value * heads, each, slots))
    return reshaped(build.project(output, block, "ssm_out"), (width, tokens))


def _normed(build: Builder, source: Node, heads: int) -> Node:
    """Queries or keys; in qwen3next.cpp they are repeated for each head of the values."""
    normed = like("l2_norm", source)
    key, key_heads, each, slots = source.shape
    if build.model.layout.architecture != "qwen3next" or heads == key_heads:
        return normed
    times = heads // key_heads
    apart = reshaped(normed, (key, 1, key_heads, each * slots))
    repeated = result("repeat", (key, times, key_heads, each * slots), apart)
    return reshaped(repeated, (key, heads, each, slots))


def _rates(build: Builder, source: Node, block: int, shape: tuple[int, int, int]) -> tuple[Node, Node]:
    """How fast the state fades, and how much of the new is taken over."""
    one = (1, *shape)
    if build.has(block, "ssm_ba.weight"):
        both = build.project(source, block, "ssm_ba")
        alpha = result("cont", shape, part(both, shape))
        beta = reshaped(like("unary", result("cont", shape, part(both, shape))), one)
    else:
        alpha = reshaped(build.project(source, block, "ssm_alpha"), shape)
        beta = like("unary", reshaped(build.project(source, block, "ssm_beta"), one))
    bias, scale = build.weight(block, "ssm_dt.bias"), build.weight(block, "ssm_a")
    biased = like("unary", like("add", alpha, *(() if bias is None else (bias,))))
    return reshaped(like("mul", biased, *(() if scale is None else (scale,))), one), beta


def gated_attention(build: Builder, source: Node, block: int) -> Node:
    """`build_layer_attn`: half of what the query matrix makes is a gate for the result."""
    model, tokens = build.model, source.shape[1]
    heads = model.heads[block]
    both = build.project(source, block, "attn_q")
    width = both.shape[0] // (2 * heads)
    apart = reshaped(both, (2 * width, heads, tokens))
    q = build.rotated(build.norm(part(apart, (width, heads, tokens)), block, "attn_q_norm"), block)
    v = build.project(source, block, "attn_v")
    k = build.project(source, block, "attn_k")
    k = reshaped(k, (model.key, model.heads_kv[block], tokens))
    k = build.rotated(build.norm(k, block, "attn_k_norm"), block)
    v = reshaped(v, (model.value, model.heads_kv[block], tokens))
    current = attend(build, block, q, k, v)
    gate = result("cont", (width * heads, tokens), part(apart, (width, heads, tokens)))
    return build.project(like("mul", current, like("unary", gate)), block, "attn_output")
