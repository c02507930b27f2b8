"""Work in threads that nobody waits for at the end of the program."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


async def in_background(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `function` returns, called in a thread of its own.

    Unlike with `asyncio.to_thread`, neither the end of the loop nor that of the program waits for it: a look at a
    network drive that does not answer may take minutes, and so may a driver.

    Raises:
        Exception: What the function raised.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def deliver(value: T | None, error: BaseException | None) -> None:
        if result.done():
            return
        if error is not None:
            result.set_exception(error)
        else:
            result.set_result(cast("T", value))

    def work() -> None:
        value: T | None = None
        failed: BaseException | None = None
        try:
            value = function(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001 - it is handed to whoever waits
            failed = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(deliver, value, failed)

    threading.Thread(target=work, name="background", daemon=True).start()
    return await result
