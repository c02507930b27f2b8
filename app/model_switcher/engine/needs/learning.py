"""Learns from the servers that run: each is watched from its start until what it holds has settled, and after that."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from model_switcher.domain.need import Need, Source
from model_switcher.domain.states import ServerState
from model_switcher.engine.background import in_background
from model_switcher.engine.needs.breakdown import loaded
from model_switcher.engine.needs.ledger import GRAIN
from model_switcher.engine.needs.measured import Figures, Watched, measured
from model_switcher.engine.needs.store import Entry, Key, NeedStore

if TYPE_CHECKING:
    from model_switcher.domain.catalog import Model
    from model_switcher.domain.snapshot import ServerView, Snapshot
    from model_switcher.engine.log import LogRing
    from model_switcher.engine.needs.estimate import Estimator


class Expect(Protocol):
    """How a model is started, and what it takes then: its key and an estimator; None where that is not known."""

    async def __call__(self, model_id: str) -> tuple[Key, Estimator] | None: ...


class Learned(Protocol):
    """Hears that a model was measured, and whether that tells of others too: what the driver holds for a process."""

    def __call__(self, model_id: str, *, of_others: bool) -> None: ...


@dataclass(slots=True)
class _Start:
    """One start of a server.

    Attributes:
        puzzling: Figures that say nothing yet, for the model's header was not read when it started.
        known: The model as it was known then.
    """

    model: str
    began: float
    expected: asyncio.Task[tuple[Key, Estimator] | None]
    watched: Watched | None = None
    puzzling: Figures | None = None
    known: Model | None = None
    need: Need | None = None
    tasks: set[asyncio.Task[None]] = field(default_factory=set)


class Learner:
    """Lives on the runtime's loop.

    Args:
        expect: Tells how a model is started, at the moment of its start.
        store: Is given what was measured.
        log: What the engines write.
        on_learned: Hears of each measurement.
    """

    def __init__(self, expect: Expect, store: NeedStore, log: LogRing, on_learned: Learned) -> None:
        self._expect = expect
        self._store = store
        self._log = log
        self._on_learned = on_learned
        self._starts: dict[str, _Start] = {}

    def look(self, snapshot: Snapshot) -> None:
        """What is the case now. Costs nothing where no server is new and no reading."""
        running = {server.alias: server for server in snapshot.servers}
        for alias in self._starts.keys() - running.keys():
            self._forget(self._starts.pop(alias))
        for alias, server in running.items():
            start = self._starts.get(alias)
            if start is None:
                expected = asyncio.ensure_future(self._expect(server.model))
                model = snapshot.catalog.get(server.model)
                start = self._starts[alias] = _Start(server.model, time.time(), expected, known=model)
            self._watch(start, server, snapshot)

    def need(self, model_id: str) -> Need | None:
        """What a running server of the model was measured to take."""
        return next((start.need for start in self._starts.values() if start.model == model_id), None)

    async def close(self) -> None:
        """End."""
        for start in self._starts.values():
            self._forget(start)
        tasks = [task for start in self._starts.values() for task in (start.expected, *start.tasks)]
        await asyncio.gather(*tasks, return_exceptions=True)

    def _watch(self, start: _Start, server: ServerView, snapshot: Snapshot) -> None:
        if server.state is not ServerState.READY or server.pid is None or snapshot.readings is None:
            return
        if start.watched is None:
            start.watched = Watched(server.pid, server.since)
        figures = start.watched.look(snapshot.readings)
        if figures is None and start.puzzling is not None:
            model = snapshot.catalog.get(server.model)
            if model is not start.known:
                figures, start.known = start.puzzling, model
                start.expected = asyncio.ensure_future(self._expect(server.model))
        # A part that was moved to main memory is missing from what the GPU holds.
        spilled = snapshot.spill is not None and snapshot.spill.model == server.model
        if figures is not None and not spilled:
            task = asyncio.create_task(self._learn(start, figures), name=f"measured {start.model}")
            start.tasks.add(task)
            task.add_done_callback(start.tasks.discard)

    async def _learn(self, start: _Start, figures: Figures) -> None:
        lines = [line.text for line in self._log.lines(start.model) if line.time >= start.began]
        told = loaded(lines)
        expected = await start.expected
        start.puzzling = figures
        if expected is None:
            return
        key, estimator = expected
        # A context that was set is used as it is, whatever part of it a slot may have.
        context = estimator.ctx_size or told.ctx_size
        predicted = await in_background(estimator.at_context, context) if context else None
        need = measured(predicted, told, figures)
        if need is None or not need.ctx_size:
            return
        start.need, start.puzzling = need, None
        driver = self._store.driver(key.gpus)
        entry = Entry(
            key=key, source=Source.MEASURED, ctx_size=need.ctx_size, layers=need.n_gpu_layers, need=need
        )
        self._store.remember(entry)
        news = need.driver is not None and abs(need.driver - (driver or 0)) > GRAIN
        self._on_learned(start.model, of_others=news)
        await self._store.keep(entry)

    def _forget(self, start: _Start) -> None:
        for task in (start.expected, *start.tasks):
            task.cancel()
