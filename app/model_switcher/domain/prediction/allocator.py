"""Where a graph's results lie in the compute buffers, and so how large those must be.

The rules of ggml/src/ggml-alloc.c (llama.cpp b11434): a result takes the smallest free gap that it fits in, or grows
the buffer; some operations write over a source that nothing else needs; what was read for the last time is free.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from model_switcher.domain.prediction.graph import IN_PLACE, Node, Place

if TYPE_CHECKING:
    from collections.abc import Sequence

# The alignment of buffers differs between devices (16 to 256 bytes); none of them is felt.
_ALIGNMENT = 64


class Pool:
    """One compute buffer: what is free in it, and how large it had to become."""

    def __init__(self) -> None:
        self.size = 0
        self._offsets: list[int] = [0]
        self._ends: list[int] = [1 << 62]

    def take(self, size: int) -> int:
        """The offset of `size` bytes."""
        offsets, ends = self._offsets, self._ends
        size = _aligned(size)
        best, best_size = len(offsets) - 1, 1 << 63
        for index in range(len(offsets) - 1):
            gap = ends[index] - offsets[index]
            if size <= gap <= best_size:  # of two alike the later one, as ggml does
                best, best_size = index, gap
        offset = offsets[best]
        offsets[best] += size
        if offsets[best] == ends[best]:
            del offsets[best], ends[best]
        self.size = max(self.size, offset + size)
        return offset

    def give_back(self, offset: int, size: int) -> None:
        """Free what `take` gave."""
        offsets, ends = self._offsets, self._ends
        end = offset + _aligned(size)
        index = bisect_left(offsets, offset)
        joins_next = index < len(offsets) and offsets[index] == end
        if index and ends[index - 1] == offset:
            ends[index - 1] = ends[index] if joins_next else end
            if joins_next:
                del offsets[index], ends[index]
        elif joins_next:
            offsets[index] = offset
        else:
            offsets.insert(index, offset)
            ends.insert(index, end)


def buffer_sizes(nodes: Sequence[Node], leaves: Sequence[Node]) -> dict[Place, int]:
    """Bytes of the compute buffer in each place, for nodes whose places are decided, in the order of execution."""
    pools = {place: Pool() for place in Place}
    for node in (*leaves, *nodes):
        node.children = node.views = 0
        node.offset = -1
        node.pool = None
        for source in node.sources:  # a leaf that only an unused branch reads is no node of the graph
            source.children = source.views = 0
            source.offset = -1
            source.pool = None
    for leaf in leaves:
        _allocate(leaf, pools)
    for node in nodes:
        if node.root is not None:
            node.root.views += 1
        for source in node.sources:
            source.children += 1
            if source.is_input:
                _allocate(source, pools)
    for node in nodes:
        for source in node.sources:
            _allocate(source, pools)
        _allocate(node, pools)
        for source in node.sources:
            source.children -= 1
            if source.children == 0 and source.views == 0:
                _release(source, pools)
    return {place: pool.size for place, pool in pools.items()}


def _allocate(node: Node, pools: dict[Place, Pool]) -> None:
    if node.pool is not None or node.home is not None or node.root is not None:
        return
    if node.operation in IN_PLACE and _takes_over(node, pools):
        return
    place = node.place if node.place is not None else Place.HOST
    node.pool = place
    node.offset = pools[place].take(node.size)


def _takes_over(node: Node, pools: dict[Place, Pool]) -> bool:
    """Put a node where one of its sources lies that nothing else needs. Views never count as such."""
    for source in node.sources:
        if source.pool is None or source.is_output or source.layout != node.layout:
            continue
        if source.children != 1 or source.views:
            continue
        node.pool, node.offset = source.pool, source.offset
        source.pool = None  # it must not be freed
        surplus = _aligned(source.size) - _aligned(node.size)
        if surplus > 0:
            pools[node.pool].give_back(node.offset + _aligned(node.size), surplus)
        return True
    return False


def _release(node: Node, pools: dict[Place, Pool]) -> None:
    """Free what was read for the last time."""
    if node.root is not None:
        owner = node.root
        owner.views -= 1
        if owner.views or owner.children:
            return
    else:
        owner = node
    if owner.pool is not None and not owner.is_output:
        pools[owner.pool].give_back(owner.offset, owner.size)
        owner.pool = None


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
