"""Memory as the snapshot tells it, and the proof that it was given back, on readings that a test makes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest

from model_switcher.domain.memory import Gpu, GpuProcess, Readings
from model_switcher.domain.owners import OwnerKind
from model_switcher.domain.release import Evidence, Proven, Unproven
from model_switcher.domain.snapshot import ServerView, Snapshot
from model_switcher.domain.spill import Sign
from model_switcher.domain.states import ServerState
from model_switcher.domain.units import GIB, MIB
from model_switcher.engine.log import LogLine, LogRing
from model_switcher.engine.readings.release import prove_release
from model_switcher.engine.readings.sampler import MemorySampler
from model_switcher.engine.readings.watch import MemoryWatch

PID = 4194305  # more than a process can have
SERVER = ServerView(
    model="phinance", state=ServerState.READY, engine="llama-server", pid=PID, alias="~a", progress=1.0
)
SNAPSHOT = Snapshot(servers=(SERVER,))


class Card:
    """A reader with one card."""

    def __init__(self) -> None:
        self.free = 200 * MIB
        self.used: int | None = 15 * GIB
        self.shared: int | None = None
        self.hangs = threading.Event()
        self.hangs.set()
        self.closed = False

    def read(self, server_pids: Sequence[int]) -> tuple[tuple[Gpu, ...], str | None]:
        del server_pids
        self.hangs.wait(20)
        processes = (GpuProcess(pid=PID, name="llama-server", used=self.used, shared=self.shared),)
        gpu = Gpu(
            index=0, name="RTX", source="test", id="RTX", total=16 * GIB, used=16 * GIB - self.free,
            free=self.free, processes=processes if self.used is not None else (),
        )  # fmt: skip
        return (gpu,), None

    def close(self) -> None:
        self.closed = True


class Watching:
    """A watch on a card."""

    def __init__(self) -> None:
        self.card, self.log = Card(), LogRing()
        sampler = MemorySampler(readers=(self.card,))
        self.watch = MemoryWatch(self.log, sampler, hang=0.2, cache_of=lambda _: GIB)

    async def look(self, snapshot: Snapshot = SNAPSHOT) -> Snapshot:
        return replace(snapshot, **await self.watch.look(snapshot))


@pytest.fixture
async def it() -> AsyncIterator[Watching]:
    watching = Watching()
    yield watching
    watching.card.hangs.set()
    await watching.watch.close()
    assert watching.card.closed


async def test_the_snapshot_tells_readings_and_who_holds_what(it: Watching) -> None:
    seen = await it.look()
    assert seen.readings is not None
    assert seen.readings.gpus[0].name == "RTX"
    card, ram = seen.owners
    assert [(owner.kind, owner.name) for owner in card.owners][:1] == [(OwnerKind.SERVER, "phinance")]
    assert card.used_by(OwnerKind.SERVER) == 15 * GIB
    assert ram.device == "ram"
    assert seen.spill is None


async def test_shared_memory_that_grows_is_told_as_a_spill_until_the_server_ends(
    it: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("model_switcher.engine.readings.sampler.time.time", lambda: now)
    it.log.add(
        LogLine(0.0, "phinance", "x: initializing, n_slots = 1, n_ctx_slot = 16384, kv_unified = 'true'")
    )
    it.card.shared = 0
    await it.look()
    it.card.shared = GIB // 2
    for _ in range(12):
        now += 1.0
        seen = await it.look()
    assert seen.spill is not None
    assert (seen.spill.model, seen.spill.sign, seen.spill.amount) == (
        "phinance",
        Sign.SHARED_MEMORY,
        GIB // 2,
    )
    assert seen.spill.action is not None
    assert seen.spill.action.ctx_size == 8192
    assert (await it.look(Snapshot())).spill is None


async def test_slow_answers_with_a_full_card_are_told_as_a_spill(
    it: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("model_switcher.engine.readings.sampler.time.time", lambda: now)
    monkeypatch.setattr("model_switcher.engine.readings.processor.Processor.others", lambda *_: 5.0)
    for milliseconds in [2000] * 5 + [20_000] * 3:
        for line in (
            "slot launch_slot_: id  0 | task 1 | processing task, is_child = 0",
            f"slot print_timing: id  0 | task 1 |        eval time = {milliseconds}.00 ms / 100 tokens (",
            "slot      release: id  0 | task 1 | stop processing: n_tokens = 130, truncated = 0",
        ):
            it.log.add(LogLine(now, "phinance", line))
        now += 21.0
        seen = await it.look()
    assert seen.spill is not None
    assert (seen.spill.sign, seen.spill.before, seen.spill.now) == (Sign.SPEED, 50.0, 5.0)


async def test_a_driver_that_hangs_is_said_and_main_memory_is_still_read(it: Watching) -> None:
    assert (await it.look()).readings is not None
    it.card.hangs.clear()
    for _ in range(2):
        seen = (await it.look()).readings
        assert seen is not None
        assert (seen.gpus, seen.gpu_problem, seen.missing) == (
            (),
            "The GPU driver does not answer.",
            ("RTX",),
        )
        assert seen.ram is not None
    it.card.hangs.set()
    while not (seen := (await it.look()).readings) or seen.gpu_problem:
        await asyncio.sleep(0.01)
    assert (len(seen.gpus), seen.missing) == (1, ())


async def test_the_end_does_not_wait_for_a_driver_that_hangs() -> None:
    watching = Watching()
    watching.card.hangs.clear()
    await watching.look()
    await watching.watch.close()
    assert not watching.card.closed
    watching.card.hangs.set()


async def test_the_last_reading_of_a_server_is_the_last_one_that_it_stands_in(it: Watching) -> None:
    loading = Snapshot(servers=(replace(SERVER, state=ServerState.LOADING),))
    await it.look(loading)
    assert it.watch.last_of(PID) is None, "it does not hold yet what it will hold"
    seen = (await it.look()).readings
    assert it.watch.last_of(PID) is seen
    it.card.used = None
    await it.look()
    assert it.watch.last_of(PID) is seen, "it has ended since"
    await it.look(Snapshot())
    assert it.watch.last_of(PID) is None


async def test_where_a_driver_never_tells_of_a_server_its_last_reading_is_the_latest(it: Watching) -> None:
    it.card.used = None
    await it.look()
    latest = (await it.look()).readings
    assert it.watch.last_of(PID) is latest


BEFORE = Readings(
    time=0.0,
    gpus=(
        Gpu(
            index=0, name="RTX", source="test", id="RTX", total=16 * GIB, used=15 * GIB, free=GIB,
            processes=(GpuProcess(pid=PID, name="llama-server", used=15 * GIB),),
        ),
    ),
)  # fmt: skip


async def test_the_proof_reads_until_the_memory_is_free(it: Watching) -> None:
    reads = 0

    async def read() -> Readings:
        nonlocal reads
        reads += 1
        it.card.used = None
        it.card.free = 16 * GIB if reads == 4 else GIB
        return await it.watch.read([PID])

    assert await prove_release(read, BEFORE, pids=frozenset({PID})) == Proven(
        evidence=Evidence.MEMORY, gained=15 * GIB
    )
    assert reads == 4


async def test_the_proof_is_given_up_at_its_bound(it: Watching) -> None:
    it.card.used, it.card.free = None, GIB
    verdict = await prove_release(lambda: it.watch.read([PID]), BEFORE, pids=frozenset({PID}), bound=0.1)
    assert verdict == Unproven(holder="the driver", missing=15 * GIB, device="RTX")


async def test_the_proof_does_not_wait_for_a_driver_that_hangs(it: Watching) -> None:
    it.card.hangs.clear()
    verdict = await prove_release(lambda: it.watch.read([PID]), BEFORE, pids=frozenset({PID}), bound=0.1)
    assert verdict == Unproven(holder="the driver: it does not answer")
