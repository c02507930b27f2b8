"""The engines of this machine, as people choose among them."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from model_switcher.domain.engines import FoundEngine
from model_switcher.domain.errors import EngineError
from model_switcher.engine.background import in_background
from model_switcher.engine.binaries.find import choose_engine, find_engines

if TYPE_CHECKING:
    from model_switcher.domain.engines import EngineBinary
    from model_switcher.domain.settings import Settings
    from model_switcher.engine.binaries.probe import EngineProber


async def engines_of(settings: Settings, prober: EngineProber) -> tuple[FoundEngine, ...]:
    """Every engine that was found, and every other one that the settings name, each with what it says of itself."""
    found = await in_background(find_engines, "auto")
    first = found[0] if found else None
    known = {_place(binary) for binary in found}
    named = [settings.server.engine, *(model.engine for model in settings.models.values() if model.engine)]
    others: dict[str, EngineBinary | EngineError] = {}
    for setting in named:
        if setting in ("auto", "embedded") or setting in others:
            continue
        try:
            binary = await in_background(choose_engine, setting)
        except EngineError as error:
            others[setting] = error
        else:
            if _place(binary) not in known:
                others[setting] = binary
    looks = [_look(_setting(binary), binary, prober, auto=binary is first) for binary in found]
    looks += [
        _look(setting, binary, prober, auto=False)
        for setting, binary in others.items()
        if not isinstance(binary, EngineError)
    ]
    missing = [
        FoundEngine(setting=setting, kind="llama-server", source="settings", problem=error.message)
        for setting, error in others.items()
        if isinstance(error, EngineError)
    ]
    return (*await asyncio.gather(*looks), *missing)


def _place(binary: EngineBinary) -> str:
    return "embedded" if binary.kind == "embedded" else os.path.realpath(binary.path)


def _setting(binary: EngineBinary) -> str:
    return "embedded" if binary.kind == "embedded" else binary.path


async def _look(setting: str, binary: EngineBinary, prober: EngineProber, *, auto: bool) -> FoundEngine:
    version: str = ""
    devices: tuple[str, ...] = ()
    problem = None
    try:
        facts = await prober.facts(binary)
        version, devices = facts.version, facts.devices
    except EngineError as error:
        problem = error.message
    return FoundEngine(
        setting=setting,
        kind=binary.kind,
        source=binary.source,
        chosen_by_auto=auto,
        version=version,
        devices=devices,
        problem=problem,
    )
