"""Why a server failed, where it is this program that finds it out, and not the engine that says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_switcher.domain.errors import SwitcherError
from model_switcher.domain.states import Cause, Failure
from model_switcher.domain.units import format_seconds

if TYPE_CHECKING:
    from model_switcher.domain.launch import Launch

Log = tuple[str, ...]


def could_not_start(launch: Launch, error: OSError) -> Failure:
    return Failure(
        cause=Cause.ENGINE_WONT_START,
        sentence=f"The engine {launch.engine} could not be started: {error.strerror or error}",
        hint="`model-switcher doctor` looks for engines that work.",
    )


def no_progress(launch: Launch, limit: float, log: Log) -> Failure:
    return Failure(
        cause=Cause.NOT_READY_IN_TIME,
        sentence=f"{launch.model.name} showed no progress for {format_seconds(limit)}",
        hint="The log tells how far it came: `model-switcher logs`.",
        log=log,
    )


def hangs(launch: Launch, log: Log) -> Failure:
    return Failure(
        cause=Cause.HANGS,
        sentence=f"The engine of {launch.model.name} does not answer any more",
        hint="It is started again; its log may tell more: `model-switcher logs`.",
        log=log,
    )


def another_server(port: int | None, log: Log) -> Failure:
    return Failure(
        cause=Cause.ANOTHER_SERVER,
        sentence=f"What answers on port {port} is not the engine that was started",
        hint="Another program took the port in between; try again.",
        log=log,
    )


def wont_stop(launch: Launch, pid: int, log: Log) -> Failure:
    return Failure(
        cause=Cause.WONT_STOP,
        sentence=f"The engine of {launch.model.name} (process {pid}) does not end",
        hint="Its driver may hang; a restart of the computer frees the memory.",
        log=log,
    )


def unexpected(error: Exception, log: Log) -> Failure:
    return Failure(cause=SwitcherError.code, sentence=f"The engine could not be run: {error}", log=log)
