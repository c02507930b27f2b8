"""Work in threads that nobody waits for at the end of the program."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")

SPARE_SECONDS = 10.0

Jobs = queue.SimpleQueue["Callable[[], None]"]
_spare: list[Jobs] = []


def in_thread(function: Callable[[], T], name: str) -> asyncio.Future[T]:
    """Call `function` in a thread of its own, for it takes long or changes its thread; the result comes to this loop.

    Unlike with `asyncio.to_thread`, neither the end of the loop nor that of the program waits for it, and it takes no
    place in a pool: a look at a network drive that does not answer may take minutes, and so may a driver.
    """
    work, result = _prepare(function)
    threading.Thread(target=work, name=name, daemon=True).start()
    return result


class Worker:
    """One such thread for work that comes again and again, one thing after the other: a thread costs more than a look.

    Args:
        name: Of the thread.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def call(self, function: Callable[[], T]) -> asyncio.Future[T]:
        """Call `function` when its turn comes; the result comes to this loop."""
        job, result = _prepare(function)
        if self._thread is None:
            self._thread = threading.Thread(target=_work, args=(self._jobs,), name=self._name, daemon=True)
            self._thread.start()
        self._jobs.put(job)
        return result

    def end(self) -> None:
        """Let the thread end after what was asked for; a later call begins another."""
        self._jobs.put(None)
        self._thread = None
        self._jobs = queue.SimpleQueue()


def _work(jobs: queue.SimpleQueue[Callable[[], None] | None]) -> None:
    while (job := jobs.get()) is not None:
        job()


def _prepare(function: Callable[[], T]) -> tuple[Callable[[], None], asyncio.Future[T]]:
    """What another thread has to call, and the result as it comes to this loop."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def deliver(value: T | None, error: BaseException | None) -> None:
        if result.done():
            return  # nobody waits any more
        if error is not None:
            result.set_exception(error)
        else:
            result.set_result(cast("T", value))

    def work() -> None:
        value: T | None = None
        failed: BaseException | None = None
        try:
            value = function()
        except BaseException as error:  # noqa: BLE001 - it is handed to whoever waits
            failed = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(deliver, value, failed)

    return work, result


async def in_background(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `function` returns, called as `in_spare_thread` does.

    Raises:
        Exception: What the function raised.
    """
    return await in_spare_thread(partial(function, *args, **kwargs))


def in_spare_thread(function: Callable[[], T]) -> asyncio.Future[T]:
    """Call `function` in a thread of which nobody else needs anything meanwhile; the result comes to this loop.

    As with `in_thread` nobody waits for it at the end. The thread is kept for the next call: to start one holds up
    the loop for half a millisecond, until it runs.
    """
    work, result = _prepare(function)
    try:
        jobs = _spare.pop()
    except IndexError:
        jobs = queue.SimpleQueue()
        threading.Thread(target=_serve, args=(jobs,), name="background", daemon=True).start()
    jobs.put(work)
    return result


def _serve(jobs: Jobs) -> None:
    """Do what comes; end when nothing has come for a while."""
    while True:
        try:
            job = jobs.get(timeout=SPARE_SECONDS)
        except queue.Empty:
            try:
                _spare.remove(jobs)
            except ValueError:
                continue  # somebody has just taken this thread: a job is on its way
            return
        job()
        _spare.append(jobs)
