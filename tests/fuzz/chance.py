"""Chance at work on a controller: intentions, requests, leases and faults at random, and what must hold at any moment."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Coroutine
from typing import Any

from fakes.house import FAILS, SLOW, House, MeasuredMemory
from fakes.launches import lives
from model_switcher.domain.errors import SwitcherError
from model_switcher.domain.states import COMING_UP, ServerState
from model_switcher.engine.control.leases import Lease

SIZES = {"a": 4, "b": 4, "c": 5, "d": 20}
ROOM = 10
PAUSES = (0.0, 0.0, 0.01, 0.05, 0.15, 0.3)
FAULTS = ((), (), FAILS, SLOW, ("--load-seconds", "0.2"))
SETTLED_SECONDS = 30.0
TOO_SLOW = 3.0


class Chance:
    """Everything that can happen to a controller, in an order that the seed decides.

    Args:
        house: The controller and its models.
        chance: Decides.
        memory: Its memory; None where nothing is known of it.
        beside: Whether models may stand beside each other.
    """

    def __init__(
        self, house: House, chance: random.Random, memory: MeasuredMemory | None, *, beside: bool
    ) -> None:
        self.problems: list[str] = []
        self.told: list[str] = []
        self._house = house
        self._chance = chance
        self._memory = memory
        self._beside = beside
        self._tasks: list[asyncio.Task[None]] = []
        self._lent: list[Lease] = []
        self._begun = time.monotonic()
        house.hub.subscribe(
            lambda now: self._tell(f"    {now.selected} {now.awake} {now.servers} {now.switch}")
        )

    async def strike(self, times: int) -> None:
        """So many things happen."""
        deeds = {
            self._select: 8, self._house.controller.cancel: 3, self._rest: 3, self._house.controller.resume: 2,
            self._unload: 1, self._ask: 13, self._borrow: 6, self._kill: 3, self._spoil: 4, self._take_memory: 2,
            self._house.controller.refresh: 3, self._leave: 2,
        }  # fmt: skip
        for _ in range(times):
            (deed,) = self._chance.choices(list(deeds), list(deeds.values()))
            self._tell(deed.__name__)
            deed()
            await asyncio.sleep(self._chance.choice(PAUSES))

    async def settle(self) -> None:
        """Nothing strikes any more: everybody gets an answer, and what is chosen is served, or rests."""
        it = self._house
        it.faults.clear()
        it.refused.clear()
        if self._memory is not None:
            self._memory.others = 0
        it.controller.cancel()
        end = time.monotonic() + SETTLED_SECONDS
        while not self._settled() and time.monotonic() < end:
            self._end_slow_loads()
            it.controller.refresh()
            await asyncio.sleep(0.05)
        waiting = [task.get_name() for task in self._tasks if not task.done()]
        if waiting or not self._settled():
            self.problems.append(f"never settled; {waiting} wait; {it.hub.snapshot}")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if left := +it.controller.admission.in_flight:
            self.problems.append(f"counted in and never out: {left}")

    def _settled(self) -> bool:
        now = self._house.hub.snapshot
        if now.switch is not None or now.held or now.leases or any(not task.done() for task in self._tasks):
            return False
        if now.paused or not now.awake:
            return all(server.state is ServerState.READY for server in now.servers)
        return now.selected in self._house.ready

    def _end_slow_loads(self) -> None:
        for server in self._house.hub.snapshot.servers:
            slow = server.state in COMING_UP and time.time() - server.since > TOO_SLOW
            if slow and server.pid is not None and lives(server.pid):
                os.kill(server.pid, signal.SIGKILL)

    # What can happen.

    def _select(self) -> None:
        cut, wake = self._chance.random() < 0.3, self._chance.random() < 0.9
        self._go("select", self._house.controller.select(self._model(), cut=cut, wake=wake))

    def _rest(self) -> None:
        controller = self._house.controller
        self._go("rest", controller.pause() if self._chance.random() < 0.3 else controller.stop())

    def _unload(self) -> None:
        self._go("unload", self._house.controller.unload(self._model()))

    def _ask(self) -> None:
        self._go(
            "ask", self._request(self._chance.choice([None, self._model()]), self._chance.random() * 0.4)
        )

    def _borrow(self) -> None:
        self._go("borrow", self._lease(self._model(), self._chance.random() * 0.5))

    def _leave(self) -> None:
        if under_way := [task for task in self._tasks if not task.done()]:
            self._chance.choice(under_way).cancel()

    def _kill(self) -> None:
        pids = [one.pid for one in self._house.hub.snapshot.servers if one.pid is not None and lives(one.pid)]
        if pids:
            os.kill(self._chance.choice(pids), signal.SIGKILL)

    def _spoil(self) -> None:
        model = self._model()
        self._house.refused.pop(model, None)
        if self._chance.random() < 0.15:
            self._house.refused[model] = SwitcherError("Refused")
        self._house.faults[model] = self._chance.choice(FAULTS)

    def _take_memory(self) -> None:
        if self._memory is not None:
            self._memory.others = self._chance.choice([0, 0, 2, 6])

    # How it goes on.

    def _model(self) -> str:
        return self._chance.choice("abc" if self._memory is None else "abcd")

    def _go(self, name: str, work: Coroutine[Any, Any, object]) -> None:
        async def go() -> None:
            try:
                await work
            except SwitcherError as error:
                self._tell(f"{name}: {error.message}")
            except Exception as error:  # noqa: BLE001 - that is what is looked for
                self.problems.append(f"{name}: {error!r}")

        self._tasks.append(asyncio.create_task(go(), name=name))

    async def _request(self, model: str | None, seconds: float) -> None:
        ticket = await self._house.enter(model)
        try:
            if model not in (None, ticket.model):
                self.problems.append(f"{model} was asked and {ticket.model} answered")
            others = [one.model for one in self._lent if not one.ended.done() and one.model != ticket.model]
            # One that is pinned stays beside what is lent, and goes on answering.
            if others and not self._beside and not self._house.pinned:
                self.problems.append(f"{ticket.model} came between while {others} is lent")
            await asyncio.sleep(seconds)
        finally:
            ticket.leave()

    async def _lease(self, model: str, seconds: float) -> None:
        lease = await self._house.borrow(model)
        self._lent.append(lease)
        try:
            async with asyncio.timeout(seconds):
                await asyncio.shield(lease.ended)
        except TimeoutError:
            return
        finally:
            self._lent.remove(lease)
            self._house.give_back(lease)

    def _tell(self, text: str) -> None:
        self.told.append(f"{time.monotonic() - self._begun:.3f} {text}")
