"""Compute graphs as llama.cpp builds them, with nothing in them but what their memory depends on.

A graph is built by asking for results, as in llama.cpp's src/models/*.cpp; `expand` puts a result and what it is made
from into the order of execution (ggml/src/ggml.c, `ggml_visit_parents_graph`). Which nodes exist, how long they are
needed and what may overwrite what decides how large the compute buffers are.
"""

from __future__ import annotations

import math
import operator
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model_switcher.domain.prediction.blueprint import Tensor

Shape = tuple[int, ...]

F32 = 4
F16 = 2
I32 = 4
I64 = 8


class Place(IntEnum):
    """Where something lies or runs; the lower one is preferred (as `ggml_backend_sched` orders its backends)."""

    DEVICE = 0
    HOST = 1


# Operations that may write over one of their sources (ggml/src/ggml-alloc.c, `ggml_op_can_inplace`).
IN_PLACE = frozenset({"scale", "add", "sub", "mul", "div", "sqr", "sqrt", "unary", "rope", "rms_norm", "soft_max" })  # fmt: skip
VIEW = "view"
LEAF = "leaf"
COPY = "copy"


class Node:
    """A tensor of a graph: the result of an operation, or what it starts from.

    Attributes:
        operation: What makes it; `LEAF` for what is there before, `VIEW` for another look at its root.
        shape: Elements in each dimension.
        size: Bytes.
        sources: What it is made from.
        root: What a view looks at.
        layout: Equal for two nodes that one place in memory can serve.
        home: Where it lies for good, of weights and caches; None for what is allocated for the graph.
        weight: Whether it is a weight.
        is_input: Whether it is filled before the graph runs.
        kept: Of a copy, whether what it is made from lies in memory for good.
        is_output: Whether it is read after the graph ran.
        place: Where it runs, once that is decided.
        at, children, views, pool: The allocator's own.
    """

    __slots__ = (
        "at", "children", "home", "is_input", "is_output", "kept", "layout", "operation", "place", "pool", "root", "shape",
        "size", "sources", "views", "weight",
    )  # fmt: skip

    def __init__(
        self,
        operation: str,
        shape: Shape,
        size: int,
        sources: tuple[Node, ...] = (),
        *,
        root: Node | None = None,
        layout: object = None,
    ) -> None:
        self.operation = operation
        self.shape = shape
        self.size = size
        self.sources = sources
        self.root = root
        self.layout = layout if layout is not None else (shape, size)
        self.home: Place | None = None
        self.weight = False
        self.is_input = False
        self.is_output = False
        self.kept = False
        self.place: Place | None = None
        self.children = 0
        self.views = 0
        self.at = (0, 0)
        self.pool: Place | None = None

    @property
    def batch(self) -> int:
        """Rows that are worked on at once; a device takes large ones over (`get_op_batch_size` of its backend)."""
        match self.operation:
            case "get_rows":
                return 0
            case "mul_mat":
                return _extent(self.shape, 1)
            case "mul_mat_id" | "rope":
                return _extent(self.shape, 2)
            case _:
                return math.prod(self.shape[1:])


class Graph:
    """Results that were asked for, in the order of execution."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.leaves: list[Node] = []
        self._seen: set[Node] = set()

    def expand(self, node: Node) -> Node:
        """Put a result into the order, after all that it is made from."""
        seen = self._seen
        if node in seen:
            return node
        # By hand instead of recursion: models with many blocks are chains of thousands.
        stack = [(node, 0)]
        seen.add(node)
        while stack:
            current, position = stack.pop()
            sources = current.sources
            while position < len(sources) and sources[position] in seen:
                position += 1
            if position < len(sources):
                stack.append((current, position + 1))
                seen.add(sources[position])
                stack.append((sources[position], 0))
            elif current.operation == LEAF:
                self.leaves.append(current)
            else:
                self.nodes.append(current)
        return node


def given(shape: Shape, element: int = F32) -> Node:
    """An input of the graph; `element` in bytes."""
    node = Node(LEAF, shape, math.prod(shape) * element)
    node.is_input = True
    return node


def stored(shape: Shape, size: int, home: Place, *, weight: bool = False) -> Node:
    """Something that lies in memory for good: a weight, or a cache."""
    node = Node(LEAF, shape, size)
    node.home = home
    node.weight = weight
    return node


def weight(tensor: Tensor, home: Place) -> Node:
    """A weight at its place."""
    return stored(tensor.shape, tensor.size, home, weight=True)


def result(operation: str, shape: Shape, *sources: Node, element: int = F32) -> Node:
    """A new tensor; `element` in bytes."""
    return Node(operation, shape, math.prod(shape) * element, sources)


def like(operation: str, source: Node, *others: Node) -> Node:
    """A result of the shape of its first source."""
    shape = source.shape
    return Node(operation, shape, math.prod(shape) * F32, (source, *others))


def reshaped(source: Node, shape: Shape, size: int | None = None) -> Node:
    """The same bytes in another shape, all of them and in order."""
    size = source.size if size is None else size
    return Node(VIEW, shape, size, (source,), root=source.root or source, layout=(shape, size))


def part(source: Node, shape: Shape, element: int = F32) -> Node:
    """Some of the bytes, or in another order: nothing else has that layout."""
    size = source.size if shape == source.shape else _stretch(source, shape, element)
    return Node(VIEW, shape, size, (source,), root=source.root or source, layout=object())


def _stretch(source: Node, shape: Shape, element: int) -> int:
    """Bytes from the first to the last element, which is what a copy of a view takes (`ggml_dup_tensor_layout`)."""
    size = math.prod(shape) * element
    if size == source.size or not size:
        return size
    if len(shape) == len(source.shape) and all(map(operator.le, shape, source.shape)):
        stride, last = element, element
        for extent, whole in zip(shape, source.shape, strict=True):
            last += (extent - 1) * stride
            stride *= whole
        return last
    columns = shape[-1]
    if columns > 1 and columns == source.shape[-1] and size < source.size:
        return source.size // columns * (columns - 1) + size // columns
    return size


def clamped(source: Node) -> Node:
    """`ggml_clamp`: done where the source lies."""
    return Node(
        "clamp", source.shape, source.size, (source,), root=source.root or source, layout=source.layout
    )


def mul_mat(matrix: Node, source: Node) -> Node:
    """`ggml_mul_mat`: as many rows as the matrix has columns."""
    return result("mul_mat", (_extent(matrix.shape, 1), *source.shape[1:]), matrix, source)


def norm(source: Node, scale: Node | None, bias: Node | None = None, *, rms: bool = True) -> Node:
    """`build_norm` in src/llama-graph.cpp."""
    current = like("rms_norm" if rms else "norm", source)
    if scale is not None:
        current = like("mul", current, scale)
    return current if bias is None else like("add", current, bias)


def plus(source: Node, bias: Node | None) -> Node:
    """`source`, with the bias where there is one."""
    return source if bias is None else like("add", source, bias)


def rows(source: Node, indices: Node) -> Node:
    """`ggml_get_rows` of a matrix."""
    return result("get_rows", (source.shape[0], *indices.shape), source, indices)


def concatenated(dimension: int, first: Node, second: Node) -> Node:
    """`ggml_concat`."""
    shape = list(first.shape)
    shape[dimension] += second.shape[dimension]
    return result("concat", tuple(shape), first, second)


def is_contiguous(node: Node) -> bool:
    """Whether its elements lie in order, without gaps."""
    return node.layout == (node.shape, node.size)


def _extent(shape: Shape, dimension: int) -> int:
    return shape[dimension] if len(shape) > dimension else 1
