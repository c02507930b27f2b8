"""Which part of a graph runs where, and what is copied between the places.

The rules of ggml/src/ggml-backend.cpp, `ggml_backend_sched_split_graph` (llama.cpp b11434), for one device and the host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_switcher.domain.prediction.graph import COPY, VIEW, Graph, Node, Place

if TYPE_CHECKING:
    from collections.abc import Iterable

# Operations whose small weights do not decide where they run.
_INDIFFERENT = frozenset({"rope", "flash_attention"})
# Rows from which on a device works with weights of the host (`op_offload_min_batch_size` of the backends).
_WORTH_COPYING = 32


def schedule(graph: Graph, *, device: bool, take_over: bool) -> list[Node]:
    """The nodes in the order of execution, each with its place, and with the copies that are needed between.

    Args:
        graph: Nodes that lie somewhere for good say so; those that must run at a certain place have it already.
        device: Whether there is a device besides the host.
        take_over: Whether the device may work with weights that lie in main memory (`--op-offload`).
    """
    if not device:
        for node in (*graph.nodes, *graph.leaves):
            node.place = Place.HOST
        return graph.nodes
    for node in (*graph.leaves, *graph.nodes):
        if node.place is None:
            node.place = _own_place(node, take_over=take_over)
    working = [node for node in graph.nodes if node.operation != VIEW]
    for only_device in (True, False):
        _spread(working, only_device=only_device)
        _spread(reversed(working), only_device=only_device)
    _settle(graph.nodes)
    return _with_copies(graph.nodes)


def _own_place(node: Node, *, take_over: bool) -> Place | None:
    """Where a node must run for what it is, or for what it reads; None if that does not matter."""
    owner = node.root or node
    if owner.home is not None:
        return owner.home
    if node.is_input:
        return Place.HOST
    if node.operation in _INDIFFERENT:
        return None
    for source in node.sources:
        if source.weight and source.home is not None:
            if take_over and source.home is Place.HOST and node.batch >= _WORTH_COPYING:
                return Place.DEVICE
            return source.home
    return None


def _spread(nodes: Iterable[Node], *, only_device: bool) -> None:
    """Give undecided nodes the place of the one before."""
    current: Place | None = None
    for node in nodes:
        if node.place is not None:
            current = None if only_device and node.place is Place.HOST else node.place
        elif current is not None:
            node.place = current


def _settle(nodes: Iterable[Node]) -> None:
    """Views lie where their root does; what is still undecided goes with its reader."""
    for node in nodes:
        if node.root is not None and node.place is None:
            node.place = node.root.place
        for source in node.sources:
            if source.place is None:
                source.place = source.root.place if source.root is not None else node.place
        if node.place is None:
            node.place = Place.DEVICE


def _with_copies(nodes: list[Node]) -> list[Node]:
    """Cut into runs of one place; each begins with copies of what it needs from elsewhere."""
    ordered: list[Node] = []
    run: list[Node] = []
    inputs: list[Node] = []
    copies: dict[tuple[Node, Place], Node] = {}
    first = next((node.place for node in nodes if node.operation != VIEW), None)
    current = Place.HOST if first is None else first

    def finish() -> None:
        for source in inputs:
            # The source must live until it is copied.
            ordered.append(_dependency(source))
            ordered.append(copies[source, current])
        ordered.extend(run)
        run.clear()
        inputs.clear()

    for node in nodes:
        if node.operation == VIEW:
            run.append(node)
            continue
        place = node.place or Place.DEVICE
        # With a run of its own, the memory of a copied weight is free for the next one.
        fresh = (
            place is current
            and inputs
            and any(source.weight and source.place is not current for source in node.sources)
        )
        if place is not current or fresh:
            finish()
            current = place
        for source in node.sources:
            if source.place is not current and (source, current) not in copies:
                copies[source, current] = _copy(source, current)
                inputs.append(source)
        node.sources = tuple(copies.get((source, current), source) for source in node.sources)
        run.append(node)
    finish()
    return ordered


def _copy(source: Node, place: Place) -> Node:
    node = Node(COPY, source.shape, source.size)
    node.place = place
    node.kept = (source.root or source).home is not None
    return node


def _dependency(source: Node) -> Node:
    node = Node(VIEW, source.shape, 0, (source,))
    node.home = source.place or Place.HOST  # takes no memory
    return node
