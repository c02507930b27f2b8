"""What a model will take of memory, from its header alone."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

from model_switcher.domain.need import Amount, Need, Source
from model_switcher.domain.prediction.blueprint import Blueprint
from model_switcher.domain.prediction.cache import PLAIN_TYPES, caches, extent
from model_switcher.domain.prediction.compute import can_flash, compute
from model_switcher.domain.prediction.graph import Place
from model_switcher.domain.prediction.graphs.builder import UnfamiliarModelError
from model_switcher.domain.prediction.hyperparameters import Hyperparameters, hyperparameters
from model_switcher.domain.prediction.load import LoadOptions
from model_switcher.domain.prediction.projector import projection
from model_switcher.domain.prediction.weights import Places, weights


def predict(
    blueprint: Blueprint,
    load: LoadOptions,
    *,
    gpu: bool,
    projector: Blueprint | int | None = None,
    draft: Blueprint | None = None,
) -> Need | None:
    """What one server takes when it has loaded a model; None where the rules do not know its architecture.

    Args:
        blueprint: The model's.
        load: How it is loaded.
        gpu: Whether there is a GPU that may be used.
        projector: The blueprint of its projector, or the bytes of that file.
        draft: The blueprint of a draft model, loaded with the same options.
    """
    model = hyperparameters(blueprint)
    taken = _taken(blueprint, load, gpu=gpu)
    if model is None or taken is None:
        return None
    parts = [taken.amounts]
    doubt = taken.doubt
    if draft is not None:
        drafted = _taken(draft, replace(load, n_gpu_layers=None), gpu=gpu)
        if drafted is None:
            return None
        parts.append(drafted.amounts)
        doubt += drafted.doubt
    if projector is not None:
        projected = projection(projector, on_device=gpu and load.mmproj_offload)
        parts.append(projected.amounts)
        doubt += projected.doubt
    device, host = (_together([part[place] for part in parts if place in part]) for place in Place)
    return Need(
        device=device,
        host=host,
        source=Source.RULES,
        ctx_size=extent(model, load).ctx_size,
        n_gpu_layers=load.n_gpu_layers if gpu else 0,
        low=max(0, device.total - doubt),
        high=device.total + doubt,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Taken:
    """What one model takes in each place, and by how many bytes that may be wrong on the device."""

    amounts: dict[Place, Amount]
    doubt: int


@functools.lru_cache(4096)
def _taken(blueprint: Blueprint, load: LoadOptions, *, gpu: bool) -> _Taken | None:
    """What one model takes; None where it is unknown, or llama-server would refuse the options."""
    model = hyperparameters(blueprint)
    if model is None:
        return None
    try:
        return _worked_out(model, load, gpu=gpu)
    except (UnfamiliarModelError, ArithmeticError, LookupError, ValueError):
        return None  # a header whose numbers contradict each other


def _worked_out(model: Hyperparameters, load: LoadOptions, *, gpu: bool) -> _Taken | None:
    size = extent(model, load)
    places = Places(model, load, gpu=gpu)
    plain = load.cache_type_v.lower() in PLAIN_TYPES
    flash = model.architecture.flash and load.flash_attn is not False
    if flash and load.flash_attn is None and plain and places.is_divided:
        flash = can_flash(model, replace(load, flash_attn=True), size, places)
    if not flash and not plain:
        return None
    load = replace(load, flash_attn=flash)
    kept = weights(model, places)
    remembered = caches(model, load, size, places)
    if remembered is None:
        return None
    work = compute(model, load, size, places, gpu=gpu)
    amounts = {
        place: Amount(weights=kept[place], cache=remembered[place], compute=work.size[place])
        for place in Place
    }
    return _Taken(amounts=amounts, doubt=work.doubt)


def _together(amounts: list[Amount]) -> Amount:
    return Amount(
        weights=sum(amount.weights for amount in amounts),
        cache=sum(amount.cache for amount in amounts),
        compute=sum(amount.compute for amount in amounts),
    )
