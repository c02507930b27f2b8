"""The memory part of `model-switcher inspect`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from model_switcher.cli.tables import need_cells, print_table
from model_switcher.domain.prediction.projector import projector_amount
from model_switcher.domain.units import format_size
from model_switcher.domain.wire import plain
from model_switcher.engine.binaries.probe import EngineProber
from model_switcher.engine.needs.inspection import Row, measured_rows, predicted_rows, usual_contexts
from model_switcher.engine.needs.setup import Engine, Engines
from model_switcher.engine.needs.store import FILE, NeedStore
from model_switcher.engine.settings_file import load
from model_switcher.places import places

if TYPE_CHECKING:
    import argparse

    from model_switcher.domain.catalog import Model
    from model_switcher.domain.launch import Options
    from model_switcher.domain.need import Amount


async def memory_rows(model: Model, options: argparse.Namespace) -> list[Row]:
    """Rows of predictions, then those of measurements that an instance with this configuration made."""
    where = places(options.config)
    store = NeedStore(where.state / FILE)
    await asyncio.to_thread(store.load)
    wanted: Options = {"cache-type-k": options.cache_type_k, "cache-type-v": options.cache_type_v}
    if options.n_gpu_layers is not None:
        wanted["n-gpu-layers"] = options.n_gpu_layers
    contexts = (options.ctx_size,) if options.ctx_size else usual_contexts(model)

    async def engine() -> Engine | None:
        setting = load(where.settings).settings.server.engine
        return await Engines(EngineProber()).find(setting)

    rows = await predicted_rows(model, wanted, contexts, gpu=not options.no_gpu, engine=engine)
    return [*rows, *await asyncio.to_thread(measured_rows, model, store)]


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


def print_rows(model: Model, rows: list[Row]) -> None:
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
