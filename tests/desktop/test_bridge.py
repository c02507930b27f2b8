"""The crossing between the two loops, with a real loop on either side."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import qasync

from fakes import snapshots
from fakes.stand_in import StandIn, StandInThread
from model_switcher.desktop.bridge import Bridge
from model_switcher.domain.errors import Closing, UnusableModel
from model_switcher.domain.snapshot import Result, Snapshot
from model_switcher.domain.states import ServerState

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from PySide6.QtWidgets import QApplication


@pytest.fixture
def engine() -> Iterator[StandInThread]:
    thread = StandInThread(StandIn())
    yield thread
    thread.request_stop()
    thread.join()


def on_qt(
    qapp: QApplication, engine: StandInThread, test: Callable[[Bridge], Coroutine[Any, Any, None]]
) -> None:
    """Runs `test` on the desktop's loop with an open bridge."""

    async def main() -> None:
        bridge = Bridge(engine.loop, engine.intentions)
        await bridge.open()
        await test(bridge)
        await bridge.close()

    with asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(qapp)) as runner:
        runner.run(asyncio.wait_for(main(), 20))


def test_an_intention_runs_on_the_engines_loop_and_its_result_comes_back(
    qapp: QApplication, engine: StandInThread
) -> None:
    async def test(bridge: Bridge) -> None:
        async def where(_: object) -> str:
            return threading.current_thread().name

        assert await bridge.call(where) == "engine"
        outcome = await bridge.call(lambda engine: engine.select("qwen3-8b"))
        assert (outcome.result, outcome.target) == (Result.SWITCHED, "qwen3-8b")

    on_qt(qapp, engine, test)


def test_an_error_crosses_with_its_code_and_hint(qapp: QApplication, engine: StandInThread) -> None:
    async def test(bridge: Bridge) -> None:
        with pytest.raises(UnusableModel) as caught:
            await bridge.call(lambda engine: engine.select(snapshots.LLAMA.id))
        assert caught.value.code == "model-truncated"
        assert caught.value.hint == "Download it again."

    on_qt(qapp, engine, test)


def test_cancelling_the_await_cancels_what_runs_on_the_other_side(
    qapp: QApplication, engine: StandInThread
) -> None:
    async def test(bridge: Bridge) -> None:
        pending = asyncio.create_task(bridge.call(lambda engine: engine.select(snapshots.GEMMA.id)))
        await bridge.call(lambda engine: engine.rescan())
        pending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await pending
        await bridge.close()
        assert engine.intentions.cancelled == [snapshots.GEMMA.id]

    on_qt(qapp, engine, test)


def test_closing_waits_until_all_that_was_pending_has_ended_over_there(
    qapp: QApplication, engine: StandInThread
) -> None:
    async def test(bridge: Bridge) -> None:
        pending = [
            asyncio.create_task(bridge.call(lambda engine: engine.select(snapshots.GEMMA.id)))
            for _ in range(10)
        ]
        await bridge.call(lambda engine: engine.rescan())
        await bridge.close()
        assert engine.intentions.cancelled == [snapshots.GEMMA.id] * 10
        assert engine.intentions.listeners == []
        results = await asyncio.gather(*pending, return_exceptions=True)
        assert all(isinstance(result, asyncio.CancelledError) for result in results)

    on_qt(qapp, engine, test)


def test_a_closed_bridge_refuses_further_calls(qapp: QApplication, engine: StandInThread) -> None:
    async def test(bridge: Bridge) -> None:
        await bridge.close()
        with pytest.raises(Closing):
            await bridge.call(lambda engine: engine.stop())

    on_qt(qapp, engine, test)


def test_a_call_after_the_engine_has_gone_is_refused_too(qapp: QApplication, engine: StandInThread) -> None:
    async def test(bridge: Bridge) -> None:
        engine.request_stop()
        await asyncio.wrap_future(engine.ended)
        with pytest.raises(Closing):
            await bridge.call(lambda engine: engine.stop())

    async def main() -> None:
        bridge = Bridge(engine.loop, engine.intentions)
        await test(bridge)

    with asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(qapp)) as runner:
        runner.run(asyncio.wait_for(main(), 20))


def test_a_flood_of_snapshots_is_delivered_as_the_last_one(qapp: QApplication, engine: StandInThread) -> None:
    async def test(bridge: Bridge) -> None:
        seen: list[Snapshot] = []
        arrived = asyncio.Event()

        def keep(snapshot: Snapshot) -> None:
            seen.append(snapshot)
            if snapshot.number > 1000:
                arrived.set()

        bridge.changed.connect(keep)
        flood_is_over = threading.Event()

        async def flood(_: object) -> None:
            for _number in range(1000):
                engine.intentions.show(snapshots.ready())
            flood_is_over.set()

        begun = asyncio.ensure_future(bridge.call(flood))
        await asyncio.sleep(0)
        flood_is_over.wait(10)  # the desktop is busy all the while, as with a long paint
        await begun
        await arrived.wait()
        assert seen[-1] is engine.intentions.snapshot
        assert len(seen) <= 2
        assert [one.number for one in seen] == sorted(one.number for one in seen)

    on_qt(qapp, engine, test)


def test_a_server_that_failed_is_seen_even_in_a_flood(qapp: QApplication, engine: StandInThread) -> None:
    failed = replace(snapshots.ready(), servers=(snapshots.server(state=ServerState.FAILED),))

    async def test(bridge: Bridge) -> None:
        seen: list[Snapshot] = []
        bridge.changed.connect(seen.append)

        async def flood(_: object) -> None:
            for snapshot in (snapshots.ready(), failed, snapshots.stopped(), snapshots.ready()):
                engine.intentions.show(snapshot)
            flood_is_over.set()

        flood_is_over = threading.Event()
        begun = asyncio.ensure_future(bridge.call(flood))
        await asyncio.sleep(0)
        flood_is_over.wait(10)  # the desktop is busy all the while
        await begun
        while not seen or seen[-1] is not engine.intentions.snapshot:
            await asyncio.sleep(0)
        assert [one.servers for one in seen[-2:]] == [failed.servers, snapshots.ready().servers]

    on_qt(qapp, engine, test)


def test_snapshots_arrive_in_the_desktops_thread_the_current_one_first(
    qapp: QApplication, engine: StandInThread
) -> None:
    seen: list[tuple[int, str]] = []

    async def main() -> None:
        bridge = Bridge(engine.loop, engine.intentions)
        arrived = asyncio.Event()
        bridge.changed.connect(lambda one: seen.append((one.number, threading.current_thread().name)))
        bridge.changed.connect(lambda _: arrived.set())
        await bridge.open()
        await arrived.wait()
        await bridge.close()

    with asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(qapp)) as runner:
        runner.run(asyncio.wait_for(main(), 20))
    assert seen == [(1, "MainThread")]
