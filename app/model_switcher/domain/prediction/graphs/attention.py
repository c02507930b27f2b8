"""Attention to what a context remembers, and how that is written: `build_attn` in src/llama-graph.cpp and
src/llama-kv-cache.cpp of llama.cpp b11434.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from model_switcher.domain.prediction.cache import PLAIN_TYPES, cache_rows, widest_values
from model_switcher.domain.prediction.graph import (
    F16,
    F32,
    I64,
    Node,
    Place,
    is_contiguous,
    like,
    mul_mat,
    part,
    reshaped,
    result,
    stored,
)
from model_switcher.domain.prediction.graphs.builder import UnfamiliarModelError
from model_switcher.domain.prediction.traits import Memory

if TYPE_CHECKING:
    from model_switcher.domain.prediction.graph import Shape
    from model_switcher.domain.prediction.graphs.builder import Builder

# The smallest Hadamard matrix that turns keys and values.
_TURNED_BY = 64


def attend(
    build: Builder, block: int, q: Node, k: Node | None, v: Node | None, *, sinks: Node | None = None
) -> Node:
    """Keys and values into the cache, and attention to all of it; the projection is still to come.

    Args:
        build: The graph in the making.
        block: The block.
        q: Queries: (width, heads, tokens).
        k: Keys; None in blocks that use those of others.
        v: Values; None there too.
        sinks: A weight for what no token is paid.
    """
    model, size = build.model, build.size
    sliding = model.sliding[block]
    if model.architecture.memory is Memory.NONE:
        return _within(build, block, q, k, v)
    q, k, v = _turned(build, block, q, k, v)
    # With sliding windows the order of the three is another (`llm_graph_input_attn_kv_iswa`).
    for node in (q, k, v) if model.window else (q, v, k):
        if node is not None:
            build.graph.expand(node)
    keys, values = _cache(build, block)
    indices = _indices(build, sliding=sliding)
    if k is not None:
        build.graph.expand(_written(keys, k, indices))
    if v is not None:
        _write_values(build, block, v, values)
    cells = size.cells_swa if sliding else size.cells
    heads_kv = model.heads_kv[block]
    key, value = (model.key_swa, model.value_swa) if sliding else (model.key, model.value)
    seen_keys = _look(keys, (key, cells, heads_kv, size.streams))
    seen_values = _look(values, (value, cells, heads_kv, size.streams))
    current = _by_heads(
        build, block, q, seen_keys, seen_values, mask=build.mask(sliding=sliding), sinks=sinks
    )
    return _turn(build, current, _TURNED_BY, "turn values") if _turns_values(build, block) else current


def attend_to_latent(build: Builder, block: int, q: Node, k: Node, v: Node) -> Node:
    """`build_attn` with `llm_graph_input_attn_k`: the values are a part of the keys."""
    size, sliding = build.size, build.model.sliding[block]
    for node in (q, v, k):
        build.graph.expand(node)
    keys, _ = _cache(build, block)
    build.graph.expand(_written(keys, k, _indices(build, sliding=sliding)))
    cells = size.cells_swa if sliding else size.cells
    seen = _look(keys, (k.shape[0], cells, 1, size.streams))
    seen_values = _look(keys, (v.shape[0], cells, 1, size.streams))
    made = build.weight(block, "attn_v_b.weight")
    return _by_heads(build, block, q, seen, seen_values, mask=build.mask(sliding=sliding), latent=made)


def _within(build: Builder, block: int, q: Node, k: Node | None, v: Node | None) -> Node:
    """`build_attn` with `llm_graph_input_attn_no_cache`: tokens see those of the same batch."""
    if k is None or v is None:
        raise UnfamiliarModelError("keys and values")
    for node in (q, k, v):
        build.graph.expand(node)
    tokens = build.size.tokens
    element = F16 if build.load.flash_attn else F32
    mask = build.given(f"mask {build.model.sliding[block]}", (tokens, tokens), element)
    k, v = (part(node, (node.shape[0], tokens, node.shape[1], 1)) for node in (k, v))
    if build.load.flash_attn:
        k, v = (result("cast", node.shape, node, element=F16) for node in (k, v))
    else:
        v = result("cont", v.shape, v)
    return _by_heads(build, block, q, k, v, mask=mask)


def _by_heads(
    build: Builder,
    block: int,
    q: Node,
    k: Node,
    v: Node,
    *,
    mask: Node,
    sinks: Node | None = None,
    latent: Node | None = None,
) -> Node:
    """`build_attn_mha`: of each head's queries to keys and values that lie in order of heads."""
    width, heads, tokens = q.shape
    cells, streams = k.shape[1], k.shape[3]
    value = v.shape[0]
    q = part(q, (width, tokens // streams, heads, streams))
    extra = () if sinks is None else (sinks,)
    if build.load.flash_attn:
        shape = (value, heads, tokens // streams, streams)
        current = result("flash_attention", shape, q, k, v, mask, *extra)
        build.flash.append((block, current))
        if latent is not None:
            value = latent.shape[1]
            current = mul_mat(latent, part(current, (current.shape[0], tokens, heads)))
            current = result("cont", (value, heads, tokens), part(current, (value, heads, tokens)))
        return build.graph.expand(reshaped(current, (value * heads, tokens)))
    scores = result("mul_mat", (cells, tokens // streams, heads, streams), k, q)
    if build.model.real("attn_logit_softcapping"):
        scores = like("scale", like("unary", like("scale", scores)))
    scores = like("soft_max", scores, mask, *extra)
    cached = v.root is not None and v.root.home is not None
    turned = part(v, (cells, value, v.shape[2], streams)) if cached else v
    current = result("mul_mat", (value, tokens // streams, heads, streams), turned, scores)
    if latent is not None:
        value = latent.shape[1]
        current = result("mul_mat", (value, tokens // streams, heads, streams), latent, current)
    current = part(current, (value, heads, tokens // streams, streams))
    return build.graph.expand(result("cont", (value * heads, tokens), current))


def _cache(build: Builder, block: int) -> tuple[Node, Node]:
    model, size = build.model, build.size
    keys, values = cache_rows(model, build.load, block)
    cells = (size.cells_swa if model.sliding[block] else size.cells) * size.streams
    home = build.places.of_block(block) if build.load.kv_offload else Place.HOST
    return (
        stored((1, cells), (keys or 0) * cells, home),
        stored((1, cells), (values or 0) * cells, home),
    )


def _indices(build: Builder, *, sliding: bool) -> Node:
    return build.given(f"keys {sliding}", (build.size.tokens,), I64)


def _write_values(build: Builder, block: int, v: Node, values: Node) -> None:
    sliding = build.model.sliding[block]
    width = build.size.tokens
    if not build.load.flash_attn:
        # The cache is turned round: each number has a place of its own.
        width *= widest_values(build.model)
        v = v if is_contiguous(v) else result("cont", v.shape, v)
    indices = build.given(f"values {sliding}", (width,), I64)
    build.graph.expand(_written(values, v, indices))


def _turned(
    build: Builder, block: int, q: Node, k: Node | None, v: Node | None
) -> tuple[Node, Node | None, Node | None]:
    """Quantized caches hold keys and values turned by a Hadamard matrix (`llama_mul_mat_hadamard`)."""
    by = _keys_turned_by(build, block)
    if by:
        q = _turn(build, q, by, f"turn keys {by}")
        k = None if k is None else _turn(build, k, by, f"turn keys {by}")
    if v is not None and _turns_values(build, block):
        v = _turn(build, v, _TURNED_BY, "turn values")
    return q, k, v


def _keys_turned_by(build: Builder, block: int) -> int:
    model = build.model
    width = model.key_swa if model.sliding[block] else model.key
    if build.load.cache_type_k.lower() in PLAIN_TYPES or not width or width % _TURNED_BY:
        return 0
    return width & -width  # the largest power of two in it


def _turns_values(build: Builder, block: int) -> bool:
    model = build.model
    width = model.value_swa if model.sliding[block] else model.value
    plain = build.load.cache_type_v.lower() in PLAIN_TYPES
    return not plain and width % _TURNED_BY == 0 and not model.latent


def _turn(build: Builder, source: Node, by: int, name: str) -> Node:
    matrix = build.given(name, (by, by), F32)
    if not is_contiguous(source):
        source = result("cont", source.shape, source)
    flat = reshaped(source, (by, math.prod(source.shape) // by))
    return reshaped(mul_mat(matrix, flat), source.shape)


def _written(cache: Node, source: Node, indices: Node) -> Node:
    """`ggml_set_rows`: its result is the cache."""
    return Node("set_rows", cache.shape, cache.size, (part(source, source.shape), indices, cache), root=cache)


def _look(cache: Node, shape: Shape) -> Node:
    """All of a cache, in order of heads."""
    return Node("view", shape, cache.size, (cache,), root=cache, layout=object())
