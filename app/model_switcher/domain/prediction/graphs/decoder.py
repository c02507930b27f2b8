"""The usual decoder: attention, then a feed-forward network, each added to what came in.

Source: src/models/llama.cpp of llama.cpp b11434, and all the files there that follow it. Which norms, biases and
experts a model has is seen in its tensors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_switcher.domain.prediction.graph import Node, like, norm, reshaped, rows
from model_switcher.domain.prediction.graphs.attention import attend
from model_switcher.domain.prediction.graphs.builder import UnfamiliarModelError
from model_switcher.domain.prediction.graphs.convolution import convolution_layer
from model_switcher.domain.prediction.graphs.delta_net import delta_net_layer, gated_attention
from model_switcher.domain.prediction.graphs.ends import answered_for, embeddings, logits, picture_rows
from model_switcher.domain.prediction.graphs.feed_forward import feed_forward, feed_forward_layer
from model_switcher.domain.prediction.graphs.latent import latent_attention
from model_switcher.domain.prediction.graphs.mamba import mamba2_layer, mamba_layer
from model_switcher.domain.prediction.traits import Family, Part, Residual

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model_switcher.domain.prediction.graphs.builder import Builder


def build_decoder(build: Builder, blocks: Sequence[int]) -> None:
    """The whole graph, with those of its blocks that are asked for."""
    current = start(build)
    for block in blocks:
        current = _block(build, current, block)
    logits(build, current)


def start(build: Builder) -> Node:
    """The embeddings, with what is added to them."""
    current = embeddings(build)
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
        attended, source, normed = answered_for(build, attended, source, normed)
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
    alone = [build.has(block, name) for name in normed] == [True, False, False, False]
    return alone and _has_network(build, block)


def _sequential(build: Builder, source: Node, block: int) -> Node:
    residual = source
    bare = build.model.architecture.bare_norms
    normed = (
        build.norm(source, block, "attn_norm") if bare or build.has(block, "attn_norm.weight") else source
    )
    current = mixing_layer(build, normed, source, block)
    if block == build.last_block:
        current, residual = answered_for(build, current, residual)
    if build.model.layout.hyperparameters.get("use_parallel_residual") is True:  # gptneox.cpp
        worked = feed_forward_layer(build, build.norm(residual, block, "ffn_norm"), block)
        return like("add", like("add", worked, residual), current)
    followed = build.has(block, "ffn_norm.weight") or _norms_afterwards(build, block)
    for name in ("post_attention_norm", "attn_output_norm"):
        if followed and build.has(block, f"{name}.weight"):
            current = build.norm(current, block, name)
    scaled = build.model.real("residual_scale") != 0.0  # granite.cpp
    current = like("scale", current) if scaled else current
    entered, residual = residual, _added(build, current, residual, Part.ATTENTION)
    if not _has_network(build, block):
        return residual
    current = (
        residual
        if _norms_afterwards(build, block)
        else build.norm(residual, block, _network_norm(build, block))
    )
    if build.model.architecture.residual is Residual.EXPERTS_BESIDE:
        summed = like("add", feed_forward(build, current, block), residual)
        current = build.norm(entered, block, "ffn_norm_exps")
        return like("add", feed_forward_layer(build, current, block), summed)
    current = feed_forward_layer(build, current, block, router=entered if _routes_early(build) else None)
    for name in ("post_ffw_norm", "layer_output_norm"):
        if build.has(block, f"{name}.weight"):
            current = build.norm(current, block, name)
    current = like("scale", current) if scaled else current
    current = _added(build, current, residual, Part.NETWORK)
    return _with_pictures(build, current, block)


def _added(build: Builder, current: Node, residual: Node, behind: Part) -> Node:
    """The sum of the two; the first one's place is the one that is written over."""
    first = behind in build.model.architecture.entered_first
    return like("add", residual, current) if first else like("add", current, residual)


def _has_network(build: Builder, block: int) -> bool:
    """Whether a network follows what brings the tokens together, and is not all there is."""
    before = ("ffn_norm.weight", "attn_output.weight", "ssm_out.weight")
    if not any(build.has(block, name) for name in before):
        return False
    return build.has(block, "ffn_down.weight") or build.has(block, "ffn_gate_inp.weight")


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
    return like("add", current, picture_rows(build, build.input_rows))


def mixing_layer(build: Builder, source: Node, entered: Node, block: int) -> Node:
    """What brings the tokens together: attention, or a recurrent layer in its place or beside it."""
    if build.model.architecture.family is Family.DELTA_NET:
        build.graph.expand(source)
        return (delta_net_layer if build.model.states[block] else gated_attention)(build, source, block)
    if build.has(block, "shortconv.in_proj.weight"):
        return convolution_layer(build, source, block)
    if build.has(block, "ssm_in.weight") and build.has(block, "attn_output.weight"):  # falcon-h1.cpp
        attended = attention_layer(build, source, block)
        return like("add", attended, mamba2_layer(build, build.norm(entered, block, "attn_norm"), block))
    if not build.has(block, "ssm_in.weight") and not build.has(block, "attn_output.weight"):  # nemotron-h.cpp
        if build.model.caches[block] and build.model.heads[block]:
            raise UnfamiliarModelError("attn_output")
        return feed_forward_layer(build, source, block)
    if build.has(block, "ssm_in.weight"):
        second = build.has(block, "ssm_norm.weight") or build.model.number("ssm.group_count") > 0
        return mamba2_layer(build, source, block) if second else mamba_layer(build, source, block)
    return attention_layer(build, source, block)


def attention_layer(build: Builder, source: Node, block: int) -> Node:
    """Attention with its projection."""
    if build.has(block, "attn_kv_a_mqa.weight"):
        return latent_attention(build, source, block)
    rotates = build.rotates(block)
    rms = False if build.model.layout.architecture == "chameleon" else None
    q, k, v = build.queries_keys_values(source, block)
    if build.has(block, "attn_q_norm.weight"):
        q = build.norm(q, block, "attn_q_norm", rms=rms)
    if rotates:
        q = build.rotated(q, block)
    if build.has(block, "attn_k_norm.weight"):
        k = build.norm(k, block, "attn_k_norm", rms=rms)
    if rotates:
        k = build.rotated(k, block)
    current = attend(build, block, q, k, v, sinks=build.weight(block, "attn_sinks.weight"))
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
