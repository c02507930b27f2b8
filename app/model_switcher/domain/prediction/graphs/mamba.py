"""State-space layers: src/models/mamba-base.cpp of llama.cpp b11434."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from model_switcher.domain.prediction.graph import Node, like, part, plus, reshaped, result
from model_switcher.domain.prediction.graphs.recurrent import carried, convolved, keep, state

if TYPE_CHECKING:
    from model_switcher.domain.prediction.graphs.builder import Builder


def mamba_layer(build: Builder, source: Node, block: int) -> Node:
    """The first kind: `build_mamba_layer`."""
    model, slots = build.model, build.size.slots
    each = source.shape[1] // slots
    inner, width = model.number("ssm.inner_size"), model.number("ssm.state_size")
    rank, back = model.number("ssm.time_step_rank"), model.number("ssm.conv_kernel") - 1
    kept = state(build, block, model.convolution_state)
    before = reshaped(carried(build, kept), (back, inner, slots))
    both = build.project(reshaped(source, (source.shape[0], each, slots)), block, "ssm_in")
    x = convolved(build, part(both, (inner, each, slots)), block, kept, before)
    x = like("unary", plus(x, build.weight(block, "ssm_conv1d.bias")))
    made = build.project(x, block, "ssm_x")
    step, b, c = (part(made, (size, each, slots)) for size in (rank, width, width))
    if build.has(block, "ssm_dt_norm.weight"):
        step, b, c = (
            build.norm(node, block, f"ssm_{name}_norm", rms=True)
            for node, name in ((step, "dt"), (b, "b"), (c, "c"))
        )
    elif model.layout.hyperparameters.get("ssm.dt_b_c_rms") is True:
        step, b, c = (like("rms_norm", node) for node in (step, b, c))
    else:
        step = result("cont", (rank, each, slots), step)
    step = build.project(step, block, "ssm_dt")
    y = _scan(build, block, reshaped(x, (1, inner, each, slots)), step, b=b, c=c)
    y = part(y, (inner, each, slots))
    skipped = like("mul", x, *_weights(build, block, "ssm_d"))
    y = like("add", y, skipped)
    gate = result("cont", (inner, each, slots), part(both, (inner, each, slots)))
    current = build.project(like("glu", gate, y), block, "ssm_out")
    return reshaped(current, (current.shape[0], each * slots))


def mamba2_layer(build: Builder, source: Node, block: int) -> Node:
    """The second kind: `build_mamba2_layer`."""
    model, slots = build.model, build.size.slots
    each = source.shape[1] // slots
    inner, width = model.number("ssm.inner_size"), model.number("ssm.state_size")
    heads, groups = model.number("ssm.time_step_rank"), model.number("ssm.group_count")
    back = model.number("ssm.conv_kernel") - 1
    mixed = inner + 2 * groups * width
    kept = state(build, block, model.convolution_state)
    before = reshaped(carried(build, kept), (back, mixed, slots))
    all_of_it = build.project(reshaped(source, (source.shape[0], each, slots)), block, "ssm_in")
    head = inner // heads
    x = convolved(build, part(all_of_it, (mixed, each, slots)), block, kept, before)
    x = like("unary", plus(x, build.weight(block, "ssm_conv1d.bias")))
    step = result("cont", (heads, each, slots), part(all_of_it, (heads, each, slots)))
    step = plus(step, build.weight(block, "ssm_dt.bias"))
    by_head = part(x, (head, heads, each, slots))
    b, c = (part(x, (width, groups, each, slots)) for _ in range(2))
    y = part(_scan(build, block, by_head, step, b=b, c=c), (head, heads, each, slots))
    y = like("add", y, like("mul", by_head, *_weights(build, block, "ssm_d")))
    gate = result("cont", (head, heads, each, slots), part(all_of_it, (head, heads, each, slots)))
    y = like("glu", gate, y)
    if build.has(block, "ssm_norm.weight"):
        y = build.norm(reshaped(y, (inner // groups, groups, each, slots)), block, "ssm_norm", rms=True)
    current = build.project(reshaped(y, (inner, each, slots)), block, "ssm_out")
    return reshaped(current, (current.shape[0], each * slots))


def _scan(build: Builder, block: int, x: Node, step: Node, *, b: Node, c: Node) -> Node:
    """`ggml_ssm_scan`: its result holds what is computed, and behind that the new states."""
    model, slots = build.model, build.size.slots
    kept = state(build, block, model.recurrent_state)
    decay = _weights(build, block, "ssm_a")
    total = math.prod(x.shape) + model.recurrent_state * slots

    def scan(states: Node, numbers: Node) -> Node:
        return result("ssm_scan", (total,), states, x, step, *decay, b, c, numbers)

    y = carried(build, kept, scan)
    keep(build, part(y, (model.recurrent_state * slots,)), kept)
    return y


def _weights(build: Builder, block: int, name: str) -> tuple[Node, ...]:
    found = build.weight(block, name)
    return () if found is None else (found,)
