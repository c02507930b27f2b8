"""The usual decoder: attention, then a feed-forward network, each added to what came in.

Source: src/models/llama.cpp of llama.cpp b11434, and all the files there that follow it. Which norms, biases and
experts a model has is seen in its tensors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_switcher.domain.prediction.architectures import Residual
from model_switcher.domain.prediction.graph import Node, like, norm, reshaped, rows
from model_switcher.domain.prediction.graphs.feed_forward import feed_forward, feed_forward_layer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model_switcher.domain.prediction.graphs.builder import Builder


def build_decoder(build: Builder, blocks: Sequence[int]) -> None:
    """The whole graph, with those of its blocks that are asked for."""
    current = start(build)
    for block in blocks:
        current = _block(build, current, block)
    build.logits(current)


def start(build: Builder) -> Node:
    """The embeddings, with what is added to them."""
    current = build.embeddings()
    if build.model.architecture.scales_input:
        current = like("scale", current)
    table = build.outer("position_embd.weight")
    if table is not None:
        current = like("add", current, rows(table, build.positions))
    scale = build.outer("token_embd_norm.weight")
    if scale is not None and build.outer("output_norm.weight") is not None:
        current = norm(current, scale, build.outer("token_embd_norm.bias"), rms=build.model.architecture.rms)
    return current


def _block(build: Builder, source: Node, block: int) -> Node:
    residual = build.model.architecture.residual
    if residual in (Residual.SEQUENTIAL, Residual.EXPERTS_BESIDE) and not _is_parallel(build, block):
        return _sequential(build, source, block)
    normed = build.norm(source, block, "attn_norm")
    second = build.norm(source, block, "attn_norm_2") if build.has(block, "attn_norm_2.weight") else normed
    attended = attention_layer(build, second, block)
    if block == build.last_block:
        attended, source, normed = build.answered_for(attended, source, normed)
    if residual is Residual.SEQUENTIAL:  # stablelm.cpp without norms of its network
        summed = like("add", attended, source)
        return like("add", feed_forward_layer(build, normed, block), summed)
    worked = feed_forward_layer(build, normed, block)
    match residual:
        case Residual.ATTENTION_FIRST:
            return like("add", like("add", attended, worked), source)
        case Residual.NETWORK_FIRST:
            return like("add", like("add", worked, attended), source)
        case _:
            return like("add", like("add", worked, source), attended)


def _is_parallel(build: Builder, block: int) -> bool:
    """Whether nothing stands between the sum after attention and the network: then that reads what attention did."""
    normed = ("attn_norm.weight", "ffn_norm.weight", "post_attention_norm.weight", "attn_output_norm.weight")
    return [build.has(block, name) for name in normed] == [True, False, False, False]


def _sequential(build: Builder, source: Node, block: int) -> Node:
    residual = source
    normed = source if _norms_afterwards(build, block) else build.norm(source, block, "attn_norm")
    current = attention_layer(build, normed, block)
    if block == build.last_block:
        current, residual = build.answered_for(current, residual)
    if build.model.layout.hyperparameters.get("use_parallel_residual") is True:  # gptneox.cpp
        worked = feed_forward_layer(build, build.norm(residual, block, "ffn_norm"), block)
        return like("add", like("add", worked, residual), current)
    followed = build.has(block, "ffn_norm.weight") or _norms_afterwards(build, block)
    for name in ("post_attention_norm", "attn_output_norm"):
        if followed and build.has(block, f"{name}.weight"):
            current = build.norm(current, block, name)
    entered, residual = residual, like("add", current, residual)
    current = residual if _norms_afterwards(build, block) else build.norm(residual, block, _network_norm(build, block))
    if build.model.architecture.residual is Residual.EXPERTS_BESIDE:
        summed = like("add", feed_forward(build, current, block), residual)
        current = build.norm(entered, block, "ffn_norm_exps")
        return like("add", feed_forward_layer(build, current, block), summed)
    current = feed_forward_layer(build, current, block, router=entered if _routes_early(build) else None)
    for name in ("post_ffw_norm", "layer_output_norm"):
        if build.has(block, f"{name}.weight"):
            current = build.norm(current, block, name)
    current = like("add", current, residual)
    return _with_pictures(build, current, block)


def _norms_afterwards(build: Builder, block: int) -> bool:
    """Whether norms stand behind attention and network instead of before them (olmo2.cpp, exaone4.cpp)."""
    return build.has(block, "post_ffw_norm.weight") and not build.has(block, "ffn_norm.weight")


def _network_norm(build: Builder, block: int) -> str:
    """The norm before the network; where it has no name of its own, it is called after attention."""
    names = ("ffn_norm", "post_attention_norm", "attn_output_norm")
    return next((name for name in names if build.has(block, f"{name}.weight")), "ffn_norm")


def _routes_early(build: Builder) -> bool:
    """Whether experts are chosen by what comes into the block (smallthinker.cpp)."""
    return build.model.layout.architecture == "smallthinker"


def _with_pictures(build: Builder, current: Node, block: int) -> Node:
    """What a projector adds to the first blocks (`n_deepstack_layers`): room for it is there without one too."""
    extra = build.model.number("n_deepstack_layers")
    if block >= extra or build.input_rows is None:
        return current
    return like("add", current, build.picture_rows())


def attention_layer(build: Builder, source: Node, block: int) -> Node:
    """Attention with its projection."""
    rotates = build.model.architecture.rotates
    rms = False if build.model.layout.architecture == "chameleon" else None
    q, k, v = build.queries_keys_values(source, block)
    if build.has(block, "attn_q_norm.weight"):
        q = build.norm(q, block, "attn_q_norm", rms=rms)
    if rotates:
        q = build.rotated(q)
    if build.has(block, "attn_k_norm.weight"):
        k = build.norm(k, block, "attn_k_norm", rms=rms)
    if rotates:
        k = build.rotated(k)
    current = build.attention(block, q, k, v, build.weight(block, "attn_sinks.weight"))
    if build.has(block, "attn_gate.weight"):
        current = _gated(build, current, source, block)
    return build.project(current, block, "attn_output")


def _gated(build: Builder, current: Node, source: Node, block: int) -> Node:
    """The result times a gate: for each of its numbers, or for each head."""
    gate = like("unary", build.project(source, block, "attn_gate"))
    if gate.shape[0] == current.shape[0]:
        return like("mul", current, gate)
    heads, tokens = gate.shape
    by_head = reshaped(current, (current.shape[0] // heads, heads, tokens))
    gated = like("mul", by_head, reshaped(gate, (1, heads, tokens)))
    return reshaped(gated, current.shape)
