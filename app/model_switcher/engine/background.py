"""Work in threads that nobody waits for at the end of the program."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


def in_thread(function: Callable[[], T], name: str = "background") -> asyncio.Future[T]:
    """Call `function` in a thread of its own; the result comes to this loop.

    Unlike with `asyncio.to_thread`, neither the end of the loop nor that of the program waits for it, and it takes no
    place in a pool: a look at a network drive that does not answer may take minutes, and so may a driver.
    """
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

    threading.Thread(target=work, name=name, daemon=True).start()
    return result


async def in_background(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `function` returns, called in a thread as `in_thread` does.

    Raises:
        Exception: What the function raised.
    """
    return await in_thread(partial(function, *args, **kwargs))
