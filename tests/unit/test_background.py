from __future__ import annotations

import asyncio
import threading

import pytest

from model_switcher.engine.background import in_background


async def test_what_the_function_returns_comes_back() -> None:
    assert await in_background(divmod, 7, 2) == (3, 1)


async def test_what_the_function_raises_comes_back() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        await in_background(int, "seven")


def test_neither_the_loop_nor_the_program_waits_for_it() -> None:
    release, begun = threading.Event(), threading.Event()
    threads: list[threading.Thread] = []

    def take_long() -> None:
        threads.append(threading.current_thread())
        begun.set()
        release.wait()

    async def give_up() -> None:
        task = asyncio.create_task(in_background(take_long))
        await asyncio.to_thread(begun.wait)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(give_up())
    assert threads[0].is_alive()
    assert threads[0].daemon
    release.set()
    threads[0].join()
