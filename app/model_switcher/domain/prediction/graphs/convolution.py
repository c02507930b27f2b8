"""Short convolutions in place of attention: src/models/lfm2.cpp of llama.cpp b11434."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_switcher.domain.prediction.graph import Node, like, part, reshaped, result
from model_switcher.domain.prediction.graphs.recurrent import carried, keep, state

if TYPE_CHECKING:
    from model_switcher.domain.prediction.graphs.builder import Builder


def convolution_layer(build: Builder, source: Node, block: int) -> Node:
    """`build_shortconv_block`."""
    model, slots = build.model, build.size.slots
    width, tokens = source.shape
    each = tokens // slots
    back = model.number("shortconv.l_cache") - 1
    three = build.project(reshaped(source, (width, each, slots)), block, "shortconv.in_proj")
    b, c, x = (part(three, (width, each, slots)) for _ in range(3))
    turned = part(like("mul", b, x), (each, width, slots))
    kept = state(build, block, model.convolution_state)
    before = reshaped(carried(build, kept), (back, width, slots))
    joined = result("concat", (back + each, width, slots), before, turned)
    keep(build, part(joined, (back, width, slots)), kept)
    kernel = build.needed_of(block, "shortconv.conv.weight")
    convolved = result("ssm_conv", (width, each, slots), joined, kernel)
    current = build.project(like("mul", c, convolved), block, "shortconv.out_proj")
    return reshaped(current, (width, tokens))
