"""A controller with models whose engines have the faults that a test gives them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fakes.launches import QUICK, fake_launch, lives
from model_switcher.domain.launch import Launch
from model_switcher.domain.settings import ServerSettings
from model_switcher.domain.snapshot import Snapshot
from model_switcher.domain.states import ServerState
from model_switcher.engine.control.controller import Controller
from model_switcher.engine.hub import Hub
from model_switcher.engine.log import LogRing

FAILS = ("--exit-while-loading", "7")
SLOW = ("--load-seconds", "60")


class House:
    """A controller, and models whose engines have the faults that a test gives them."""

    def __init__(self, settings: ServerSettings, default: str | None) -> None:
        self.faults: dict[str, tuple[str, ...]] = {}
        self.refused: dict[str, Exception] = {}
        self.checked_until: dict[str, asyncio.Event] = {}
        self.prepared: list[str] = []
        self.pids: set[int] = set()
        self.hub = Hub(Snapshot())
        self.hub.subscribe(lambda snapshot: self.pids.update(s.pid for s in snapshot.servers if s.pid))
        self.controller = Controller(
            prepare=self._prepare,
            settings=settings,
            hub=self.hub,
            log=LogRing(),
            default=default,
            deadlines=QUICK,
        )

    async def _prepare(self, model: str) -> Launch:
        self.prepared.append(model)
        if model in self.checked_until:
            await self.checked_until[model].wait()
        if model in self.refused:
            raise self.refused[model]
        return fake_launch(model, *self.faults.get(model, ()))

    @property
    def serving(self) -> str | None:
        return next((s.model for s in self.hub.snapshot.servers if s.state is ServerState.READY), None)

    def pid(self, model: str) -> int:
        return next(s.pid or 0 for s in self.hub.snapshot.servers if s.model == model)


@asynccontextmanager
async def house(default: str | None = None, **settings: object) -> AsyncIterator[House]:
    made = House(ServerSettings(**settings), default)  # type: ignore[arg-type]
    writer = asyncio.create_task(made.controller.run())
    try:
        async with asyncio.timeout(30):
            yield made
            await made.controller.close()
        assert not [pid for pid in made.pids if lives(pid)], "an engine was left behind"
        assert not writer.done(), "the writer died"
    finally:
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
