"""A controller with models whose engines have the faults that a test gives them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace

from fakes.launches import QUICK, fake_launch, lives
from model_switcher.domain.launch import Launch
from model_switcher.domain.need import Fit
from model_switcher.domain.plan import Limits, Span
from model_switcher.domain.settings import ServerSettings
from model_switcher.domain.snapshot import Outcome, Reason, Snapshot
from model_switcher.domain.states import ServerState
from model_switcher.engine.control.admission import Ticket
from model_switcher.engine.control.controller import Controller
from model_switcher.engine.control.leases import Lease, Owner
from model_switcher.engine.control.server import Server
from model_switcher.engine.hub import Hub
from model_switcher.engine.log import LogRing

FAILS = ("--exit-while-loading", "7")
SLOW = ("--load-seconds", "60")


class House:
    """A controller, and models whose engines have the faults that a test gives them."""

    def __init__(
        self, settings: ServerSettings, default: str | None, limits: Limits, memory: MeasuredMemory | None
    ) -> None:
        self.faults: dict[str, tuple[str, ...]] = {}
        self.refused: dict[str, Exception] = {}
        self.checked_until: dict[str, asyncio.Event] = {}
        self.prepared: list[str] = []
        self.pids: set[int] = set()
        self.pinned: set[str] = set()
        self.outcomes: list[Outcome] = []
        self.hub = Hub(Snapshot())
        self.hub.subscribe(lambda snapshot: self.pids.update(s.pid for s in snapshot.servers if s.pid))
        self.controller = Controller(
            prepare=self._prepare,
            settings=settings,
            limits=limits,
            memory=memory,
            on_outcome=lambda outcome, _: self.outcomes.append(outcome),
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
        launch = fake_launch(model, *self.faults.get(model, ()))
        return replace(launch, pinned=model in self.pinned)

    @property
    def serving(self) -> str | None:
        return next((s.model for s in self.hub.snapshot.servers if s.state is ServerState.READY), None)

    @property
    def ready(self) -> set[str]:
        return {s.model for s in self.hub.snapshot.servers if s.state is ServerState.READY}

    @property
    def loads(self) -> list[tuple[str, Reason]]:
        """What was loaded, and for whom."""
        return [(outcome.target, outcome.reason) for outcome in self.outcomes]

    async def enter(self, model: str | None = None) -> Ticket:
        return await self.controller.admission.enter(model)

    async def ask(self, model: str | None = None) -> str:
        """A short request; the model that answered it."""
        ticket = await self.enter(model)
        ticket.leave()
        return ticket.model

    async def borrow(self, model: str, name: str = "report.py", *, connected: bool = True) -> Lease:
        return await self.controller.lending.borrow(model, Owner(name), connected=connected)

    def give_back(self, lease: Lease) -> None:
        self.controller.lending.give_back(lease)

    def launch(self, model: str) -> Launch:
        """How it was started."""
        return next(server.launch for server in self.controller._fleet if server.model == model)

    def pid(self, model: str) -> int:
        return next(s.pid or 0 for s in self.hub.snapshot.servers if s.model == model)


class MeasuredMemory:
    """Memory of a certain size, of which each model takes what a test says; proofs of release wait for the test.

    Attributes:
        total: All there is.
        sizes: What each model takes.
        others: What other programs take.
        fits: What of a model would fit.
        proven: Set while the memory of ended servers counts as free.
    """

    def __init__(self, total: int, **sizes: int) -> None:
        self.total = total
        self.sizes = sizes
        self.others = 0
        self.fits: dict[str, Fit] = {}
        self.proven = asyncio.Event()
        self.proven.set()

    def room(self, servers: Iterable[Server]) -> int | None:
        return self.total - self.others - sum(self.sizes.get(server.model, 0) for server in servers)

    def need(self, launch: Launch) -> Span | None:
        size = self.sizes.get(launch.model.id)
        return None if size is None else Span(size, size)

    def held(self, server: Server) -> int | None:
        return self.sizes.get(server.model)

    def fit(self, model: str) -> Fit | None:
        return self.fits.get(model)

    async def released(self, server: Server) -> None:
        del server
        await self.proven.wait()


@asynccontextmanager
async def house(
    default: str | None = None,
    *,
    limits: Limits | None = None,
    memory: MeasuredMemory | None = None,
    seconds: float = 30.0,
    **settings: object,
) -> AsyncIterator[House]:
    made = House(ServerSettings(**settings), default, limits or Limits(), memory)  # type: ignore[arg-type]
    writer = asyncio.create_task(made.controller.run())
    try:
        async with asyncio.timeout(seconds):
            yield made
            await made.controller.close()
        assert not [pid for pid in made.pids if lives(pid)], "an engine was left behind"
        assert not writer.done(), "the writer died"
    finally:
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
