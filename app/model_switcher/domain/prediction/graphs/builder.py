"""What the graphs of all architectures are put together from: src/llama-graph.cpp of llama.cpp b11434."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_switcher.domain.prediction.cache import cache_rows
from model_switcher.domain.prediction.graph import (
    F16,
    F32,
    I32,
    I64,
    Graph,
    Node,
    Place,
    concatenated,
    given,
    like,
    mul_mat,
    norm,
    part,
    plus,
    reshaped,
    result,
    rows,
    stored,
    weight,
)

if TYPE_CHECKING:
    from model_switcher.domain.prediction.cache import Extent
    from model_switcher.domain.prediction.graph import Shape
    from model_switcher.domain.prediction.hyperparameters import Hyperparameters
    from model_switcher.domain.prediction.load import LoadOptions
    from model_switcher.domain.prediction.weights import Places

# Types that the cache's keys and values are not turned for (`ggml_is_quantized`).
_PLAIN = frozenset({"f32", "f16", "bf16"})
_TURNED_BY = 64


class Builder:
    """One graph in the making.

    Args:
        model: What is built.
        load: How it is loaded.
        size: How much of a context it has.
        places: Where its weights lie.
    """

    def __init__(self, model: Hyperparameters, load: LoadOptions, size: Extent, places: Places) -> None:
        self.model = model
        self.load = load
        self.size = size
        self.places = places
        self.graph = Graph()
        self.last_block = model.trunk - 1
        self._weights: dict[tuple[int, str], Node | None] = {}
        self._inputs: dict[str, Node] = {}
        self.input_rows: Node | None = None

    # weights

    def weight(self, block: int, name: str) -> Node | None:
        """A weight of a block; None if it has none of that name."""
        key = (block, name)
        if key not in self._weights:
            tensor = self.model.layout.blocks.get(block, {}).get(name)
            self._weights[key] = weight(tensor, self.places.of_tensor(tensor, block)) if tensor else None
        return self._weights[key]

    def outer(self, name: str) -> Node | None:
        """A weight that belongs to no block; None if there is none of that name."""
        key = (-1, name)
        if key not in self._weights:
            tensor = self.model.layout.outer.get(name)
            self._weights[key] = weight(tensor, self.places.of_outer(name)) if tensor else None
        return self._weights[key]

    def has(self, block: int, name: str) -> bool:
        return name in self.model.layout.blocks.get(block, {})

    # inputs

    def given(self, name: str, shape: Shape, element: int = I32) -> Node:
        """An input of the graph, one for each name."""
        if name not in self._inputs:
            self._inputs[name] = given(shape, element)
        return self._inputs[name]

    @property
    def positions(self) -> Node:
        # Positions of pictures have four dimensions (`n_pos_per_embd`).
        each = 4 if "rope.dimension_sections" in self.model.layout.hyperparameters else 1
        return self.given("positions", (self.size.tokens * each,))

    def mask(self, *, sliding: bool) -> Node:
        """What each token may see."""
        cells = self.size.cells_swa if sliding else self.size.cells
        streams = self.size.streams
        element = F16 if self.load.flash_attn else F32
        shape = (cells, self.size.tokens // streams, 1, streams)
        return self.given(f"mask {sliding}", shape, element)

    def embeddings(self) -> Node:
        """`build_inp_embd`: looked up in main memory, or given as they are; both have their place."""
        tokens = given((self.size.tokens,), I32)
        table = self.outer("token_embd.weight")
        assert table is not None
        current = rows(table, tokens)
        width = self.model.embedding * (1 + self.model.number("n_deepstack_layers"))
        if width > self.model.embedding:
            current = result("pad", (width, self.size.tokens), current)
            self.input_rows = current
        self.graph.expand(current)
        self.graph.expand(given((width, self.size.tokens)))
        return current if self.input_rows is None else self.picture_rows()

    def picture_rows(self) -> Node:
        """The part of the input that is for one block."""
        assert self.input_rows is not None
        return part(self.input_rows, (self.model.embedding, self.size.tokens))

    # parts of a block

    def norm(self, source: Node, block: int, name: str, *, rms: bool | None = None) -> Node:
        """`build_norm` with the weights of that name, as far as there are any."""
        rms = self.model.architecture.rms if rms is None else rms
        return norm(source, self.weight(block, f"{name}.weight"), self.weight(block, f"{name}.bias"), rms=rms)

    def project(self, source: Node, block: int, name: str) -> Node:
        """A product with the matrix of that name, and its bias and scale."""
        matrix = self.weight(block, f"{name}.weight")
        assert matrix is not None, name
        current = mul_mat(matrix, source)
        scale = self.weight(block, f"{name}.scale")
        if scale is not None:
            current = like("mul", current, scale)
        return plus(current, self.weight(block, f"{name}.bias"))

    def queries_keys_values(self, source: Node, block: int) -> tuple[Node, Node, Node]:
        """`build_qkv`: three results, or three views of one."""
        model, tokens = self.model, self.size.tokens
        sliding = model.sliding[block]
        key, value = (model.key_swa, model.value_swa) if sliding else (model.key, model.value)
        shapes = (
            (key, model.heads[block], tokens),
            (key, model.heads_kv[block], tokens),
            (value, model.heads_kv[block], tokens),
        )
        clamped = model.real("attention.clamp_kqv") > 0
        if self.has(block, "attn_qkv.weight"):
            fused = self.project(source, block, "attn_qkv")
            if clamped:
                fused = like("clamp", fused)
            q, k, v = (part(fused, shape) for shape in shapes)
            return q, k, v
        found = []
        for name, shape in zip(("attn_q", "attn_k", "attn_v"), shapes, strict=True):
            current = self.project(source, block, name)
            if clamped:
                current = like("clamp", current)
            found.append(reshaped(current, shape))
        return found[0], found[1], found[2]

    def rotated(self, source: Node) -> Node:
        """`ggml_rope_ext`."""
        return like("rope", source, self.positions)

    def attention(
        self, block: int, q: Node, k: Node | None, v: Node | None, sinks: Node | None = None
    ) -> Node:
        """`build_attn` up to the projection: keys and values into the cache, and attention to all of it."""
        model, size = self.model, self.size
        sliding = model.sliding[block]
        q, k, v = self._turned(block, q, k, v)
        # With sliding windows the order of the three is another (`llm_graph_input_attn_kv_iswa`).
        for node in (q, k, v) if model.window else (q, v, k):
            if node is not None:
                self.graph.expand(node)
        keys, values = self._cache(block)
        indices = self._indices(sliding=sliding)
        if k is not None:
            self.graph.expand(_written(keys, k, indices))
        if v is not None:
            self._write_values(block, v, values)
        cells = size.cells_swa if sliding else size.cells
        heads_kv = model.heads_kv[block]
        key, value = (model.key_swa, model.value_swa) if sliding else (model.key, model.value)
        seen_keys = _look(keys, (key, cells, heads_kv, size.streams))
        seen_values = _look(values, (value, cells, heads_kv, size.streams))
        current = self.attend(q, seen_keys, seen_values, self.mask(sliding=sliding), sinks)
        if self._turns_values(block):
            current = self._turn(current, _TURNED_BY, "turn values")
        return current

    def attend(self, q: Node, k: Node, v: Node, mask: Node, sinks: Node | None = None) -> Node:
        """`build_attn_mha`: of each head's queries to keys and values that lie in order of heads."""
        width, heads, tokens = q.shape
        streams = k.shape[3] if len(k.shape) > 3 else 1  # noqa: PLR2004 - the fourth dimension
        cells = k.shape[1]
        value = v.shape[0]
        q = part(q, (width, tokens // streams, heads, streams))
        extra = () if sinks is None else (sinks,)
        if self.load.flash_attn:
            current = result(
                "flash_attention", (value, heads, tokens // streams, streams), q, k, v, mask, *extra
            )
            return self.graph.expand(reshaped(current, (value * heads, tokens)))
        scores = result("mul_mat", (cells, tokens // streams, heads, streams), k, q)
        if self.model.real("attn_logit_softcapping"):
            scores = like("scale", like("unary", like("scale", scores)))
        scores = like("soft_max", scores, mask, *extra)
        turned = (
            part(v, (cells, value, v.shape[2], streams))
            if v.root is not None and v.root.home is not None
            else v
        )
        current = result("mul_mat", (value, tokens // streams, heads, streams), turned, scores)
        current = part(current, (value, heads, tokens // streams, streams))
        return self.graph.expand(result("cont", (value * heads, tokens), current))

    # the end

    def answered_for(self, *nodes: Node) -> tuple[Node, ...]:
        """The rows of the tokens that are answered for; all later work is done for those alone."""
        indices = self.given("outputs", (self.size.outputs,))
        return tuple(rows(node, indices) for node in nodes)

    def logits(self, source: Node) -> None:
        """The last norm and the output layer."""
        name = (
            "output_norm.weight" if self.outer("output_norm.weight") is not None else "token_embd_norm.weight"
        )
        current = norm(
            source,
            self.outer(name),
            self.outer(name.replace("weight", "bias")),
            rms=self.model.architecture.rms,
        )
        current.is_output = True
        matrix = self.outer("output.weight")
        if matrix is None:
            table = self.model.layout.outer["token_embd.weight"]
            matrix = stored(table.shape, table.size, self.places.output, weight=True)
        current = plus(mul_mat(matrix, current), self.outer("output.bias"))
        current.is_output = True
        self.graph.expand(current)

    # details of the cache

    def _cache(self, block: int) -> tuple[Node, Node]:
        model, size = self.model, self.size
        keys, values = cache_rows(model, self.load, block)
        cells = (size.cells_swa if model.sliding[block] else size.cells) * size.streams
        home = self.places.of_block(block) if self.load.kv_offload else Place.HOST
        return (
            stored((1, cells), (keys or 0) * cells, home),
            stored((1, cells), (values or 0) * cells, home),
        )

    def _indices(self, *, sliding: bool) -> Node:
        return self.given(f"keys {sliding}", (self.size.tokens,), I64)

    def _write_values(self, block: int, v: Node, values: Node) -> None:
        sliding = self.model.sliding[block]
        if self.load.flash_attn:
            indices = self.given(f"values {sliding}", (self.size.tokens,), I64)
        else:
            # The cache is turned round: each number has a place of its own.
            width = max(self.model.value * heads for heads in self.model.heads_kv)
            indices = self.given(f"values {sliding}", (self.size.tokens * width,), I64)
            if not _is_contiguous(v):
                v = result("cont", v.shape, v)
        self.graph.expand(_written(values, v, indices))

    def _turned(
        self, block: int, q: Node, k: Node | None, v: Node | None
    ) -> tuple[Node, Node | None, Node | None]:
        """Quantized caches hold keys and values turned by a Hadamard matrix (`llama_mul_mat_hadamard`)."""
        by = self._keys_turned_by(block)
        if by:
            q = self._turn(q, by, f"turn keys {by}")
            k = None if k is None else self._turn(k, by, f"turn keys {by}")
        if v is not None and self._turns_values(block):
            v = self._turn(v, _TURNED_BY, "turn values")
        return q, k, v

    def _keys_turned_by(self, block: int) -> int:
        model = self.model
        width = model.key_swa if model.sliding[block] else model.key
        if self.load.cache_type_k.lower() in _PLAIN or width % _TURNED_BY:
            return 0
        by = _TURNED_BY
        while width % (2 * by) == 0:
            by *= 2
        return by

    def _turns_values(self, block: int) -> bool:
        model = self.model
        width = model.value_swa if model.sliding[block] else model.value
        return self.load.cache_type_v.lower() not in _PLAIN and width % _TURNED_BY == 0 and not model.latent

    def _turn(self, source: Node, by: int, name: str) -> Node:
        matrix = self.given(name, (by, by), F32)
        if not _is_contiguous(source):
            source = result("cont", source.shape, source)
        flat = reshaped(source, (by, source.size // F32 // by))
        return reshaped(mul_mat(matrix, flat), source.shape)


def _written(cache: Node, source: Node, indices: Node) -> Node:
    """`ggml_set_rows`: its result is the cache."""
    return Node("set_rows", cache.shape, cache.size, (part(source, source.shape), indices, cache), root=cache)


def _look(cache: Node, shape: Shape) -> Node:
    """All of a cache, in order of heads."""
    return Node("view", shape, cache.size, (cache,), root=cache, layout=object())


def _is_contiguous(node: Node) -> bool:
    return node.layout == (node.shape, node.size)


__all__ = ["Builder", "concatenated"]
