from __future__ import annotations

import asyncio
import threading

import pytest

from model_switcher.engine import background
from model_switcher.engine.background import Worker, in_background


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


async def test_a_thread_is_kept_for_the_next_call() -> None:
    first = await in_background(threading.current_thread)
    assert await in_background(threading.current_thread) is first


async def test_calls_at_the_same_time_have_a_thread_each() -> None:
    together = threading.Barrier(5)

    def meet() -> threading.Thread:
        together.wait(20)
        return threading.current_thread()

    assert len(set(await asyncio.gather(*(in_background(meet) for _ in range(5))))) == 5


async def test_a_thread_that_nobody_needs_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "SPARE_SECONDS", 0.05)
    monkeypatch.setattr(background, "_spare", [])
    thread = await in_background(threading.current_thread)
    await asyncio.to_thread(thread.join, 20)
    assert not thread.is_alive()
    assert await in_background(threading.current_thread) is not thread


async def test_a_worker_does_one_thing_after_the_other_in_one_thread() -> None:
    worker = Worker("test")
    order: list[int] = []
    threads = await asyncio.gather(
        *(
            worker.call(lambda number=number: (order.append(number), threading.current_thread()))
            for number in range(5)
        )
    )
    assert order == [0, 1, 2, 3, 4]
    assert len({thread for _, thread in threads}) == 1
    assert threads[0][1].daemon
    worker.end()
    await asyncio.to_thread(threads[0][1].join)


async def test_what_a_worker_fails_in_comes_back_and_the_next_thing_is_done() -> None:
    worker = Worker("test")
    with pytest.raises(ValueError, match="invalid literal"):
        await worker.call(lambda: int("seven"))
    assert await worker.call(lambda: 7) == 7
    worker.end()


async def test_a_worker_that_was_ended_can_be_called_again() -> None:
    worker = Worker("test")
    first = await worker.call(threading.current_thread)
    worker.end()
    assert await worker.call(threading.current_thread) is not first
    worker.end()


def test_nobody_waits_for_a_worker_that_hangs() -> None:
    release = threading.Event()

    async def give_up() -> threading.Thread:
        worker = Worker("test")
        thread = await worker.call(threading.current_thread)
        hanging = worker.call(release.wait)
        await asyncio.wait({hanging}, timeout=0.05)
        worker.end()
        return thread

    thread = asyncio.run(give_up())
    assert thread.is_alive()
    release.set()
    thread.join()
