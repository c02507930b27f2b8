"""What a model will take of memory, from its header alone."""

from __future__ import annotations

import functools
from dataclasses import replace

from model_switcher.domain.need import Amount, Need, Source
from model_switcher.domain.prediction.blueprint import Blueprint
from model_switcher.domain.prediction.cache import PLAIN_TYPES, caches, extent
from model_switcher.domain.prediction.compute import compute
from model_switcher.domain.prediction.graph import Place
from model_switcher.domain.prediction.hyperparameters import hyperparameters
from model_switcher.domain.prediction.load import LoadOptions
from model_switcher.domain.prediction.projector import projector_amount
from model_switcher.domain.prediction.weights import Places, weights

Amounts = dict[Place, Amount]


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
    found = _amounts(blueprint, load, gpu=gpu)
    model = hyperparameters(blueprint)
    if found is None or model is None:
        return None
    parts = [found]
    if draft is not None:
        drafted = _amounts(draft, replace(load, n_gpu_layers=None), gpu=gpu)
        if drafted is None:
            return None
        parts.append(drafted)
    if projector is not None:
        place = Place.DEVICE if gpu and load.mmproj_offload else Place.HOST
        parts.append({place: projector_amount(projector)})
    device, host = (_together([part[place] for part in parts if place in part]) for place in Place)
    return Need(
        device=device,
        host=host,
        source=Source.RULES,
        ctx_size=extent(model, load).ctx_size,
        n_gpu_layers=load.n_gpu_layers if gpu else 0,
        low=device.total,
        high=device.total,
    )


@functools.lru_cache(4096)
def _amounts(blueprint: Blueprint, load: LoadOptions, *, gpu: bool) -> Amounts | None:
    """What one model takes in each place."""
    model = hyperparameters(blueprint)
    if model is None:
        return None
    if not model.architecture.flash:
        load = replace(load, flash_attn=False)
    if not load.flash_attn and load.cache_type_v.lower() not in PLAIN_TYPES:
        return None  # llama-server refuses that
    size = extent(model, load)
    places = Places(model, load, gpu=gpu)
    kept = weights(model, places)
    remembered = caches(model, load, size, places)
    if remembered is None:
        return None
    worked = compute(model, load, size, places, gpu=gpu)
    return {
        place: Amount(weights=kept[place], cache=remembered[place], compute=worked[place]) for place in Place
    }


def _together(amounts: list[Amount]) -> Amount:
    return Amount(
        weights=sum(amount.weights for amount in amounts),
        cache=sum(amount.cache for amount in amounts),
        compute=sum(amount.compute for amount in amounts),
    )
