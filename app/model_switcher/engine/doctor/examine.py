"""Everything that can be looked at without loading a model."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from typing import TYPE_CHECKING

from model_switcher.engine.autostart import Autostart
from model_switcher.engine.binaries.environment import dropped_variables
from model_switcher.engine.doctor.disks import folders, room, speed
from model_switcher.engine.doctor.engines import engines, workers
from model_switcher.engine.doctor.finding import Finding, ok, problem, warning
from model_switcher.engine.doctor.graphics import drivers, memory, read_memory
from model_switcher.engine.doctor.instances import address, login

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from model_switcher.domain.catalog import Catalog
    from model_switcher.engine.settings_file import LoadedSettings
    from model_switcher.engine.stores import Store
    from model_switcher.places import Places


async def examine(
    loaded: LoadedSettings, where: Places, *, stores: Sequence[Store], catalog: Catalog, running: str | None
) -> list[Finding]:
    """Look at settings, engines, memory, address, login entry, models, folders, disks and environment.

    Args:
        loaded: The settings file, with its problems.
        where: The files of the instance.
        stores: Where models were looked for.
        catalog: What was found there.
        running: Address of the running instance; None if there is none.
    """
    settings = loaded.settings
    readings = await asyncio.to_thread(read_memory)
    gpu = readings.gpus[0].name if readings.gpus else None
    named = [store.root for store in stores if store.name == "folder"]
    return [
        *_settings(loaded),
        *await engines(settings.server.engine, gpu=gpu),
        *await workers(settings.launch),
        *memory(readings),
        *drivers(),
        *await asyncio.to_thread(lambda: list(address(settings.server, where, running))),
        *await asyncio.to_thread(
            lambda: list(login(Autostart(where), wanted=settings.desktop.start_at_login))
        ),
        *_models(stores, catalog),
        *await asyncio.to_thread(lambda: [*folders(named), *room(where), *speed(catalog)]),
        *_environment(),
    ]


def _settings(loaded: LoadedSettings) -> Iterator[Finding]:
    if not loaded.problems:
        yield ok("settings", "The settings are in order")
    for one in loaded.problems:
        yield problem(
            "settings", one.message, "Correct the file; until then the defaults stand in for what is wrong."
        )


def _models(stores: Sequence[Store], catalog: Catalog) -> Iterator[Finding]:
    if not catalog.models:
        yield warning(
            "models",
            "No model was found",
            'Name the folders of your GGUF files in the settings: model-folders = ["…"]',
        )
    for store in stores:
        inside = [
            m for m in catalog.models if any(_below(place, store.root) for place in (*m.places, m.path))
        ]
        noun = "model" if len(inside) == 1 else "models"
        place = store.root if store.label == store.root else f"{store.label} ({store.root})"
        yield ok("models", f"{place}: {len(inside)} {noun}")
    for code, count in sorted(Counter(rejected.code for rejected in catalog.rejected).items()):
        first = next(rejected for rejected in catalog.rejected if rejected.code == code)
        more = f" (and {count - 1} more like it)" if count > 1 else ""
        hint = "`model-switcher list` shows every such file." if count > 1 else ""
        yield warning("models", f"{first.path}: {first.reason}{more}", hint)


def _environment() -> Iterator[Finding]:
    if dropped := dropped_variables(os.environ):
        yield warning(
            "environment",
            f"Engines are started without {', '.join(dropped)} of your environment",
            "Put such options into [launch] of the settings.",
        )


def _below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/\\") + os.sep)
