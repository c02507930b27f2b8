"""What llama-server makes of options that nobody set: `--fit`, on by default, lowers them until the model fits.

The rules of llama.cpp b11434, common/fit.cpp (`common_params_fit_impl`): first the context, in proportion between what
the model was trained for and `--fit-ctx`; then, if nobody set them either, layers move to main memory, of a mixture of
experts only the experts at first. It leaves `--fit-target` free on every GPU. Where there is no GPU only the context is
lowered, measured by all of main memory. A layer that is moved in part counts here as moved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from model_switcher.domain.need import Amount, Need
from model_switcher.domain.prediction.load import LoadOptions
from model_switcher.domain.units import MIB

Ask = Callable[[LoadOptions], Need | None]

_TARGET = 1024  # MiB; `fit_params_target` in common/common.h
_SMALLEST = 4096  # `fit_params_min_ctx` there
_STEP = 256
_ALL = 512  # more blocks than llama.cpp allows
_OFF = frozenset({"off", "false", "0", "disabled"})
_PLACED_BY_HAND = ("override-tensor", "cpu-moe", "n-cpu-moe", "n-cpu-ffn", "tensor-split")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowering:
    """What may be lowered.

    Attributes:
        target: Bytes that are left free on each GPU, or of main memory.
        context: The smallest context that may be chosen; None if it stays as it is.
        layers: Whether layers may move to main memory.
    """

    target: int
    context: int | None
    layers: bool


def lowering(options: Mapping[str, str | int | float | bool]) -> Lowering | None:
    """What launch options leave to llama-server; None if it is to leave everything as it is."""
    if str(options.get("fit", "on")).strip().lower() in _OFF:
        return None
    return Lowering(
        target=_first_number(options.get("fit-target"), _TARGET) * MIB,
        # A context of 0 that somebody wrote asks for the whole of it.
        context=None if "ctx-size" in options else _first_number(options.get("fit-ctx"), _SMALLEST),
        layers=not any(name in options for name in _PLACED_BY_HAND)
        and all(
            str(options.get(name, "auto")).strip() in {"auto", "-1"}
            for name in ("n-gpu-layers", "gpu-layers")
        ),
    )


def _first_number(value: object, default: int) -> int:
    """The first of several numbers, one for each GPU; what llama-server would refuse counts as its default."""
    try:
        return int(str(default if value is None else value).split(",")[0])
    except ValueError:
        return default


def lowered(
    ask: Ask,
    load: LoadOptions,
    allowed: Lowering | None,
    *,
    free: int,
    gpus: int,
    blocks: int,
    experts: bool = False,
) -> Need | None:
    """What a model takes once llama-server has lowered what it may; None where nobody knows what it takes at all.

    Args:
        ask: Says what the model takes when it is loaded in a certain way.
        load: How it is loaded if all of it fits.
        allowed: What may be lowered.
        free: Bytes free for its buffers: on all GPUs together, else all of main memory.
        gpus: How many GPUs there are.
        blocks: Of the model.
        experts: Whether it is a mixture of experts.
    """
    need = ask(load)
    if need is None or allowed is None:
        return need
    goal = free - allowed.target * max(gpus, 1)
    if _used(need, gpus) <= goal:
        return need
    streams = 1 if load.kv_unified else load.parallel
    if allowed.context is not None and need.ctx_size > allowed.context * streams:
        load = replace(load, ctx_size=allowed.context * streams)
        least = ask(load)
        if least is None:
            return need
        if _used(least, gpus) < goal:
            return _between(least, need, goal, step=_STEP * streams, gpus=gpus)
        need = least
    if not gpus or not allowed.layers:
        return need
    return _with_fewer_layers(ask, load, need, goal, blocks, experts=experts)


def _with_fewer_layers(
    ask: Ask, load: LoadOptions, need: Need, goal: int, blocks: int, *, experts: bool
) -> Need:
    if experts:
        found = _fewest(lambda count: ask(replace(load, n_cpu_moe=count)), need, blocks, goal)
        if found is not None:
            return found
        load = replace(load, n_cpu_moe=_ALL)
    layers = blocks + 1
    found = _fewest(lambda count: ask(replace(load, n_gpu_layers=layers - count)), need, layers, goal)
    return found or ask(replace(load, n_gpu_layers=0)) or need


def _fewest(ask: Callable[[int], Need | None], need: Need, most: int, goal: int) -> Need | None:
    """The need with the least moved, at most `most`, that keeps to the goal; None if none does.

    Memory falls nearly in proportion to what is moved, so a few guesses are enough.
    """
    low, high, best = 0, most, ask(most)
    if best is None or best.device.total > goal:
        return None
    above, below = need.device.total, best.device.total
    while high - low > 1:
        share = (above - goal) * (high - low) // max(1, above - below)
        guess = min(max(low + share, low + 1), high - 1)
        found = ask(guess)
        if found is None:
            return best
        if found.device.total <= goal:
            best, high, below = found, guess, found.device.total
        else:
            low, above = guess, found.device.total
    return best


def _used(need: Need, gpus: int) -> int:
    return need.device.total if gpus else need.device.total + need.host.total


def _between(least: Need, most: Need, goal: int, *, step: int, gpus: int) -> Need:
    """The need at the context that llama-server would choose: in proportion, rounded down."""
    used = _used(least, gpus)
    more = (most.ctx_size - least.ctx_size) * (goal - used) // (_used(most, gpus) - used)
    context = max(least.ctx_size, (least.ctx_size + more) // step * step)
    return at_context(least, most, context)


def at_context(least: Need, most: Need, ctx_size: int) -> Need:
    """The need at a context between two others: all parts grow in proportion to it."""
    span = most.ctx_size - least.ctx_size

    def part(low: int, high: int) -> int:
        return low + (high - low) * (ctx_size - least.ctx_size) // span if span else low

    def amount(low: Amount, high: Amount) -> Amount:
        return Amount(
            weights=part(low.weights, high.weights),
            cache=part(low.cache, high.cache),
            compute=part(low.compute, high.compute),
        )

    return replace(
        least,
        device=amount(least.device, most.device),
        host=amount(least.host, most.host),
        ctx_size=ctx_size,
        low=part(least.low, most.low),
        high=part(least.high, most.high),
    )
