"""Keeps the catalog complete and up to date."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from model_switcher.engine.background import in_spare_thread
from model_switcher.engine.library.drives import seems_remote
from model_switcher.engine.library.index import index
from model_switcher.engine.library.keeper import Keeper, Pace
from model_switcher.engine.library.publisher import Publisher
from model_switcher.engine.library.reading import Reading
from model_switcher.engine.library.shelf import View, unanswered
from model_switcher.engine.library.troubles import Troubles
from model_switcher.engine.library.watch import Watched

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from model_switcher.domain.catalog import Catalog
    from model_switcher.engine.header_process.process import HeaderProcess
    from model_switcher.engine.library.port import Progress, Reader
    from model_switcher.engine.stores import Store


_T = TypeVar("_T")
_REST = 19  # times as long as putting it together takes, the catalog rests while headers are read
_STORES = "(stores)"
_log = logging.getLogger(__name__)


class Library:
    """The catalog of all stores. It belongs to the loop that `start` runs on, and never blocks it.

    Args:
        find: Says which stores there are; called in a thread, at the start and from time to time.
        reader: Reads headers and puts the catalog together.
        on_change: Called on the loop with every new catalog, and with the progress while headers are still read.
        pace: How often things happen.
        process: Reads whole headers where there are many of them; it is closed with the library. None to read them
            in threads, which compete with the loop for the interpreter.
        live: Whether it is to be told of changes; not for those who want one catalog and go.
    """

    def __init__(
        self,
        find: Callable[[], Sequence[Store]],
        reader: Reader,
        on_change: Callable[[Catalog, Progress | None], None],
        pace: Pace | None = None,
        process: HeaderProcess | None = None,
        *,
        live: bool = True,
    ) -> None:
        self._find = find
        self._pace = pace or Pace()
        self._keepers: list[Keeper] = []
        self._reading = Reading(reader, process, self._pace, self._touch)
        self._publisher = Publisher(reader, self._reading, on_change)
        self._troubles = Troubles(self._touch)
        self._watched = Watched(self._changed)
        self._live = live
        self._changes = 1
        self._published = 0
        self._touched = asyncio.Event()
        self._sought = asyncio.Event()
        self._turn = asyncio.Condition()
        self._found = False
        self._listed = False
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def catalog(self) -> Catalog:
        """The last one."""
        return self._publisher.catalog

    @property
    def stores(self) -> list[Store]:
        """The stores that were found, the settings' folders first."""
        return [keeper.store for keeper in self._keepers]

    def start(self) -> None:
        """Begin. Returns at once."""
        self._tasks = [
            asyncio.create_task(self._discover(), name="stores"),
            asyncio.create_task(self._publish(), name="catalog"),
        ]
        for task in self._tasks:
            task.add_done_callback(_log_end)

    async def close(self) -> None:
        """End; threads that wait for a dead drive are left to themselves."""
        tasks = [*self._tasks, *(keeper.task for keeper in self._keepers if keeper.task)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._reading.close()
        await self._watched.close()

    async def listed(self) -> None:
        """Return once the names and sizes of all files are in the catalog, of every drive that answers."""
        async with self._turn:
            await self._turn.wait_for(lambda: self._listed)

    async def complete(self) -> None:
        """Return once all headers are read, too."""
        async with self._turn:
            await self._turn.wait_for(self._is_complete)

    async def refresh(self) -> None:
        """Look for stores and look at everything again; returns once the catalog is complete."""
        self._reading.doubt()
        await self._troubles.survive(_STORES, "looking for models of other programs", self._find_stores())
        for keeper in self._keepers:
            keeper.read = []
            keeper.look(None)
        await self.complete()

    def look_for_stores(self) -> None:
        """There may be other stores: look for them, and into those that are new. Returns at once."""
        self._sought.set()

    def name_anew(self) -> None:
        """Models may have other names: put the catalog together again. Returns at once."""
        self._touch()

    def _is_listed(self) -> bool:
        return self._found and all(keeper.looked or keeper.silent for keeper in self._keepers)

    def _is_complete(self) -> bool:
        told = self._published == self._changes and self._publisher.progress is None
        return told and self._found and all(keeper.done for keeper in self._keepers)

    def _touch(self) -> None:
        self._changes += 1
        self._touched.set()

    # Stores

    async def _discover(self) -> None:
        while True:
            await self._troubles.survive(_STORES, "looking for models of other programs", self._find_stores())
            if not self._found:
                self._found = True
                self._touch()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._sought.wait(), self._pace.discover)
            self._sought.clear()

    async def _find_stores(self) -> None:
        stores = list(await in_spare_thread(self._find))
        before = {keeper.store: keeper for keeper in self._keepers}
        # One that is away is not found, and comes back.
        kept = [keeper for keeper in self._keepers if keeper.store not in stores and keeper.view.away]
        self._keepers = [before.get(store) or Keeper(store, self._pace) for store in stores] + kept
        for keeper in before.values():
            if keeper not in self._keepers and keeper.task is not None:
                keeper.task.cancel()
                self._troubles.forget(keeper.store.root)
        for keeper in self._keepers:
            if keeper.task is None:
                keeper.task = asyncio.create_task(self._keep(keeper), name=f"store {keeper.store.label}")
                keeper.task.add_done_callback(_log_end)
        self._found = True
        if list(before) != [keeper.store for keeper in self._keepers] or not before:
            self._watch()
            self._touch()

    async def _keep(self, keeper: Keeper) -> None:
        """Look at one store whenever something changed there, and read what is new."""
        while True:
            changed, suspicious, asked = keeper.take()
            look = self._look(keeper, changed, suspicious=suspicious)
            if not await self._troubles.survive(keeper.store.root, "looking at it", look):
                keeper.changed = None
            if not keeper.looked:
                keeper.looked = True
                self._touch()
            await self._answer(keeper, asked)
            await self._pause(keeper)

    async def _look(self, keeper: Keeper, changed: set[str] | None, *, suspicious: bool) -> None:
        poll = suspicious or keeper.view.remote or keeper.store.root in self._watched.unwatched
        look = partial(keeper.shelf.look, changed, poll=poll)
        view = await self._answered(keeper, in_spare_thread(look))
        if view is not keeper.view:
            await self._reading.recall(view.entries)
            self._see(keeper, view)
        if not keeper.looked:
            keeper.looked = True
            self._touch()
        await self._read(keeper)

    async def _answer(self, keeper: Keeper, asked: int) -> None:
        """What was asked of a store is answered, whether anything changed there or not."""
        first, keeper.answered = not keeper.answered, asked
        if first:
            self._touch()
        async with self._turn:
            self._turn.notify_all()

    async def _pause(self, keeper: Keeper) -> None:
        pace = self._pace
        seconds = pace.poll if keeper.view.remote else pace.tick
        try:
            async with asyncio.timeout(pace.settle if keeper.view.moving else seconds):
                await keeper.wake.wait()
        except TimeoutError:
            return  # nobody told of anything: time to see for oneself

    def _see(self, keeper: Keeper, view: View) -> None:
        moved = view.identity != keeper.view.identity or view.remote != keeper.view.remote
        keeper.view = view
        if moved:
            self._watch()
        self._touch()

    async def _answered(self, keeper: Keeper, job: asyncio.Future[_T]) -> _T:
        """The result of a job, however long it takes; a drive that lets us wait is away meanwhile."""
        done, _ = await asyncio.wait({job}, timeout=self._pace.patience)
        if done:
            return await job
        before, keeper.silent = keeper.view, True
        if await in_spare_thread(partial(seems_remote, keeper.store.root)):
            self._see(keeper, unanswered(keeper.view, keeper.store))
        self._touch()
        try:
            return await job
        finally:
            keeper.silent = False
            self._see(keeper, before)

    # Headers

    async def _read(self, keeper: Keeper) -> None:
        """Read what is new in one store: first the beginnings, which say the most, then whole headers."""
        while keeper in self._keepers:
            views = self._views()
            if keeper.has_read(views):
                return
            now = await in_spare_thread(partial(index, views, self._reading.known))
            unread = now.unread.get(self._keepers.index(keeper), [])
            if not unread:
                keeper.read = views
                return
            await self._reading.read(unread, partial(self._answered, keeper))

    # Catalogs

    def _views(self) -> list[View]:
        return [keeper.view for keeper in self._keepers]

    async def _publish(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._touched.wait()
            self._touched.clear()
            began, changes, listed = loop.time(), self._changes, self._is_listed()
            busy = not all(keeper.answered or keeper.view.away for keeper in self._keepers)
            news = await self._publisher.publish(self._views(), self._troubles.entries, busy=busy)
            async with self._turn:
                self._published, self._listed = changes, listed
                self._turn.notify_all()
            if news:  # while headers are read, most of the processor is left to them
                await asyncio.sleep(self._pace.publish)
                await self._all_done((loop.time() - began) * _REST)

    async def _all_done(self, seconds: float) -> None:
        """Return once no store has anything to read any more, at the latest after so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._turn:
                await self._turn.wait_for(lambda: all(keeper.done for keeper in self._keepers))

    # Changes

    def _changed(self, paths: set[str]) -> None:
        """Something changed at these paths; with none, anything may have, in folders whose time says so."""
        for keeper in self._keepers:
            root = keeper.store.root
            inside = {path for path in paths if path == root or path.startswith(root.rstrip(os.sep) + os.sep)}
            if inside:
                keeper.look(inside)
            elif not paths:
                keeper.suspect()

    def _watch(self) -> None:
        if not self._live:
            return
        self._watched.set(
            [
                (keeper.store.root, keeper.view.identity)
                for keeper in self._keepers
                if keeper.view.identity is not None and not keeper.view.remote
            ]
        )


def _log_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.error("The catalog is not kept up any more: %s ended", task.get_name(), exc_info=error)
