"""What every model takes and whether it fits, kept up to date while catalog, memory and servers change."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from model_switcher.domain.need import Supposed
from model_switcher.engine.background import in_background
from model_switcher.engine.needs.asking import QUIET_SECONDS, Asker, Question
from model_switcher.engine.needs.board import Board
from model_switcher.engine.needs.estimate import Estimator
from model_switcher.engine.needs.fits import fit_of
from model_switcher.engine.needs.learning import Learner
from model_switcher.engine.needs.ledger import Free, Ledger, Row, circumstances, in_motion
from model_switcher.engine.needs.setup import LOOK_AGAIN_SECONDS, Engines, files_of, setup
from model_switcher.engine.needs.store import FILE, NeedStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from model_switcher.domain.catalog import Model
    from model_switcher.domain.launch import Option
    from model_switcher.domain.need import Need
    from model_switcher.domain.prediction.blueprint import Blueprint
    from model_switcher.domain.settings import Settings
    from model_switcher.domain.snapshot import Snapshot
    from model_switcher.engine.binaries.probe import EngineProber
    from model_switcher.engine.hub import Hub
    from model_switcher.engine.log import LogRing
    from model_switcher.engine.needs.estimate import Estimate
    from model_switcher.engine.needs.ledger import Circumstances
    from model_switcher.engine.needs.store import Key
    from model_switcher.places import Places

STRETCH_SECONDS = 0.2  # that a thread works on estimates before what it found is shown
# How much longer than it works it rests after each prediction, for others share the interpreter with it.
REST = 1.0
REST_WHILE_ANSWERING = 4.0
_BATCH = 50


class Needs:
    """Lives on the runtime's loop. It works out one model after the other, those that matter now first.

    Args:
        settings: Engines and launch options.
        places: Where what is learned is kept.
        hub: Tells what is the case, and is given needs and fits.
        log: What the engines write.
        prober: Asks engines what they are.
        names_of: All names under which the settings may speak of a model.
        quiet: Seconds for which nothing must have gone on before an engine is asked.
        look_again: Seconds after which it looks whether there are other engines.
        rest: How much longer than it works it rests after each prediction, while nothing is answered.
    """

    def __init__(
        self,
        settings: Settings,
        places: Places,
        hub: Hub,
        log: LogRing,
        prober: EngineProber,
        *,
        names_of: Callable[[Model], tuple[str, ...]],
        quiet: float = QUIET_SECONDS,
        look_again: float = LOOK_AGAIN_SECONDS,
        rest: float = REST,
    ) -> None:
        self._settings = settings
        self._hub = hub
        self._names_of = names_of
        self._rest = rest
        self._engines = Engines(prober, again=look_again)
        self._store = NeedStore(places.state / FILE)
        self._ledger = Ledger(self._store)
        self._learner = Learner(self._expect, self._store, log, self._learned)
        self._asker = Asker(self._next_question, self._store, self._answered, quiet=quiet)
        self._board = Board(hub, self._ledger, self.of, margin=settings.memory.margin)
        self._seen: Snapshot | None = None
        self._now: Circumstances | None = None
        self._catalog_changed = False
        self._asked_all_of = -1  # the edition of the ledger in which nothing was left to be asked
        self._changed = asyncio.Event()
        self._opened = asyncio.Event()
        self._idle = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._unsubscribe: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begin. Returns at once."""
        self._unsubscribe = self._hub.subscribe(self._look)
        self._tasks = [
            asyncio.create_task(self._run(), name="needs"),
            asyncio.create_task(self._asker.run(), name="questions"),
        ]

    def apply(self, settings: Settings) -> None:
        """Go by these engines, launch options and this margin from now on."""
        self._settings = settings
        self._board.margin = settings.memory.margin
        self._ledger.set_up_again()
        self._changed.set()

    async def with_options(self, model: Model, options: Mapping[str, Option], engine: str) -> Supposed:
        """What a model would take with those launch options and that engine, and whether it would fit."""
        await self._opened.wait()
        row = Row(model)
        await self._set_up([row], options, engine)
        now = circumstances(self._hub.snapshot, self.of, self._store.driver)
        done = await in_background(_work, [row], now, 0.0)
        estimate = done[0][2] if done else None
        fit = fit_of(estimate, now, margin=self._board.margin) if now is not None else None
        return Supposed(need=estimate.need if estimate is not None else None, fit=fit)

    async def worked_out(self) -> None:
        """Wait until the views have been told of every model in the catalog."""
        await self._idle.wait()

    async def close(self) -> None:
        """End; an engine that is being asked is gone on return."""
        self._unsubscribe()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._learner.close()
        await self._store.close()

    @property
    def tasks(self) -> Sequence[asyncio.Task[None]]:
        """What runs as long as this does."""
        return self._tasks

    def of(self, model_id: str) -> Need | None:
        """What a model takes with its launch options: of one that runs, as it was started; None if nobody knows.

        Where llama-server may choose context and layers, it is with those that it would choose if nothing else of ours
        were loaded.
        """
        running = self._learner.need(model_id)
        if running is not None:
            return running
        row = self._ledger.rows.get(model_id)
        return row.estimate.need if row is not None and row.estimate is not None else None

    def cache_of(self, model_id: str) -> int | None:
        """Bytes of a model's cache on the GPU; None if nobody knows."""
        need = self.of(model_id)
        return need.device.cache if need is not None else None

    async def find(self, model: Model) -> Need | None:
        """As `of`, worked out now if it is not known yet."""
        await self._opened.wait()
        row = self._ledger.rows.get(model.id)
        if row is None:
            row = self._ledger.rows[model.id] = Row(model)
        if row.setup is None:
            await self._set_up([row])
        if row.made_for is None or model.id in self._ledger.pending:
            await self._estimate([row], rest=0.0)
        return self.of(model.id)

    def _look(self, snapshot: Snapshot) -> None:
        """Hears of every snapshot: what costs time is left to the tasks."""
        self._asker.look(snapshot)
        before, self._seen = self._seen, snapshot
        if before is None or before.catalog is not snapshot.catalog:
            self._catalog_changed = True
            self._changed.set()
        if (
            before is None
            or before.readings is not snapshot.readings
            or before.servers is not snapshot.servers
        ):
            self._learner.look(snapshot)
            self._changed.set()

    async def _run(self) -> None:
        await self._store.open()
        self._opened.set()
        while True:
            await self._changed.wait()
            self._changed.clear()
            self._idle.clear()
            if await self._engines.changed():
                self._ledger.set_up_again()
            self._look_around()
            while rows := self._ledger.next(self._first(), _BATCH):
                await self._work_out(rows)
                self._look_around()
                await self._board.show(self._now)
            await self._board.show(self._now)
            self._idle.set()
            self._asker.wake()

    def _look_around(self) -> None:
        snapshot = self._hub.snapshot
        if self._catalog_changed:
            self._catalog_changed = False
            self._ledger.take(snapshot.catalog.models)
        if self._now is not None and in_motion(snapshot):
            return
        now = circumstances(snapshot, self.of, self._store.driver)
        if now is not None and (self._now is None or not now.near(self._now)):
            self._ledger.move(now)
            self._now = now

    def _first(self) -> list[str]:
        """The models that matter now."""
        snapshot = self._hub.snapshot
        wanted = [server.model for server in snapshot.servers]
        wanted += [name for name in (snapshot.selected, snapshot.switch and snapshot.switch.target) if name]
        return wanted

    # --- some models

    async def _work_out(self, rows: Sequence[Row]) -> None:
        new = [row for row in rows if row.setup is None]
        if new:
            await self._set_up(new)
        answering = any(server.in_flight for server in self._hub.snapshot.servers)
        await self._estimate(rows, rest=REST_WHILE_ANSWERING if answering else self._rest)

    async def _set_up(
        self, rows: Sequence[Row], options: Mapping[str, Option] | None = None, engine: str | None = None
    ) -> None:
        snapshot = self._hub.snapshot
        gpus = tuple(card.name for card in snapshot.readings.cards) if snapshot.readings is not None else ()
        files = await in_background(lambda: [files_of(row.model) for row in rows])
        for row, named in zip(rows, files, strict=True):
            names = self._names_of(row.model)
            binary = await self._engines.find(engine or self._settings.engine_for(names))
            chosen = self._settings.launch_options(names) if options is None else options
            found = setup(row.model, binary, chosen, gpus=gpus)
            row.key = replace(found.key, files=named)
            draft = _draft(found.draft, snapshot) if found.draft is not None else None
            row.estimator = Estimator(row.model, found, row.key, self._store, draft=draft)
            row.setup = found

    async def _estimate(self, rows: Sequence[Row], *, rest: float) -> None:
        self._ledger.begin(rows)
        waiting = {row.model.id for row in rows}
        for row, made_for, estimate in await in_background(_work, rows, self._now, rest):
            self._ledger.done(row, made_for, estimate)
            waiting.discard(row.model.id)
        self._ledger.again(waiting)

    # --- what is learned

    async def _expect(self, model_id: str) -> tuple[Key, Estimator] | None:
        await self._opened.wait()
        model = self._hub.snapshot.catalog.get(model_id)
        if model is None:
            return None
        row = Row(model)
        await self._set_up([row])
        return (row.key, row.estimator) if row.key is not None and row.estimator is not None else None

    def _next_question(self) -> Question | None:
        if self._asked_all_of == self._ledger.edition:
            return None
        for row, ctx_size in self._ledger.unanswered(self._first()):
            if row.setup is not None and row.key is not None:
                return Question(row.model, row.setup, row.key, ctx_size)
        self._asked_all_of = self._ledger.edition
        return None

    def _answered(self, question: Question) -> None:
        self._ledger.again([question.model.id])
        self._changed.set()

    def _learned(self, model_id: str, *, of_others: bool) -> None:
        self._ledger.again(self._ledger.rows if of_others else [model_id])
        self._changed.set()


def _draft(path: str, snapshot: Snapshot) -> Blueprint | None:
    """The blueprint of a draft model, if the catalog knows it."""
    models = snapshot.catalog.models
    return next((model.blueprint for model in models if path in {*model.files, *model.places}), None)


def _work(
    rows: Sequence[Row], now: Circumstances | None, rest: float
) -> list[tuple[Row, Free, Estimate | None]]:
    """Estimates of the first rows, as many as a stretch of time allows; in a thread."""
    done: list[tuple[Row, Free, Estimate | None]] = []
    until = time.monotonic() + STRETCH_SECONDS
    for row in rows:
        if row.estimator is None or row.setup is None:
            continue
        free = now.free(row.setup) if now is not None else (None, None)
        row.estimator.rest = rest
        done.append((row, free, row.estimator.estimate(*free)))
        if time.monotonic() >= until:
            break
    return done
