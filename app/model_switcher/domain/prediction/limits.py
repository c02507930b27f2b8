"""The largest context, or the most layers, with which a model fits into what is free."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from model_switcher.domain.prediction.cache import STEP, caches, extent
from model_switcher.domain.prediction.graph import Place
from model_switcher.domain.prediction.hyperparameters import hyperparameters
from model_switcher.domain.prediction.predict import predict
from model_switcher.domain.prediction.weights import Places, weights

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_switcher.domain.prediction.blueprint import Blueprint
    from model_switcher.domain.prediction.hyperparameters import Hyperparameters
    from model_switcher.domain.prediction.load import LoadOptions

# Less context is of no use; models that were trained for less are offered what they were trained for.
_LEAST_CONTEXT = 4096


def largest_context(
    blueprint: Blueprint,
    load: LoadOptions,
    free: int,
    *,
    gpu: bool = True,
    projector: Blueprint | int | None = None,
    draft: Blueprint | None = None,
) -> int | None:
    """The largest context, up to what the model was trained for, that fits; None if none does, or that is unknown.

    Args:
        blueprint: The model's.
        load: How it is loaded; its context does not matter.
        free: Bytes on the GPUs, or in main memory without one.
        gpu: Whether there is a GPU.
        projector: The blueprint of its projector, or the bytes of that file.
        draft: The blueprint of a draft model.
    """
    model = hyperparameters(blueprint)
    if model is None:
        return None
    most = -(-model.context_length // STEP)
    least = min(-(-_LEAST_CONTEXT // STEP), most)

    def fits(steps: int) -> bool | None:
        need = predict(
            blueprint, replace(load, ctx_size=steps * STEP), gpu=gpu, projector=projector, draft=draft
        )
        return None if need is None else (need.device if gpu else need.host).total <= free

    steps = _greatest(least, most, fits)
    return None if steps is None else steps * STEP


def most_layers(
    blueprint: Blueprint,
    load: LoadOptions,
    free: int,
    *,
    projector: Blueprint | int | None = None,
    draft: Blueprint | None = None,
) -> int | None:
    """The most layers, the output layer being one, that fit on the GPU; None if none do, or that is unknown.

    Args:
        blueprint: The model's.
        load: How it is loaded; its number of layers does not matter.
        free: Bytes on the GPUs.
        projector: The blueprint of its projector, or the bytes of that file.
        draft: The blueprint of a draft model.
    """
    model = hyperparameters(blueprint)
    if model is None:
        return None

    def fits(layers: int) -> bool | None:
        need = predict(
            blueprint, replace(load, n_gpu_layers=layers), gpu=True, projector=projector, draft=draft
        )
        return None if need is None else need.device.total <= free

    # More layers may need less room to work, for then less is copied to and fro: so one layer after the other.
    most = _greatest(0, model.blocks + 1, lambda layers: _stays(model, load, layers) <= free)
    return next((layers for layers in range(most or 0, 0, -1) if fits(layers)), None)


def _stays(model: Hyperparameters, load: LoadOptions, layers: int) -> int:
    """Bytes of weights and caches on the GPU, at least."""
    load = replace(load, n_gpu_layers=layers, flash_attn=True)
    places = Places(model, load, gpu=True)
    kept = caches(model, load, extent(model, load), places)
    return weights(model, places)[Place.DEVICE] + (0 if kept is None else kept[Place.DEVICE])


def _greatest(least: int, most: int, fits: Callable[[int], bool | None]) -> int | None:
    """The greatest number that fits, of those between the two; None if none does, or that is unknown."""
    if fits(most):
        return most
    if not fits(least):
        return None
    while most - least > 1:
        middle = (least + most) // 2
        if fits(middle):
            least = middle
        else:
            most = middle
    return least
