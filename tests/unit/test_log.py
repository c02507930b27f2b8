"""The ring of lines that the engines wrote."""

from __future__ import annotations

import asyncio

from model_switcher.engine.log import LogLine, LogPage, LogRing


def line(number: int, model: str = "a") -> LogLine:
    return LogLine(float(number), model, f"line {number}")


def filled(count: int, capacity: int = 100) -> LogRing:
    ring = LogRing(capacity)
    for number in range(count):
        ring.add(line(number))
    return ring


async def test_lines_are_numbered_from_the_start_and_the_oldest_go_first() -> None:
    ring = filled(7, capacity=3)
    assert await ring.after(0) == LogPage(4, [line(4), line(5), line(6)])
    assert await ring.after(6) == LogPage(6, [line(6)])
    assert ring.lines() == [line(4), line(5), line(6)]


async def test_long_lines_count_by_their_length() -> None:
    ring = LogRing(characters=20)
    for number in range(4):
        ring.add(LogLine(0.0, "a", f"{number}" * 8))
    assert [one.text[0] for one in ring.lines()] == ["2", "3"]
    assert (await ring.after(0)).first == 2


async def test_who_has_read_all_waits_for_the_next_line() -> None:
    ring = filled(2)
    waiting = asyncio.create_task(ring.after(2))
    await asyncio.sleep(0)
    assert not waiting.done()
    ring.add(line(2))
    assert await waiting == LogPage(2, [line(2)])


async def test_who_gives_up_waiting_harms_nobody() -> None:
    ring = filled(0)
    first, second = asyncio.create_task(ring.after(0)), asyncio.create_task(ring.after(0))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    ring.add(line(0))
    assert await second == LogPage(0, [line(0)])


def test_the_tail_is_of_one_model() -> None:
    ring = LogRing()
    for number in range(6):
        ring.add(line(number, "ab"[number % 2]))
    assert ring.tail("b", 2) == [line(3, "b"), line(5, "b")]
    assert ring.tail("c", 2) == []
