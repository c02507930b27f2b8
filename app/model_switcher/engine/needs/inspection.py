"""What one file takes at several contexts, without an instance: by the rules, else as an engine says; and as measured."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from model_switcher.domain.lowering import at_context
from model_switcher.domain.need import Amount, Need, Source
from model_switcher.domain.prediction.blueprint import open_blueprint
from model_switcher.domain.prediction.load import load_options
from model_switcher.domain.prediction.predict import predict
from model_switcher.engine.background import in_background
from model_switcher.engine.needs.estimate import need_of, padded
from model_switcher.engine.needs.oracle import ask_engine, can_be_asked
from model_switcher.engine.needs.setup import files_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from model_switcher.domain.catalog import Model
    from model_switcher.domain.launch import Option
    from model_switcher.domain.prediction.load import LoadOptions
    from model_switcher.engine.needs.setup import Engine
    from model_switcher.engine.needs.store import NeedStore

SMALLEST, LARGEST = 4096, 1 << 20
_DEFAULT_CACHE = "f16"
# Looked up, not multiplied with: they stay in main memory (llama.cpp, src/llama-arch.cpp, LLM_TENSOR_LAYER_INPUT).
_INPUT = ("token_embd.weight", "position_embd.weight", "token_types.weight", "per_layer_token_embd.weight")
_DOUBT = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A need with the types of its cache."""

    need: Need
    cache_type_k: str
    cache_type_v: str


def usual_contexts(model: Model) -> tuple[int, ...]:
    """Doubling from 4096 to what the model was trained for, both ends included."""
    trained = model.context_length or SMALLEST
    sizes = []
    size = SMALLEST
    while size < min(trained, LARGEST):
        sizes.append(size)
        size *= 2
    return (*sizes, trained)


async def predicted_rows(
    model: Model,
    options: Mapping[str, Option],
    contexts: Sequence[int],
    *,
    gpu: bool,
    engine: Callable[[], Awaitable[Engine | None]],
) -> list[Row]:
    """A row for each context; none if neither the rules nor the engine know the model. Its projector is left out.

    Args:
        model: The model.
        options: Cache types and layers.
        contexts: In tokens.
        gpu: Whether there is a GPU.
        engine: Finds what is asked where the rules do not know the model.
    """
    load = load_options(options)
    if load.n_gpu_layers is not None and model.block_count and load.n_gpu_layers > model.block_count:
        load = replace(load, n_gpu_layers=None)
    needs = await in_background(_by_the_rules, model, load, contexts, gpu=gpu)
    if None in needs and (found := await engine()) is not None:
        needs = await _by_the_engine(model, options, load, contexts, gpu=gpu, engine=found)
    return [
        Row(need=need, cache_type_k=load.cache_type_k, cache_type_v=load.cache_type_v)
        for need in needs
        if need is not None
    ]


def measured_rows(model: Model, store: NeedStore) -> list[Row]:
    """What servers with these files took, the newest last. Blocks."""
    rows: list[Row] = []
    for entry in store.all_measured(files_of(model)):
        if entry.need is not None:
            options = json.loads(entry.key.options)
            types = [str(options.get(f"cache-type-{which}", _DEFAULT_CACHE)) for which in "kv"]
            rows.append(Row(need=entry.need, cache_type_k=types[0], cache_type_v=types[1]))
    return rows


def _by_the_rules(
    model: Model, load: LoadOptions, contexts: Sequence[int], *, gpu: bool
) -> list[Need | None]:
    if model.blueprint is None:
        return [None for _ in contexts]
    return [predict(model.blueprint, replace(load, ctx_size=size), gpu=gpu) for size in contexts]


async def _by_the_engine(
    model: Model,
    options: Mapping[str, Option],
    load: LoadOptions,
    contexts: Sequence[int],
    *,
    gpu: bool,
    engine: Engine,
) -> list[Need | None]:
    """The engine is asked about the smallest and the largest context; what lies between is in proportion."""
    if not can_be_asked(engine.binary, engine.facts.flags) or model.architecture is None:
        return []
    asked = {**options, "device": "none"} if engine.gpus and not gpu else options
    bare = replace(model, projector=None)
    said: list[Need] = []
    for size in sorted({padded(min(contexts)), padded(max(contexts))}):
        try:
            account = await ask_engine(engine.binary, bare, asked, ctx_size=size)
        except OSError:
            return []
        if account is None:
            return []
        said.append(need_of(account, ctx_size=size, layers=load.n_gpu_layers))
    if gpu and not engine.gpus:
        if load.n_gpu_layers is not None:
            return []
        said = [moved for need in said if (moved := _as_on_a_gpu(need, model, load)) is not None]
    return [at_context(said[0], said[-1], padded(size)) for size in contexts] if said else []


def _as_on_a_gpu(need: Need, model: Model, load: LoadOptions) -> Need | None:
    """What an engine without a GPU said, as it would be with all layers on one: weights and cache are known then."""
    if model.blueprint is None:
        return None
    layout = open_blueprint(model.blueprint)
    tensors = {**layout.outer}
    stays = sum(tensor.size for name, tensor in tensors.items() if name in _INPUT)
    copied = (
        0
        if "output.weight" in tensors
        else tensors["token_embd.weight"].size
        if "token_embd.weight" in tensors
        else 0
    )
    device = Amount(
        weights=need.host.weights - stays + copied, cache=need.host.cache, compute=need.host.compute
    )
    width = model.embedding_length or 0
    mask = 2 * load.ubatch_size * need.ctx_size
    host = Amount(weights=stays, compute=4 * load.ubatch_size * 2 * width + mask)
    return Need(
        device=device,
        host=host,
        source=Source.ENGINE,
        ctx_size=need.ctx_size,
        low=round(device.total * (1 - _DOUBT)),
        high=round(device.total * (1 + _DOUBT)),
    )
