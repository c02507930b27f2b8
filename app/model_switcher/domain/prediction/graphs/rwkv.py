"""RWKV: src/models/rwkv6.cpp, rwkv6-base.cpp, rwkv7.cpp and rwkv7-base.cpp of llama.cpp b11434."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_switcher.domain.prediction.graph import (
    Node,
    concatenated,
    like,
    mul_mat,
    norm,
    part,
    plus,
    reshaped,
    result,
)
from model_switcher.domain.prediction.graphs.ends import answered_for, embeddings, logits
from model_switcher.domain.prediction.graphs.recurrent import carried, keep, state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model_switcher.domain.prediction.graphs.builder import Builder

# What a token of the sixth kind is mixed with the one before for.
_MIXTURES_6 = ("w", "k", "v", "r", "g")


def build_rwkv6(build: Builder, blocks: Sequence[int]) -> None:
    """The whole graph, with those of its blocks that are asked for."""
    current = _start(build)
    for block in blocks:
        current = _block_6(build, current, block)
    logits(build, current)


def build_rwkv7(build: Builder, blocks: Sequence[int]) -> None:
    """The same of the seventh kind: later blocks read the values of the first one too."""
    current = _start(build)
    first_values: Node | None = None
    for block in blocks:
        current, first_values = _block_7(build, current, block, first_values)
    logits(build, current)


def _start(build: Builder) -> Node:
    scale, bias = build.needed("token_embd_norm.weight"), build.outer("token_embd_norm.bias")
    return norm(embeddings(build), scale, bias, rms=False)


def _weighed(build: Builder, source: Node, block: int, name: str) -> Node:
    """`source` times a weight."""
    return like("mul", source, build.needed_of(block, f"{name}.weight"))


def _shifted(source: Node, kept: Node) -> Node:
    """Each token's predecessor; of the first one that of the batch before."""
    width, each, slots = source.shape
    return concatenated(1, part(kept, (width, 1, slots)), part(source, (width, each - 1, slots)))


def _remembered(build: Builder, block: int, *sources: Node) -> None:
    """Keep the last token of each of the two sources."""
    width, slots = build.model.embedding, build.size.slots
    first, second = (part(source, (width, 1, slots)) for source in sources)
    both = concatenated(1, first, second)
    keep(build, both, state(build, block, build.model.convolution_state))


def _block_6(build: Builder, source: Node, block: int) -> Node:
    width, slots = build.model.embedding, build.size.slots
    tokens = build.size.tokens
    source = reshaped(source, (width, tokens // slots, slots))
    shift = _loaded(build, block)
    normed = build.norm(source, block, "attn_norm", rms=False)
    mixed = _time_mix_6(build, normed, _shifted(normed, shift), block)
    entered = like("add", mixed, source)
    again = build.norm(entered, block, "attn_norm_2", rms=False)
    before = _shifted(again, shift)
    _remembered(build, block, normed, again)
    nodes = tuple(reshaped(node, (width, tokens)) for node in (entered, again, before))
    if block == build.last_block:
        nodes = answered_for(build, *nodes)
    entered, again, before = nodes
    difference = like("sub", before, again)
    key = like("add", _weighed(build, difference, block, "channel_mix_lerp_k"), again)
    gate = like("add", _weighed(build, difference, block, "channel_mix_lerp_r"), again)
    gate = like("unary", build.project(gate, block, "channel_mix_receptance"))
    key = like("sqr", like("unary", build.project(key, block, "channel_mix_key")))
    current = like("mul", gate, build.project(key, block, "channel_mix_value"))
    current = like("add", current, entered)
    every = build.model.number("rescale_every_n_layers")
    return like("scale", current) if every and (block + 1) % every == 0 else current


def _loaded(build: Builder, block: int) -> Node:
    """The last tokens of the batch before: two of each slot (`build_rwkv_token_shift_load`)."""
    kept = carried(build, state(build, block, build.model.convolution_state))
    return reshaped(kept, (build.model.embedding, 2, build.size.slots))


def _time_mix_6(build: Builder, source: Node, before: Node, block: int) -> Node:
    width, tokens = build.model.embedding, build.size.tokens
    head = build.model.number("wkv.head_size")
    heads = width // head
    difference = reshaped(like("sub", before, source), (width, tokens))
    flat = reshaped(source, (width, tokens))
    decayed, key, value, gate_of, gate = _mixtures_6(build, flat, difference, block)
    receptance = build.project(gate_of, block, "time_mix_receptance")
    key = build.project(key, block, "time_mix_key")
    value = build.project(value, block, "time_mix_value")
    gate = like("unary", build.project(gate, block, "time_mix_gate"))
    key, value, receptance = (reshaped(node, (head, heads, tokens)) for node in (key, value, receptance))
    low = like("unary", mul_mat(build.needed_of(block, "time_mix_decay_w1.weight"), decayed))
    decay = mul_mat(build.needed_of(block, "time_mix_decay_w2.weight"), low)
    decay = like("add", decay, build.needed_of(block, "time_mix_decay.weight"))
    decay = like("unary", like("unary", like("unary", decay)))
    decay = reshaped(decay, (head, heads, tokens))
    first = build.needed_of(block, "time_mix_first.weight")
    current = _scanned(build, block, key, value, receptance, first, decay)
    current = _group_normed(build, current, block)
    current = build.project(like("mul", current, gate), block, "time_mix_output")
    return reshaped(current, source.shape)


def _mixtures_6(build: Builder, flat: Node, difference: Node, block: int) -> tuple[Node, ...]:
    """Five mixtures of each token with the one before."""
    width, tokens = flat.shape
    mixed = like("add", _weighed(build, difference, block, "time_mix_lerp_x"), flat)
    low = like("unary", mul_mat(build.needed_of(block, "time_mix_w1.weight"), mixed))
    rank = low.shape[0] // 5
    low = result(
        "cont", (rank, tokens, 1, 5), part(reshaped(low, (rank, 1, 5, tokens)), (rank, tokens, 1, 5))
    )
    high = build.needed_of(block, "time_mix_w2.weight")
    found = result(
        "mul_mat", (width, tokens, 1, 5), reshaped(high, (high.shape[0], high.shape[1], 1, 5)), low
    )
    if build.has(block, "time_mix_lerp_fused.weight"):
        found = like("add", found, build.needed_of(block, "time_mix_lerp_fused.weight"))
        found = like("add", like("mul", found, reshaped(difference, (width, 1, tokens))), flat)
        return tuple(part(found, (width, tokens)) for _ in _MIXTURES_6)
    mixtures = []
    for name in _MIXTURES_6:
        one = like(
            "add", part(found, (width, tokens)), build.needed_of(block, f"time_mix_lerp_{name}.weight")
        )
        mixtures.append(like("add", like("mul", one, difference), flat))
    return tuple(mixtures)


def _scanned(build: Builder, block: int, *sources: Node) -> Node:
    """`ggml_rwkv_wkv6`, `ggml_rwkv_wkv7`: what is computed, and behind that the new states."""
    model, size = build.model, build.size
    width, head = model.embedding, model.number("wkv.head_size")
    kept = state(build, block, model.recurrent_state)
    old = carried(build, kept)
    made = result("wkv", (width, size.tokens + head * size.slots), *sources, old)
    current = part(made, (width * size.tokens,))
    keep(build, part(made, (model.recurrent_state * size.slots,)), kept)
    return current


def _group_normed(build: Builder, source: Node, block: int) -> Node:
    width, tokens = build.model.embedding, build.size.tokens
    head = build.model.number("wkv.head_size")
    scale, bias = build.weight(block, "time_mix_ln.weight"), build.weight(block, "time_mix_ln.bias")
    if scale is None:
        return part(source, (width, tokens))
    normed = reshaped(like("norm", part(source, (head, width // head, tokens))), (width, tokens))
    return plus(like("mul", normed, scale), bias)


def _block_7(build: Builder, source: Node, block: int, first_values: Node | None) -> tuple[Node, Node]:
    width, slots = build.model.embedding, build.size.slots
    tokens = build.size.tokens
    source = reshaped(source, (width, tokens // slots, slots))
    shift = _loaded(build, block)
    normed = build.norm(source, block, "attn_norm", rms=False)
    mixed, values = _time_mix_7(build, normed, _shifted(normed, shift), block, first_values)
    entered = like("add", mixed, source)
    again = build.norm(entered, block, "attn_norm_2", rms=False)
    before = _shifted(again, shift)
    _remembered(build, block, normed, again)
    nodes = tuple(reshaped(node, (width, tokens)) for node in (entered, again, before))
    if block == build.last_block:
        nodes = answered_for(build, *nodes)
    entered, again, before = nodes
    key = like("add", _weighed(build, like("sub", before, again), block, "channel_mix_lerp_k"), again)
    key = like("sqr", like("unary", build.project(key, block, "channel_mix_key")))
    return like("add", build.project(key, block, "channel_mix_value"), entered), values


def _time_mix_7(
    build: Builder, source: Node, before: Node, block: int, first_values: Node | None
) -> tuple[Node, Node]:
    width, tokens = build.model.embedding, build.size.tokens
    head = build.model.number("wkv.head_size")
    shape = (head, width // head, tokens)
    gated = build.has(block, "time_mix_g1.weight") and build.has(block, "time_mix_g2.weight")
    count = 6 if gated else 5
    repeated = result("repeat", (*source.shape, count), like("sub", before, source))
    mixed = like("add", _weighed(build, repeated, block, "time_mix_lerp_fused"), source)
    r, w, k, v, a, g = (part(mixed, (width, tokens)) for _ in range(6))
    receptance = build.project(r, block, "time_mix_receptance")
    decay = like(
        "add", _low_rank(build, w, block, "w", bent=True), build.needed_of(block, "time_mix_w0.weight")
    )
    decay = like("unary", like("scale", like("unary", decay)))
    key = build.project(k, block, "time_mix_key")
    value = build.project(v, block, "time_mix_value")
    if first_values is None:
        first_values = value
    else:
        part_of_first = like(
            "add", _low_rank(build, v, block, "v"), build.needed_of(block, "time_mix_v0.weight")
        )
        change = like("mul", like("sub", first_values, value), like("unary", part_of_first))
        value = like("add", value, change)
    gate = _low_rank(build, g, block, "g", bent=True) if gated else None
    rate = like("add", _low_rank(build, a, block, "a"), build.needed_of(block, "time_mix_a0.weight"))
    rate = like("unary", rate)
    turned = like("l2_norm", reshaped(_weighed(build, key, block, "time_mix_k_k"), shape))
    weighed = _weighed(build, key, block, "time_mix_k_a")
    key = like("add", key, like("sub", like("mul", rate, weighed), weighed))
    receptance, decay, key, by_head, rate = (
        reshaped(node, shape) for node in (receptance, decay, key, value, rate)
    )
    current = _scanned_7(build, block, (receptance, decay, key, by_head), turned, rate)
    current = _group_normed(build, current, block)
    weights = reshaped(build.needed_of(block, "time_mix_r_k.weight"), (head, width // head))
    sums = result("sum_rows", (1, *shape[1:]), like("mul", like("mul", key, receptance), weights))
    current = like("add", current, reshaped(like("mul", by_head, sums), (width, tokens)))
    if gate is not None:
        current = like("mul", current, gate)
    return reshaped(build.project(current, block, "time_mix_output"), source.shape), first_values


def _scanned_7(build: Builder, block: int, sources: tuple[Node, ...], turned: Node, rate: Node) -> Node:
    """The state is looked up before the last two sources are made."""
    model, size = build.model, build.size
    kept = state(build, block, model.recurrent_state)
    old = carried(build, kept)
    head = model.number("wkv.head_size")
    others = (like("unary", turned), like("mul", turned, rate))
    made = result("wkv", (model.embedding, size.tokens + head * size.slots), *sources, *others, old)
    keep(build, part(made, (model.recurrent_state * size.slots,)), kept)
    return part(made, (model.embedding * size.tokens,))


def _low_rank(build: Builder, source: Node, block: int, name: str, *, bent: bool = False) -> Node:
    """A product with two narrow matrices, with a curve between them or not."""
    low = mul_mat(build.needed_of(block, f"time_mix_{name}1.weight"), source)
    low = like("unary", low) if bent else low
    return mul_mat(build.needed_of(block, f"time_mix_{name}2.weight"), low)
