"""The memory part of `model-switcher inspect`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from model_switcher.cli.tables import need_cells, print_table
from model_switcher.domain.fit import Place, place_of, space
from model_switcher.domain.prediction.limits import largest_context, most_layers
from model_switcher.domain.prediction.load import load_options
from model_switcher.domain.prediction.predict import predict
from model_switcher.domain.prediction.projector import projector_amount
from model_switcher.domain.units import format_size
from model_switcher.domain.wire import plain
from model_switcher.engine.binaries.probe import EngineProber
from model_switcher.engine.needs.inspection import Row, measured_rows, predicted_rows, usual_contexts
from model_switcher.engine.needs.setup import Engine, Engines
from model_switcher.engine.needs.store import FILE, NeedStore
from model_switcher.engine.readings.sampler import MemorySampler
from model_switcher.engine.settings_file import load
from model_switcher.places import places

if TYPE_CHECKING:
    import argparse

    from model_switcher.domain.catalog import Model
    from model_switcher.domain.launch import Option
    from model_switcher.domain.memory import Readings
    from model_switcher.domain.need import Amount
    from model_switcher.domain.prediction.load import LoadOptions


async def memory_rows(model: Model, options: argparse.Namespace) -> list[Row]:
    """Rows of predictions, then those of measurements that an instance with this configuration made."""
    where = places(options.config)
    store = NeedStore(where.state / FILE)
    await asyncio.to_thread(store.load)
    wanted = _wanted(options)
    contexts = (options.ctx_size,) if options.ctx_size else usual_contexts(model)

    async def engine() -> Engine | None:
        setting = load(where.settings).settings.server.engine
        return await Engines(EngineProber()).find(setting)

    rows = await predicted_rows(model, wanted, contexts, gpu=not options.no_gpu, engine=engine)
    return [*rows, *await asyncio.to_thread(measured_rows, model, store)]


def _wanted(options: argparse.Namespace) -> dict[str, Option]:
    wanted: dict[str, Option] = {"cache-type-k": options.cache_type_k, "cache-type-v": options.cache_type_v}
    if options.n_gpu_layers is not None:
        wanted["n-gpu-layers"] = options.n_gpu_layers
    return wanted


async def room_sentence(model: Model, options: argparse.Namespace) -> str | None:
    """What of the model would fit into what is free at this moment; None where that cannot be known."""
    wanted = _wanted(options)
    if options.ctx_size:
        wanted["ctx-size"] = options.ctx_size
    sampler = MemorySampler()
    try:
        readings = await asyncio.to_thread(sampler.sample)
    finally:
        sampler.close()
    margin = load(places(options.config).settings).settings.memory.margin
    return await asyncio.to_thread(
        room, model, load_options(wanted), readings, margin, gpu=not options.no_gpu
    )


def room(model: Model, how: LoadOptions, readings: Readings, margin: int, *, gpu: bool) -> str | None:
    """The same, from what was read; `margin` bytes are left free."""
    there = Place.GPU if gpu and place_of(None, readings) is Place.GPU else Place.RAM
    now = space(readings, there, ())
    blueprint, on_card = model.blueprint, there is Place.GPU
    if now.free is None or blueprint is None:
        return None
    free = now.free - now.driver - margin
    projector = model.projector_blueprint
    trained = model.context_length or 0
    context = largest_context(blueprint, how, free, gpu=on_card, projector=projector)
    if context is not None and context >= (how.ctx_size or trained):
        found = f"{how.ctx_size or trained:,} tokens fit"
    else:
        ways = [f"{context:,} tokens"] if context is not None else []
        layers = most_layers(blueprint, how, free, projector=projector) if on_card else None
        if layers is not None:
            ways.append(f"{layers} layers with {how.ctx_size or trained:,} tokens")
        if not ways and predict(blueprint, how, gpu=on_card, projector=projector) is None:
            return None
        found = f"{' or '.join(ways)} would fit" if ways else "it does not fit"
    where = "on the GPUs" if on_card else "in main memory"
    return (
        f"Now, with {format_size(now.free)} free {where} and {format_size(margin)} of it to spare: {found}."
    )


def row_form(row: Row, model: Model) -> dict[str, Any]:
    """A row as `inspect --json` prints it; with bounds where the figures are in doubt."""
    need = row.need
    layers = need.n_gpu_layers
    if layers is None and model.block_count is not None:
        layers = model.block_count + 1
    form: dict[str, Any] = {
        "ctx_size": need.ctx_size,
        "cache_type_k": row.cache_type_k,
        "cache_type_v": row.cache_type_v,
        "n_gpu_layers": layers,
        "device": _amount(need.device),
        "host": _amount(need.host),
        "source": need.source,
    }
    if need.low != need.high:
        form |= {"low": need.low, "high": need.high}
    if need.driver is not None:
        form["driver"] = need.driver
    return form


def _amount(amount: Amount) -> dict[str, int]:
    return {**plain(amount), "total": amount.total}


def print_rows(model: Model, rows: list[Row], room: str | None = None) -> None:
    """The rows as a table."""
    if not rows:
        print(
            "\nWhat it takes is not known: neither the rules nor an engine that was found know its architecture."
        )
        return
    table: list[tuple[str, ...]] = [
        ("CONTEXT", "CACHE", "LAYERS", "WEIGHTS", "CACHED", "COMPUTE", "GPU", "RAM", "SOURCE")
    ]
    for row in rows:
        need = row.need
        context, layers, device, host, source = need_cells(need)
        counted = need.device if need.device.total else need.host
        parts = (counted.weights, counted.cache, counted.compute)
        table.append(
            (
                context,
                f"{row.cache_type_k}/{row.cache_type_v}",
                layers,
                *map(format_size, parts),
                device,
                host,
                source,
            )
        )
    print("\nMemory, besides what a GPU's driver holds for each process:")
    print_table(table)
    if model.projector_blueprint is not None:
        print(f"Its projector takes {format_size(projector_amount(model.projector_blueprint).total)} more.")
    if room is not None:
        print(room)
