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
_ENDLESS = 1 << 62
# GGML_VBUFFER_MAX_CHUNKS; the last one has no bound.
_MAX_CHUNKS = 16


class _Chunk:
    """One piece of memory: what is free in it, and how large it had to become."""

    def __init__(self, limit: int) -> None:
        self.size = 0
        self._offsets: list[int] = [0]
        self._ends: list[int] = [limit]

    def gap(self, size: int) -> tuple[int, int] | None:
        """The smallest gap between what is taken that `size` bytes fit in: its bytes and index."""
        best: tuple[int, int] | None = None
        for index in range(len(self._offsets) - 1):
            gap = self._ends[index] - self._offsets[index]
            if size <= gap and (best is None or gap <= best[0]):  # of two alike the later one, as ggml does
                best = gap, index
        return best

    def surplus(self, size: int) -> int | None:
        """Bytes that stay unused if `size` bytes are taken at the end, below 0 if it must grow; None if they do not fit."""
        if not self._offsets or self._ends[-1] - self._offsets[-1] < size:
            return None
        return self.size - self._offsets[-1] - size

    def take(self, size: int, index: int) -> int:
        """The offset of `size` bytes in that gap."""
        offset = self._offsets[index]
        self._offsets[index] += size
        if self._offsets[index] == self._ends[index]:
            del self._offsets[index], self._ends[index]
        self.size = max(self.size, offset + size)
        return offset

    def give_back(self, offset: int, size: int) -> None:
        """Free what `take` gave."""
        offsets, ends = self._offsets, self._ends
        end = offset + size
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


class Pool:
    """One compute buffer, in as many pieces as its device needs.

    Args:
        largest_piece: Bytes that one piece may have, except for a single larger result; None for no bound.
    """

    def __init__(self, largest_piece: int | None = None) -> None:
        self._limit = largest_piece or _ENDLESS
        self._chunks: list[_Chunk] = []

    @property
    def size(self) -> int:
        """Bytes of all pieces."""
        return sum(chunk.size for chunk in self._chunks)

    def take(self, size: int) -> tuple[int, int]:
        """Piece and offset of `size` bytes."""
        size = _aligned(size)
        number, index = self._smallest_gap(size) or self._best_end(size) or self._new_chunk(size)
        return number, self._chunks[number].take(size, index)

    def give_back(self, at: tuple[int, int], size: int, *, kept: int = 0) -> None:
        """Free what `take` gave, except for the first `kept` bytes."""
        size, kept = _aligned(size), _aligned(kept)
        if size > kept:
            self._chunks[at[0]].give_back(at[1] + kept, size - kept)

    def _smallest_gap(self, size: int) -> tuple[int, int] | None:
        """Of several pieces with such gaps the last one counts, as in ggml."""
        found = None
        for number, chunk in enumerate(self._chunks):
            gap = chunk.gap(size)
            if gap is not None:
                found = number, gap[1]
        return found

    def _best_end(self, size: int) -> tuple[int, int] | None:
        best: tuple[int, int] | None = None
        for number, chunk in enumerate(self._chunks):
            surplus = chunk.surplus(size)
            if surplus is not None and (
                best is None or (best[0] < 0 and surplus > best[0]) or 0 <= surplus < best[0]
            ):
                best = surplus, number
        return None if best is None else (best[1], -1)

    def _new_chunk(self, size: int) -> tuple[int, int]:
        is_last = len(self._chunks) == _MAX_CHUNKS - 1
        self._chunks.append(_Chunk(_ENDLESS if is_last else max(size, self._limit)))
        return len(self._chunks) - 1, 0


def buffer_sizes(
    nodes: Sequence[Node], leaves: Sequence[Node], *, largest_piece: int | None = None
) -> dict[Place, int]:
    """Bytes of the compute buffer in each place, for nodes whose places are decided.

    Args:
        nodes: In the order of execution.
        leaves: What is there before the graph runs.
        largest_piece: Bytes that the device gives at once; None for no bound.
    """
    for node in (*leaves, *nodes):
        _reset(node)
        for source in node.sources:  # a leaf that only an unused branch reads is no node of the graph
            _reset(source)
    pools = {place: Pool(largest_piece) for place in Place}
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
        _run(node, pools)
    return {place: pool.size for place, pool in pools.items()}


def _reset(node: Node) -> None:
    node.children = node.views = 0
    node.pool = None


def _run(node: Node, pools: dict[Place, Pool]) -> None:
    for source in node.sources:
        _allocate(source, pools)
    _allocate(node, pools)
    for source in node.sources:
        source.children -= 1
        if source.children == 0 and source.views == 0:
            _release(source, pools)


def _allocate(node: Node, pools: dict[Place, Pool]) -> None:
    if node.pool is not None or node.home is not None or node.root is not None:
        return
    if node.operation in IN_PLACE and _takes_over(node, pools):
        return
    place = node.place if node.place is not None else Place.HOST
    node.pool = place
    node.at = pools[place].take(node.size)


def _takes_over(node: Node, pools: dict[Place, Pool]) -> bool:
    """Put a node where one of its sources lies that nothing else needs. Views never count as such."""
    for source in node.sources:
        if source.pool is None or source.is_output or source.layout != node.layout:
            continue
        if source.children != 1 or source.views:
            continue
        node.pool, node.at = source.pool, source.at
        source.pool = None  # it must not be freed
        pools[node.pool].give_back(node.at, source.size, kept=node.size)
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
        pools[owner.pool].give_back(owner.at, owner.size)
        owner.pool = None


def _aligned(size: int) -> int:
    return -(-size // _ALIGNMENT) * _ALIGNMENT
