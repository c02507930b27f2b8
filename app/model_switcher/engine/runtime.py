"""The engine floor as one thing: catalog, controller, readings and snapshot of one instance."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING

from model_switcher.domain.errors import SwitcherError, UnknownModel
from model_switcher.domain.plan import Limits
from model_switcher.domain.snapshot import Outcome, Snapshot
from model_switcher.engine.anticipation import Anticipation
from model_switcher.engine.background import in_background
from model_switcher.engine.binaries.probe import EngineProber
from model_switcher.engine.collection import Collection
from model_switcher.engine.control.controller import Controller
from model_switcher.engine.control.preflight import Preflight, names_of
from model_switcher.engine.default_model import DefaultModel
from model_switcher.engine.hub import Hub
from model_switcher.engine.live_memory import LiveMemory
from model_switcher.engine.log import LogPage, LogRing
from model_switcher.engine.needs.needs import Needs
from model_switcher.engine.readings.watch import MemoryWatch
from model_switcher.engine.settings.desk import SettingsDesk
from model_switcher.engine.settings.engine_watch import EngineWatch
from model_switcher.engine.settings.live import LiveSettings
from model_switcher.engine.settings_lines import with_line
from model_switcher.engine.timing import Timing

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_switcher.domain.catalog import Model
    from model_switcher.domain.history import HistoryReport
    from model_switcher.domain.launch import Launch
    from model_switcher.domain.settings import Settings
    from model_switcher.domain.states import Failure
    from model_switcher.engine.control.admission import Admission
    from model_switcher.engine.control.deadlines import Deadlines
    from model_switcher.engine.control.lending import Lending
    from model_switcher.places import Places

SAMPLE_SECONDS = 1.0

logger = logging.getLogger(__name__)


class Runtime:
    """Finds models, serves one, and says what is the case. All methods belong to the loop that `start` ran on.

    Every engine process is spawned on that loop's thread, which therefore must outlive them: a parent-death
    signal fires when the thread that forked ends.
    """

    def __init__(
        self, settings: Settings, places: Places, *, version: str, deadlines: Deadlines | None = None
    ) -> None:
        self.places = places
        self.log = LogRing()
        self.hub = Hub(Snapshot(version=version, time=time.time()))
        prober = EngineProber()
        self._collection = Collection(settings, places, self.hub)
        self._preflight = Preflight(settings, prober, self._collection.found_good)
        self._timing = Timing(places, self.hub)
        self._needs = Needs(settings, places, self.hub, self.log, prober, names_of=names_of)
        self._memory_watch = MemoryWatch(self.log, cache_of=self._needs.cache_of)
        self._controller = Controller(
            prepare=self._prepare,
            settings=settings.server,
            limits=Limits.of(settings),
            memory=LiveMemory(self.hub, self._memory_watch, self._needs),
            hub=self.hub,
            log=self.log,
            deadlines=deadlines,
            on_outcome=self._timing.note,
            expected=self._timing.expected,
            annotate=self._annotate,
        )
        self._anticipation = Anticipation(self.hub, enabled=settings.memory.warm_up)
        self.live = LiveSettings(settings, places.settings, self.hub)
        self.live.on_change(self._apply)
        self.desk = SettingsDesk(
            self.live, hub=self.hub, prober=prober, needs=self._needs, renewal=self._controller.renewal,
            log=self.log, read=self._memory_watch.read,
        )  # fmt: skip
        self._engine_watch = EngineWatch(self.live, self.hub, prober)
        self._default_model = DefaultModel(places)
        self._begun = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def settings(self) -> Settings:
        """Those in force."""
        return self.live.in_force

    @property
    def admission(self) -> Admission:
        """The gate that every request passes."""
        return self._controller.admission

    @property
    def lending(self) -> Lending:
        """The counter where models are borrowed."""
        return self._controller.lending

    @property
    def snapshot(self) -> Snapshot:
        """What is the case now."""
        return self.hub.snapshot

    def subscribe(self, listener: Callable[[Snapshot], None]) -> Callable[[], None]:
        """Call `listener` now and with every new snapshot; returns what ends that."""
        return self.hub.subscribe(listener)

    def subscribe_outcomes(self, listener: Callable[[Outcome], None]) -> Callable[[], None]:
        """Call `listener` whenever a load has ended, whoever wanted it; returns what ends that."""
        return self._timing.subscribe(listener)

    async def start(self) -> None:
        """Begin to look for models, to read memory, and to serve the default model. Returns at once."""
        self._collection.start()
        self._anticipation.start()
        self._needs.start()
        self._writer = asyncio.create_task(self._controller.run(), name="writer")
        self._tasks = [
            asyncio.create_task(self._first_steps(), name="first steps"),
            asyncio.create_task(self._sample(), name="readings"),
            asyncio.create_task(self.live.watch(), name="settings"),
            asyncio.create_task(self._engine_watch.run(), name="engines"),
        ]
        for task in (self._writer, *self._tasks, *self._needs.tasks):
            task.add_done_callback(self._note_defect)

    async def close(self, grace: float = 0.0) -> None:
        """Refuse what waits and stop every engine; nothing of this runtime runs afterwards.

        Args:
            grace: Seconds that running answers have before they are cut.
        """
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._anticipation.close()
        await self._needs.close()
        await self._collection.close()
        if self._writer is not None:
            await self._controller.close(grace)
            self._writer.cancel()
            await asyncio.gather(self._writer, return_exceptions=True)
        await self._timing.close()
        await self._default_model.close()
        await self._memory_watch.close()

    async def select(self, model: str, *, cut: bool = False) -> Outcome:
        """Serve the model that a person calls `model`: an id, a name, an alias, a file name or a path.

        Raises:
            UnknownModel, AmbiguousModel: It names no model, or several.
            UnusableModel: It is the path of a file that cannot be served.
            SwitchFailed: It did not come up; the old one, or the default, is back if it could be.
            SwitchSuperseded: A later choice replaced this one.
        """
        await self._begun.wait()
        found = await self._collection.resolve(model)
        outcome = await self._controller.select(found.id, cut=cut)
        self._default_model.remember(found)
        return outcome

    async def resolve(self, name: str) -> Model:
        """The model that a person or a program calls `name`; a file may be named by its path.

        Raises:
            UnknownModel, AmbiguousModel, UnusableModel: It names no model that can be served, or several.
        """
        await self._begun.wait()
        return await self._collection.resolve(name)

    async def hint(self, model: str | None) -> None:
        """The user is about to choose this model (its id), as far as a view can tell: its file may be read ahead."""
        self._anticipation.hint(model)

    async def unload(self, model: str) -> None:
        """Unload one model, by its id. Returns when it is gone."""
        await self._begun.wait()
        await self._controller.unload(model)

    async def cancel(self) -> None:
        """Give up the switch under way; the model before it comes back."""
        self._controller.cancel()

    async def stop(self) -> None:
        """Unload everything; the next request loads the selected model again.

        Returns when what runs now is gone, or when a request wants it again.
        """
        await self._begun.wait()
        await self._controller.stop()

    async def pause(self) -> None:
        """Unload everything, and let requests wake nothing until `resume`. Returns as `stop` does."""
        await self._begun.wait()
        await self._controller.pause()

    async def resume(self) -> None:
        """End a pause and load the selected model."""
        await self._begun.wait()
        self._controller.resume()
        await self.hub.wait_for(lambda snapshot: not snapshot.paused)

    async def history(self, limit: int | None = None) -> HistoryReport:
        """Every load that is kept, the newest `limit` one by one."""
        return await self._timing.report(limit)

    async def rescan(self) -> None:
        """Look for stores and models again; returns when that is done."""
        await self._collection.refresh()

    async def log_after(self, number: int) -> LogPage:
        """What the engines wrote from that line on; waits until there is something."""
        return await self.log.after(number)

    def set_address(self, address: str, notice: str | None = None) -> None:
        """Tell the views where the gateway listens, and what the user should know about this instance."""
        self.hub.update(address=address, notice=notice)

    def _apply(self, settings: Settings) -> None:
        """Go by these settings from now on."""
        self._preflight.settings = settings
        self._tasks.append(asyncio.create_task(self._renew_default(settings), name="default model"))
        for part in (self._collection, self._needs, self._anticipation):
            part.apply(settings)
        self._controller.renewal.apply(settings.server, Limits.of(settings))

    async def _prepare(self, model_id: str) -> Launch:
        model = self.snapshot.catalog.get(model_id)
        if model is None:
            raise UnknownModel(
                f"{model_id} is not in the catalog any more", hint="It may have been moved or deleted."
            )
        launch, *_ = await asyncio.gather(
            self._preflight.prepare(model), self._timing.look(model), self._needs.find(model)
        )
        return launch

    async def _annotate(self, model_id: str, failure: Failure) -> Failure:
        """The failure of a model with the line of the settings that causes it, where one does."""
        model = self.snapshot.catalog.get(model_id)
        names = names_of(model) if model is not None else (model_id,)
        return await in_background(with_line, failure, self.places.settings, names)

    async def _first_steps(self) -> None:
        """List models, then begin with the default one. A choice that came meanwhile is made after that, and so wins."""
        try:
            await self._timing.open()
            await self._collection.listed()
            first = await self._begin_default()
        finally:
            self._begun.set()
        if first is not None:
            with contextlib.suppress(SwitcherError):  # the snapshot carries the outcome
                await first

    async def _begin_default(self) -> asyncio.Task[Outcome] | None:
        """Choose the default model; what comes of it, if there is one."""
        wanted = await in_background(self._default_model.wanted, self.settings)
        if wanted is None:
            return None
        try:
            model = await self._collection.resolve(wanted)
        except SwitcherError as error:
            self.hub.update(notice=f"The default model cannot be served: {error.message}")
            return None
        self._controller.set_default(model.id)
        wake = self.settings.start_server == "at start"
        choice = asyncio.create_task(self._controller.select(model.id, wake=wake), name="default model")
        # The program may end before anybody waits for it.
        choice.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.sleep(0)  # the choice is in the mailbox now, before any other
        return choice

    async def _renew_default(self, settings: Settings) -> None:
        """The last fallback may be another model. One that is not there is told when it is needed."""
        wanted = await in_background(self._default_model.wanted, settings)
        with contextlib.suppress(SwitcherError):
            self._controller.set_default((await self.resolve(wanted)).id if wanted is not None else None)

    def _note_defect(self, task: asyncio.Task[None]) -> None:
        """Tell of a task that ended by a defect: nobody waits for it who would."""
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("The task %r failed", task.get_name(), exc_info=error)
            self.hub.update(notice=f"The program failed in its task {task.get_name()!r}: {error}")

    async def _sample(self) -> None:
        while True:
            self.hub.update(**await self._memory_watch.look(self.snapshot))
            self._controller.refresh()
            await asyncio.sleep(SAMPLE_SECONDS)
