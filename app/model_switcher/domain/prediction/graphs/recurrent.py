"""States that are carried from batch to batch: `build_rs` in src/llama-graph.cpp of llama.cpp b11434."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_switcher.domain.prediction.graph import F32, I32, Node, Place, part, reshaped, result, rows, stored

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_switcher.domain.prediction.graphs.builder import Builder


def state(build: Builder, block: int, width: int) -> Node:
    """Where one state of each slot is kept, `width` numbers each."""
    home = build.places.of_block(block) if build.load.kv_offload else Place.HOST
    slots = build.size.slots
    return stored((width, slots), width * slots * F32, home)


def carried(build: Builder, kept: Node, read: Callable[[Node, Node], Node] | None = None) -> Node:
    """The states of the sequences of this batch; those of others are moved out of the way.

    Args:
        build: The graph in the making.
        kept: Where they are kept.
        read: An operation that reads them where they lie, instead of a copy: of the states and their numbers.
    """
    width, slots = kept.shape
    every = build.given("states", (slots,), I32)
    current = part(every, (slots,), I32)
    others = part(every, (0,), I32)
    states = reshaped(kept, (width, slots))
    cleared = part(states, (width,))
    build.graph.expand(Node("scale", (width,), cleared.size, (cleared,), root=kept, layout=object()))
    output = read(states, current) if read is not None else rows(states, current)
    build.graph.expand(output)
    rest = rows(states, others)
    build.graph.expand(Node("cpy", (width, 0), 0, (rest, part(kept, (width, 0))), root=kept, layout=object()))
    return output


def keep(build: Builder, source: Node, kept: Node) -> None:
    """Write states back where they are kept."""
    target = part(kept, source.shape)
    build.graph.expand(Node("cpy", source.shape, source.size, (source, target), root=kept, layout=object()))


def convolved(build: Builder, source: Node, block: int, kept: Node, before: Node) -> Node:
    """A convolution over the last tokens, those of the batch before included: `ggml_ssm_conv`, bias, SiLU.

    Args:
        build: The graph in the making.
        source: Numbers of this batch: (width, tokens of a slot, slots).
        block: The block it belongs to.
        kept: Where the last tokens are kept.
        before: What was kept: (tokens before, width, slots).
    """
    width, tokens, slots = source.shape
    back = before.shape[0]
    turned = part(source, (tokens, width, slots))
    joined = result("concat", (back + tokens, width, slots), before, turned)
    keep(build, part(joined, (back, width, slots)), kept)
    return result("ssm_conv", (width, tokens, slots), joined, build.needed_of(block, "ssm_conv1d.weight"))
