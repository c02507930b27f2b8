"""Tells at once when something in a set of folders changes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from functools import partial
from typing import TYPE_CHECKING

import watchfiles

from model_switcher.engine.background import in_thread
from model_switcher.engine.catalog.partial import may_be_partial
from model_switcher.engine.catalog.walk import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_DEBOUNCE_MS = 400
_STEP_MS = 250
_HEARTBEAT_MS = 500
_LAST_SECONDS = 2.0
_log = logging.getLogger(__name__)


class Watched:
    """Watches a changing set of folders.

    Args:
        on_change: As the watcher's.

    Attributes:
        unwatched: Those of the folders that cannot be watched.
    """

    def __init__(self, on_change: Callable[[set[str]], None]) -> None:
        self._on_change = on_change
        self._folders: Sequence[tuple[str, object]] = ()
        self._watchers: dict[tuple[str, ...], Watcher] = {}
        self.unwatched: set[str] = set()
        self._said: set[str] = set()

    def set(self, folders: Sequence[tuple[str, object]]) -> None:
        """Watch these from now on.

        Args:
            folders: Each with what tells it from another one that takes its place.
        """
        if folders == self._folders:
            return
        self._folders = list(folders)
        self._end()
        self.unwatched.clear()
        if folders:
            self._begin(tuple(folder for folder, _ in folders))

    async def close(self) -> None:
        """Watch nothing any more."""
        watchers = self._end()
        for watcher in watchers:
            await in_thread(partial(watcher.join, _LAST_SECONDS), "end of watching")

    def _begin(self, folders: tuple[str, ...]) -> None:
        self._watchers[folders] = Watcher(folders, self._on_change, partial(self._failed, folders))

    def _end(self) -> list[Watcher]:
        watchers, self._watchers = list(self._watchers.values()), {}
        for watcher in watchers:
            watcher.stop()
        return watchers

    def _failed(self, folders: tuple[str, ...], error: Exception) -> None:
        """One watcher for all takes the least; where one folder ends it, each of the others gets its own."""
        del self._watchers[folders]
        if len(folders) > 1:
            for folder in folders:
                self._begin((folder,))
            return
        if not self._said.issuperset(folders):
            _log.warning(
                "%s cannot be watched (%s): it is looked at from time to time instead", *folders, error
            )
        self._said.update(folders)
        self.unwatched.update(folders)


class Watcher:
    """Watches folders and all below them, in a thread: beginning to watch a large tree, or a dead one, takes long.

    Args:
        folders: Folders that exist.
        on_change: Called on the loop with the paths at which something changed; with none once watching has begun,
            for what changed before that is not told.
        on_failure: Called on the loop with what keeps them from being watched; it ends then.
    """

    def __init__(
        self,
        folders: Sequence[str],
        on_change: Callable[[set[str]], None],
        on_failure: Callable[[Exception], None],
    ) -> None:
        self._folders = folders
        self._on_change = on_change
        self._on_failure = on_failure
        self._stop = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="watch models", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Nothing is told from now on; the thread ends soon after."""
        self._stop.set()

    def join(self, seconds: float) -> None:
        """Wait for the thread to end. Blocks."""
        self._thread.join(seconds)

    def _run(self) -> None:
        begun = False
        try:
            # macOS tells of changes by the paths that links lead to.
            real = {os.path.realpath(folder): folder for folder in self._folders}
            for changes in watchfiles.watch(
                *self._folders,
                watch_filter=_matters,
                debounce=_DEBOUNCE_MS,
                step=_STEP_MS,
                stop_event=self._stop,
                rust_timeout=_HEARTBEAT_MS,
                yield_on_timeout=True,
                raise_interrupt=False,
                ignore_permission_denied=True,
            ):
                if not begun:
                    self._tell(self._on_change, set())
                elif changes:
                    self._tell(self._on_change, {_known(path, real) for _, path in changes})
                begun = True
        except (OSError, RuntimeError) as error:
            # Whatever the platform has against it: too many watches, a folder just gone, a name that is no text.
            self._tell(self._on_failure, error)

    def _tell(self, listener: Callable[..., None], *words: object) -> None:
        def tell() -> None:
            if not self._stop.is_set():
                listener(*words)

        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(tell)


def _known(path: str, real: Mapping[str, str]) -> str:
    """A path by the name under which its folder is known."""
    for folder, name in real.items():
        if folder != name and (path == folder or path.startswith(folder + os.sep)):
            return name + path[len(folder) :]
    return path


def _matters(change: watchfiles.Change, path: str) -> bool:
    """Whether a change may concern a model: files of other kinds may be written to all day."""
    if change is not watchfiles.Change.modified:
        return True
    lower = path.lower()
    return lower.endswith(SUFFIX) or may_be_partial(lower)
