"""Looks for what is wrong: settings, engines, GPU, address, model stores, files."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from model_switcher.domain.errors import SwitcherError
from model_switcher.domain.units import format_gib
from model_switcher.engine.binaries.environment import dropped_variables
from model_switcher.engine.binaries.find import WHERE_TO_GET_IT, find_engines
from model_switcher.engine.binaries.probe import probe
from model_switcher.engine.ports import bind_stable
from model_switcher.engine.readings.sampler import MemorySampler

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from model_switcher.domain.catalog import Catalog
    from model_switcher.domain.engines import EngineBinary
    from model_switcher.domain.settings import ServerSettings
    from model_switcher.engine.settings_file import LoadedSettings
    from model_switcher.engine.stores import Store


class Level(StrEnum):
    """How grave a finding is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at: how it is, and what to do about it."""

    level: Level
    topic: str
    sentence: str
    hint: str = ""


async def examine(
    loaded: LoadedSettings, *, stores: Sequence[Store], catalog: Catalog, running: str | None
) -> list[Finding]:
    """Everything that can be looked at without loading a model.

    Args:
        loaded: The settings file, with its problems.
        stores: Where models were looked for.
        catalog: What was found there.
        running: Address of the running instance; None if there is none.
    """
    server = loaded.settings.server
    return [
        *_settings(loaded),
        *await _engines(server.engine),
        *await asyncio.to_thread(lambda: list(_memory())),
        *_address(server, running),
        *_stores(stores, catalog),
        *_environment(),
    ]


def _settings(loaded: LoadedSettings) -> Iterator[Finding]:
    if not loaded.problems:
        yield Finding(level=Level.OK, topic="settings", sentence="The settings are in order")
    for problem in loaded.problems:
        yield Finding(level=Level.PROBLEM, topic="settings", sentence=problem.message)


async def _engines(setting: str) -> list[Finding]:
    try:
        found = await asyncio.to_thread(find_engines, setting)
    except SwitcherError as error:
        return [Finding(level=Level.PROBLEM, topic="engine", sentence=error.message, hint=error.hint)]
    if not found:
        return [
            Finding(
                level=Level.PROBLEM,
                topic="engine",
                sentence="No llama-server was found",
                hint=WHERE_TO_GET_IT,
            )
        ]
    return list(await asyncio.gather(*map(_engine, found)))


async def _engine(binary: EngineBinary) -> Finding:
    where = "with this program" if binary.kind == "embedded" else binary.path
    try:
        facts = await probe(binary)
    except SwitcherError as error:
        return Finding(
            level=Level.PROBLEM, topic="engine", sentence=f"{where}: {error.message}", hint=error.hint
        )
    devices = ", ".join(facts.devices) or "the processor alone"
    return Finding(level=Level.OK, topic="engine", sentence=f"{facts.version} ({where}) can use {devices}")


def _memory() -> Iterator[Finding]:
    sampler = MemorySampler()
    try:
        readings = sampler.sample()
    finally:
        sampler.close()
    for gpu in readings.gpus:
        sentence = f"{gpu.name}: {format_gib(gpu.used)} of {format_gib(gpu.total)} GiB in use"
        yield Finding(level=Level.OK, topic="memory", sentence=sentence)
    if readings.gpu_problem:
        yield Finding(
            level=Level.WARNING,
            topic="memory",
            sentence=readings.gpu_problem.rstrip("."),
            hint="Main memory is shown instead of GPU memory.",
        )
    if readings.ram is not None:
        sentence = (
            f"Main memory: {format_gib(readings.ram.used)} of {format_gib(readings.ram.total)} GiB in use"
        )
        yield Finding(level=Level.OK, topic="memory", sentence=sentence)


def _address(server: ServerSettings, running: str | None) -> Iterator[Finding]:
    if running is not None:
        yield Finding(level=Level.OK, topic="address", sentence=f"An instance is running at {running}")
        return
    try:
        sockets = bind_stable(server.host, server.port)
    except SwitcherError as error:
        yield Finding(level=Level.PROBLEM, topic="address", sentence=error.message, hint=error.hint)
        return
    for each in sockets:
        each.close()
    yield Finding(level=Level.OK, topic="address", sentence=f"Port {server.port} is free")


def _stores(stores: Sequence[Store], catalog: Catalog) -> Iterator[Finding]:
    if not catalog.models:
        yield Finding(
            level=Level.WARNING,
            topic="models",
            sentence="No model was found",
            hint='Name the folders of your GGUF files in the settings: model-folders = ["…"]',
        )
    for store in stores:
        inside = [
            m for m in catalog.models if any(_below(place, store.root) for place in (*m.places, m.path))
        ]
        noun = "model" if len(inside) == 1 else "models"
        place = store.root if store.label == store.root else f"{store.label} ({store.root})"
        yield Finding(level=Level.OK, topic="models", sentence=f"{place}: {len(inside)} {noun}")
    for code, count in sorted(Counter(rejected.code for rejected in catalog.rejected).items()):
        first = next(rejected for rejected in catalog.rejected if rejected.code == code)
        more = f" (and {count - 1} more like it)" if count > 1 else ""
        yield Finding(
            level=Level.WARNING,
            topic="models",
            sentence=f"{first.path}: {first.reason}{more}",
            hint="`model-switcher list` shows every such file." if count > 1 else "",
        )


def _environment() -> Iterator[Finding]:
    if dropped := dropped_variables(os.environ):
        yield Finding(
            level=Level.WARNING,
            topic="environment",
            sentence=f"Engines are started without {', '.join(dropped)} of your environment",
            hint="Put such options into [launch] of the settings.",
        )


def _below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip("/\\") + os.sep)
