"""The life of a server when its engine does what real ones rarely do."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from fakes.launches import IMPATIENT, QUICK, Watched, lives, until
from model_switcher.domain.engines import EngineBinary
from model_switcher.domain.states import Cause, ServerState
from model_switcher.engine.control.pulse import Signs
from model_switcher.engine.log import KEPT_CHARACTERS

STARTING, LOADING, READY, STOPPING, STOPPED, FAILED = ServerState


async def started(*faults: str) -> Watched:
    watched = Watched(*faults)
    watched.server.start()
    return watched


async def test_from_start_to_end_in_order() -> None:
    watched = await started("--load-seconds", "0.05")
    await watched.reach(READY)
    assert watched.server.port is not None
    assert watched.server.pid is not None
    assert lives(watched.server.pid)
    assert watched.progress == sorted(watched.progress, key=lambda part: part or 0.0)
    watched.server.stop()
    await watched.server.wait_ended()
    assert watched.states == [STARTING, LOADING, READY, STOPPING, STOPPED]
    assert watched.server.failure is None
    assert not lives(watched.server.pid)


async def test_an_engine_that_reports_nothing_is_asked_over_http() -> None:
    watched = await started("--silent")
    await watched.reach(READY)
    watched.server.stop()
    await watched.server.wait_ended()
    assert watched.states == [STARTING, READY, STOPPING, STOPPED]


async def test_a_load_that_is_given_up_is_killed_at_once() -> None:
    watched = await started("--load-seconds", "60")
    await watched.reach(LOADING)
    watched.server.stop()
    await watched.server.wait_ended()
    assert watched.states == [STARTING, LOADING, STOPPING, STOPPED]
    assert not lives(watched.server.pid or 0)


async def test_a_stop_before_the_process_is_there_leaves_nothing() -> None:
    watched = await started("--load-seconds", "60")
    watched.server.stop()
    await watched.server.wait_ended()
    assert watched.states == [STARTING, STOPPING, STOPPED]
    assert not lives(watched.server.pid or 0)


@pytest.mark.parametrize(
    ("faults", "cause"),
    [
        (("--exit-at-once", "1"), Cause.EXITED),
        (("--load-seconds", "0.02", "--exit-while-loading", "7"), Cause.EXITED),
        (("--never-ready",), Cause.NOT_READY_IN_TIME),
        (("--never-ready", "--silent", "--ignore-termination"), Cause.NOT_READY_IN_TIME),
        (("--wrong-alias",), Cause.ANOTHER_SERVER),
        (("--wrong-alias", "--silent"), Cause.ANOTHER_SERVER),
        (("--garbage", "--never-ready"), Cause.NOT_READY_IN_TIME),
    ],
)
async def test_an_engine_that_does_not_come_up_is_gone_when_that_is_said(
    faults: tuple[str, ...], cause: Cause
) -> None:
    watched = Watched(*faults, deadlines=IMPATIENT if cause is Cause.NOT_READY_IN_TIME else QUICK)
    watched.server.start()
    await watched.reach(FAILED)
    assert watched.server.failure is not None
    assert watched.server.failure.cause == cause
    assert watched.server.failure.sentence
    assert not lives(watched.server.pid or 0)


async def test_a_process_that_neither_comes_up_nor_ends_is_told_with_both() -> None:
    watched = Watched("--never-ready", deadlines=replace(IMPATIENT, kill=0.0))
    watched.server.start()
    await watched.reach(FAILED)
    failure = watched.server.failure
    assert failure is not None
    assert failure.cause == Cause.NOT_READY_IN_TIME, "or it would be started again"
    assert "does not end" in failure.hint
    child = watched.server._child
    assert child is not None
    assert await child.wait(20) is not None, "it was killed all the same"


async def test_a_crash_after_ready_is_told_with_its_exit_code() -> None:
    watched = await started("--exit-after-ready", "0.05")
    await watched.reach(READY)
    await watched.reach(FAILED)
    failure = watched.server.failure
    assert failure is not None
    assert (failure.cause, failure.exit_code) == (Cause.CRASHED, 3)


async def test_an_engine_that_hangs_is_told_from_one_that_is_busy() -> None:
    signs = Signs(in_flight=0)
    watched = Watched(deadlines=replace(QUICK, beat=0.1), signs=lambda: signs)
    watched.server.start()
    await watched.reach(ServerState.READY)
    os.kill(watched.server.pid or 0, signal.SIGSTOP)
    for _ in range(8):  # it answers no question, and yet somebody gets his answer piece by piece
        await asyncio.sleep(0.1)
        signs = Signs(in_flight=1, heard=time.monotonic())
    assert watched.server.state is ServerState.READY
    assert await watched.reach(ServerState.FAILED) is ServerState.FAILED
    failure = watched.server.failure
    assert failure is not None
    assert failure.cause == Cause.HANGS
    assert not lives(watched.server.pid or 0)


async def test_an_engine_that_computes_with_no_time_for_questions_does_not_hang() -> None:
    watched = Watched("--deaf", deadlines=replace(QUICK, beat=0.05), signs=lambda: Signs(in_flight=1))
    watched.server.start()
    await watched.reach(ServerState.READY)
    await asyncio.sleep(1.0)
    assert watched.server.state is ServerState.READY
    watched.server.stop()
    await watched.reach(ServerState.STOPPED)


async def test_an_engine_that_ignores_every_request_to_end_is_killed() -> None:
    watched = await started("--ignore-termination")
    await watched.reach(READY)
    watched.server.stop()
    await watched.server.wait_ended()
    assert watched.server.state is STOPPED
    assert not lives(watched.server.pid or 0)


@pytest.mark.parametrize("how", ["stop", "crash"])
async def test_a_child_of_the_engine_does_not_stay_behind(tmp_path: Path, how: str) -> None:
    pidfile = tmp_path / "child"
    crash = ("--exit-after-ready", "0.05") if how == "crash" else ()
    watched = await started("--leave-child", str(pidfile), *crash)
    await watched.reach(READY)
    child = int(pidfile.read_text())
    if how == "stop":
        watched.server.stop()
    await watched.server.wait_ended()
    await until(lambda: not lives(child))


async def test_garbage_on_its_output_is_no_reason_to_fail() -> None:
    watched = await started("--garbage")
    await watched.reach(READY)
    watched.server.stop()
    await watched.server.wait_ended()


async def test_a_flooded_log_is_bounded() -> None:
    watched = Watched("--flood-mib", "40")
    watched.server.start()
    await watched.reach(READY)
    kept = sum(len(line.text) for line in watched.log.lines())
    assert KEPT_CHARACTERS * 0.99 < kept <= KEPT_CHARACTERS
    watched.server.stop()
    await watched.server.wait_ended()


async def test_a_program_that_is_not_there_is_a_failure_with_a_cause() -> None:
    watched = Watched()
    launch = watched.server.launch
    object.__setattr__(
        launch, "binary", EngineBinary(kind="llama-server", command=("/nowhere/llama-server",), source="test")
    )
    watched.server.start()
    await watched.reach(FAILED)
    assert watched.server.failure is not None
    assert watched.server.failure.cause == Cause.ENGINE_WONT_START
