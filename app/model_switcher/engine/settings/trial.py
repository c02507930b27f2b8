"""Tries an engine: loads a small model with it beside what runs, and tells what that took."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import psutil

from model_switcher.domain.catalog import Kind
from model_switcher.domain.engines import Tried
from model_switcher.domain.errors import EngineUnusable, SwitchFailed, UnknownModel
from model_switcher.domain.need import FitKind
from model_switcher.domain.states import COMING_UP, ServerState
from model_switcher.domain.units import format_size
from model_switcher.engine.background import in_background
from model_switcher.engine.control.server import Server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from model_switcher.domain.catalog import Model
    from model_switcher.domain.launch import Launch
    from model_switcher.domain.memory import Readings
    from model_switcher.domain.need import Supposed
    from model_switcher.engine.log import LogRing

    Read = Callable[[Sequence[int]], Awaitable[Readings]]


def smallest(models: Sequence[Model]) -> Model:
    """The model that is the least work to load.

    Raises:
        UnknownModel: There is none.
    """
    usable = [model for model in models if model.available and model.kind is Kind.TEXT]
    if not usable:
        raise UnknownModel("There is no model to try it with", hint="Name a folder with GGUF files first.")
    return min(usable, key=lambda model: model.size)


def check_room(model: Model, supposed: Supposed, *, alone: bool) -> None:
    """Nothing that runs is unloaded for a trial.

    Args:
        model: What is to be loaded.
        supposed: What it would take.
        alone: Whether nothing of ours runs.

    Raises:
        EngineUnusable: There is no room for it beside what runs.
    """
    fit = supposed.fit
    short = {FitKind.SHORT} if alone else {FitKind.SHORT, FitKind.ALONE, FitKind.TIGHT}
    if fit is not None and fit.kind in short:
        raise EngineUnusable(
            f"{model.name} needs {format_size(fit.need or model.size)}, which is not free now",
            hint="Stop the server first, or end other programs that use the GPU.",
        )


async def load_once(launch: Launch, log: LogRing, read: Read) -> Tried:
    """Start a server as `launch` says, and stop it once it is ready.

    Raises:
        SwitchFailed: It did not come up.
    """
    moved = asyncio.Event()
    server = Server(launch, on_change=lambda _: moved.set(), log=log)
    server.start()
    try:
        while server.state in COMING_UP:
            await moved.wait()
            moved.clear()
        if server.state is not ServerState.READY or server.pid is None:
            raise _failed(server)
        readings = await read([server.pid])
        ram = await in_background(_resident, server.pid)
        return Tried(
            model=launch.model.name,
            engine=launch.engine,
            seconds=server.load_seconds or 0.0,
            gpu=_on_gpus(readings, server.pid),
            ram=ram,
        )
    finally:
        server.stop()
        await server.wait_ended()


def _failed(server: Server) -> SwitchFailed:
    failure = server.failure
    if failure is None:
        return SwitchFailed("The engine ended by itself", hint="The log says more.")
    return SwitchFailed(failure.sentence, hint=failure.hint, details={"failure": failure})


def _on_gpus(readings: Readings, pid: int) -> int | None:
    family = {pid} | {one for one, parent in readings.kin.items() if parent == pid}
    used = [
        process.used
        for gpu in readings.cards
        for process in gpu.processes or ()
        if process.pid in family and process.used is not None
    ]
    return sum(used) if used else None


def _resident(pid: int) -> int | None:
    with contextlib.suppress(psutil.Error):
        return int(psutil.Process(pid).memory_info().rss)
    return None
