"""Tells views when no engine can be used: what was found, why it does not run, and where was looked."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from model_switcher.domain.engines import EngineTrouble
from model_switcher.domain.errors import EngineError
from model_switcher.engine.background import in_background
from model_switcher.engine.binaries.find import choose_engine, find_engines, searched
from model_switcher.engine.settings.engines import engines_of

if TYPE_CHECKING:
    from model_switcher.domain.engines import EngineBinary
    from model_switcher.domain.settings import Settings
    from model_switcher.domain.snapshot import Snapshot
    from model_switcher.engine.binaries.probe import EngineProber
    from model_switcher.engine.hub import Hub
    from model_switcher.engine.settings.live import LiveSettings

LOOK_SECONDS = 10.0

_Mark = tuple[str, int, int]


class EngineWatch:
    """Keeps `Snapshot.engine_trouble`. Lives on the runtime's loop.

    It asks the engines at the start, after every change of the settings, whenever the user has the program look again,
    and when a file of theirs came, went or changed.

    Args:
        live: The settings in force.
        hub: Is told.
        prober: Asks engines what they are.
    """

    def __init__(self, live: LiveSettings, hub: Hub, prober: EngineProber) -> None:
        self._live = live
        self._hub = hub
        self._prober = prober
        self._asked = asyncio.Event()
        self._seen = hub.snapshot

    async def run(self) -> None:
        """Watch, for ever."""
        end = self._hub.subscribe(self._hear)
        marks: frozenset[_Mark] | None = None
        try:
            while True:
                asked, settings = self._asked.is_set(), self._live.in_force
                self._asked.clear()
                now = await in_background(_marks, _named(settings))
                if asked or now != marks:
                    marks = now
                    self._hub.update(engine_trouble=await trouble_of(settings, self._prober))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._asked.wait()
        finally:
            end()

    def _hear(self, snapshot: Snapshot) -> None:
        before, self._seen = self._seen, snapshot
        looks_again = snapshot.scanning and not before.scanning
        if looks_again or snapshot.settings_edition != before.settings_edition:
            self._asked.set()


async def trouble_of(settings: Settings, prober: EngineProber) -> EngineTrouble | None:
    """Why none of the engines that the settings name can be used; None if one can."""
    reasons = []
    for setting in _named(settings):
        try:
            await prober.facts(await in_background(choose_engine, setting))
        except EngineError as error:
            reasons.append(error.message)
        else:
            return None
    return EngineTrouble(
        setting=settings.server.engine,
        reason=reasons[0],
        found=await engines_of(settings, prober),
        searched=await in_background(searched),
    )


def _named(settings: Settings) -> tuple[str, ...]:
    """What the settings say about engines, that of all models first."""
    others = (model.engine for model in settings.models.values() if model.engine)
    return tuple(dict.fromkeys((settings.server.engine, *others)))


def _marks(settings: tuple[str, ...]) -> frozenset[_Mark]:
    """Changes whenever an engine comes, goes or is replaced. Blocks."""
    found = {binary.path for setting in ("auto", *settings) for binary in _engines(setting)}
    marks = set()
    for path in found:
        with contextlib.suppress(OSError):
            status = Path(path).stat()
            marks.add((path, status.st_size, status.st_mtime_ns))
    return frozenset(marks)


def _engines(setting: str) -> list[EngineBinary]:
    try:
        return find_engines(setting)
    except EngineError:
        return []
