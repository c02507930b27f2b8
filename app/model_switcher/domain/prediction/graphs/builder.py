"""What the graphs of all architectures are put together from: src/llama-graph.cpp of llama.cpp b11434."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_switcher.domain.prediction.graph import (
    F16,
    F32,
    I32,
    Graph,
    Node,
    Place,
    clamped,
    given,
    like,
    mul_mat,
    norm,
    part,
    plus,
    reshaped,
    weight,
)
from model_switcher.domain.prediction.traits import Family, Rotates

if TYPE_CHECKING:
    from model_switcher.domain.prediction.blueprint import Tensor
    from model_switcher.domain.prediction.cache import Extent
    from model_switcher.domain.prediction.graph import Shape
    from model_switcher.domain.prediction.hyperparameters import Hyperparameters
    from model_switcher.domain.prediction.load import LoadOptions
    from model_switcher.domain.prediction.weights import Places

_TURNED_BY = 64
# `enum llama_pooling_type` in include/llama.h
_POOLING_MEAN = 1


class UnfamiliarModelError(Exception):
    """A model lacks a weight that the rules of its architecture need."""


class Builder:
    """One graph in the making.

    Args:
        model: What is built.
        load: How it is loaded.
        size: How much of a context it has.
        places: Where its weights lie.

    Attributes:
        input_rows: The input of a model that reads pictures in several blocks.
        flash: Blocks with flash attention, and where in the graph that is.
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
        self.flash: list[tuple[int, Node]] = []

    # weights

    def weight(self, block: int, name: str) -> Node | None:
        """A weight of a block; None if it has none of that name."""
        key = (block, name)
        if key not in self._weights:
            tensor = self._tensor(block, name)
            self._weights[key] = weight(tensor, self.places.of_tensor(tensor, block)) if tensor else None
        return self._weights[key]

    def outer(self, name: str) -> Node | None:
        """A weight that belongs to no block; None if there is none of that name."""
        key = (-1, name)
        if key not in self._weights:
            tensor = self.model.layout.outer.get(name)
            self._weights[key] = weight(tensor, self.places.of_outer(name)) if tensor else None
        return self._weights[key]

    def needed(self, name: str) -> Node:
        """A weight that belongs to no block, and that its architecture always has."""
        found = self.outer(name)
        if found is None:
            raise UnfamiliarModelError(name)
        return found

    def needed_of(self, block: int, name: str) -> Node:
        """A weight of a block that its architecture always has."""
        found = self.weight(block, name)
        if found is None:
            raise UnfamiliarModelError(name)
        return found

    def has(self, block: int, name: str) -> bool:
        """Whether a block has a weight of that name."""
        return self._tensor(block, name) is not None

    def _tensor(self, block: int, name: str) -> Tensor | None:
        """A few norms are called without "weight"."""
        tensors = self.model.layout.blocks.get(block, {})
        return tensors.get(name) or tensors.get(name.removesuffix(".weight"))

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

    # parts of a block

    def norm(self, source: Node, block: int, name: str, *, rms: bool | None = None) -> Node:
        """`build_norm` with the weights of that name, as far as there are any."""
        rms = self.model.architecture.rms if rms is None else rms
        return norm(source, self.weight(block, f"{name}.weight"), self.weight(block, f"{name}.bias"), rms=rms)

    def project(self, source: Node, block: int, name: str) -> Node:
        """A product with the matrix of that name, and its bias and scale."""
        current = mul_mat(self.needed_of(block, f"{name}.weight"), source)
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
        bounded = model.real("attention.clamp_kqv") > 0
        if self.has(block, "attn_qkv.weight"):
            fused = self.project(source, block, "attn_qkv")
            _check(fused, sum(width * heads for width, heads, _ in shapes))
            if bounded:
                fused = clamped(fused)
            q, k, v = (part(fused, shape) for shape in shapes)
            return q, k, v
        found = []
        for name, shape in zip(("attn_q", "attn_k", "attn_v"), shapes, strict=True):
            current = self.project(source, block, name)
            _check(current, shape[0] * shape[1])
            if bounded:
                current = clamped(current)
            found.append(reshaped(current, shape))
        return found[0], found[1], found[2]

    def rotates(self, block: int) -> bool:
        """Whether positions turn a block's queries and keys."""
        match self.model.architecture.rotates:
            case Rotates.NEVER:
                return False
            case Rotates.SLIDING:
                return self.model.sliding[block] or not self.model.window
            case Rotates.UNLESS_DENIED:
                return self.model.layout.hyperparameters.get("rope.scaling.finetuned") is not False
            case Rotates.NOT_EACH_4TH:
                return (block + 1) % 4 != 0
            case Rotates.NOT_EACH_FIRST_OF_4:
                return block % 4 != 0
            case _:
                return True

    def rotated(self, source: Node, block: int) -> Node:
        """`ggml_rope_ext`."""
        factors = self._rope_factors(block)
        return like("rope", source, self.positions, *(() if factors is None else (factors,)))

    def _rope_factors(self, block: int) -> Node | None:
        """`get_rope_factors` in src/llama-model.cpp: some models stretch the turns, by the length of the context."""
        outer = self.model.layout.outer
        name = "rope_freqs.weight"
        if name not in outer:
            trained = self.model.number("rope.scaling.original_context_length", self.model.context_length)
            name = f"rope_factors_{'long' if self.size.cells > trained else 'short'}.weight"
        tensor = outer.get(name)
        if tensor is None or (self.model.sliding[block] and self.model.architecture.family is Family.GEMMA4):
            return None
        home = self.places.of_block(block)
        key = (home - len(Place), name)
        if key not in self._weights:
            self._weights[key] = weight(tensor, home)
        return self._weights[key]


def _check(node: Node, width: int) -> None:
    """Raise UnfamiliarModelError unless a result is as wide as the hyper-parameters say."""
    if node.shape[0] != width:
        raise UnfamiliarModelError(f"{node.shape[0]} instead of {width}")
