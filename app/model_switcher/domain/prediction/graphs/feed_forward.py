"""Feed-forward networks, with and without experts: `build_ffn` and `build_moe_ffn` in src/llama-graph.cpp (b11434)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_switcher.domain.prediction.graph import Node, clamped, like, part, plus, reshaped, result, rows
from model_switcher.domain.prediction.graphs.builder import UnfamiliarModelError

if TYPE_CHECKING:
    from model_switcher.domain.prediction.graphs.builder import Builder

# LLAMA_MAX_EXPERTS in src/llama-hparams.h
_MAX_EXPERTS = 1024


def feed_forward_layer(build: Builder, source: Node, block: int, router: Node | None = None) -> Node:
    """One network, or experts with or without a shared one.

    Args:
        build: The graph in the making.
        source: What it reads.
        block: The block it belongs to.
        router: What chooses the experts, where that is not the same.
    """
    if not build.has(block, "ffn_gate_inp.weight"):
        return feed_forward(build, source, block)
    current = experts(build, source, block, router)
    if build.has(block, "ffn_up_shexp.weight"):
        shared = feed_forward(build, source, block, "_shexp")
        if build.has(block, "ffn_gate_inp_shexp.weight"):
            shared = _gated(build, shared, source, block)
        return like("add", current, shared)
    if build.has(block, "ffn_up.weight") and build.model.layout.architecture == "grok":
        return like("scale", like("add", feed_forward(build, source, block), current))
    return current


def feed_forward(build: Builder, source: Node, block: int, suffix: str = "") -> Node:
    """A network whose gate, if any, is a matrix of its own or one half of the other.

    Args:
        build: The graph in the making.
        source: What it reads.
        block: The block it belongs to.
        suffix: After "ffn_up" in its tensors' names: "_shexp" for a shared expert.
    """
    up = build.project(source, block, f"ffn_up{suffix}")
    if build.has(block, f"ffn_gate{suffix}.weight"):
        current = like("glu", build.project(source, block, f"ffn_gate{suffix}"), up)
    else:
        width = build.needed_of(block, f"ffn_down{suffix}.weight").shape[0]
        is_double = up.shape[0] == 2 * width
        current = result("glu", (width, *up.shape[1:]), up) if is_double else like("unary", up)
    return build.project(current, block, f"ffn_down{suffix}")


def experts(build: Builder, source: Node, block: int, router: Node | None = None) -> Node:
    """The experts that a router chose for each token, added up."""
    graph, tokens = build.graph, source.shape[1]
    used = build.model.per_block("expert_used_count")[block]
    logits = build.project(source if router is None else router, block, "ffn_gate_inp")
    count = logits.shape[0]
    if not 0 < used <= min(count, _MAX_EXPERTS):
        raise UnfamiliarModelError("expert_used_count")
    probabilities = like("soft_max", logits)
    bias = build.weight(block, "exp_probs_b.bias")
    selection = plus(probabilities, bias)
    order = result("argsort", (count, tokens), selection)
    chosen = part(order, (used, tokens))
    weights = rows(reshaped(probabilities, (1, count, tokens)), chosen)
    flat = reshaped(weights, (used, tokens))
    total = clamped(result("sum_rows", (1, tokens), flat))
    weights = reshaped(like("div", flat, total), (1, used, tokens))
    if build.model.real("expert_weights_scale") not in (0.0, 1.0):
        weights = like("scale", weights)
    graph.expand(weights)
    current = reshaped(source, (source.shape[0], 1, tokens))
    before = build.model.layout.architecture == "llama4"
    if before:
        current = like("mul", result("repeat", (source.shape[0], used, tokens), current), weights)
    current = _hidden(build, current, chosen, block)
    current = _each(build, current, chosen, block, "ffn_down_exps")
    current = graph.expand(current if before else like("mul", current, weights))
    width = current.shape[0]
    pieces = [graph.expand(part(current, (width, tokens))) for _ in range(used)]
    summed = pieces[0]
    for piece in pieces[1:]:
        summed = graph.expand(like("add", summed, piece))
    return result("cont", (width, tokens), summed) if used == 1 else summed


def _hidden(build: Builder, current: Node, chosen: Node, block: int) -> Node:
    """What the experts compute between their first and their last matrix."""
    if build.has(block, "ffn_gate_up_exps.weight"):
        both = _each(build, current, chosen, block, "ffn_gate_up_exps")
        width, *others = both.shape
        shape = (width // 2, *others)
        return result("glu", shape, part(both, shape), part(both, shape))
    up = _each(build, current, chosen, block, "ffn_up_exps")
    if build.has(block, "ffn_gate_exps.weight"):
        return like("glu", _each(build, current, chosen, block, "ffn_gate_exps"), up)
    return like("unary", up)


def _each(build: Builder, source: Node, chosen: Node, block: int, name: str) -> Node:
    """`ggml_mul_mat_id`: a product with the matrix of each chosen expert."""
    matrices = build.needed_of(block, f"{name}.weight")
    current = result(
        "mul_mat_id", (matrices.shape[1], chosen.shape[0], source.shape[2]), matrices, source, chosen
    )
    bias = build.weight(block, f"{name}.bias")
    return current if bias is None else like("add", current, bias, chosen)


def _gated(build: Builder, source: Node, gate: Node, block: int) -> Node:
    """`source` times what a small matrix makes of `gate`: a number for each token."""
    matrix = build.needed_of(block, "ffn_gate_inp_shexp.weight")
    rows_of_one = matrix.shape if len(matrix.shape) > 1 else (matrix.shape[0], 1)
    number = result("mul_mat", (rows_of_one[1], gate.shape[1]), matrix, gate)
    return like("mul", source, like("unary", number))
