"""Storms of intentions, requests, leases and faults over a controller with real processes, for as long as one likes.

    PYTHONPATH=tests python tests/fuzz/fuzz_controller.py [--seconds 120] [--seed 1]

A storm is told by its seed. After each one everybody must have got an answer, what is chosen must be served (or rest), no
request may have come between a borrower and his model, and no process may be left.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import math
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

from fakes.house import MeasuredMemory, house
from fuzz.chance import ROOM, SIZES, Chance
from model_switcher.domain.plan import Limits, restarts
from model_switcher.engine.control import book

STEPS = 60
LIMIT_SECONDS = 120.0


class Errors(logging.Handler):
    """Keeps what is logged as an error: a step of the writer that failed."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(self.format(record))


@contextmanager
def errors() -> Iterator[list[str]]:
    handler = Errors()
    logging.getLogger().addHandler(handler)
    try:
        yield handler.found
    finally:
        logging.getLogger().removeHandler(handler)


async def storm(seed: int) -> tuple[list[str], list[str]]:
    """What went wrong in the storm with that seed, and all that happened in it."""
    chance = random.Random(seed)  # noqa: S311 - the same storm each time
    policy = chance.choice(["unknown memory", "one at a time", "while it fits"])
    memory = None if policy == "unknown memory" else MeasuredMemory(ROOM, **SIZES)
    limits = Limits(
        beside=policy == "while it fits",
        margin=1,
        starvation_bound=chance.choice([0.1, 0.4]),
        return_after=chance.choice([0.1, 0.5]),
        unload_after_idle=chance.choice([math.inf, 0.4]),
    )
    default, lease_limit = chance.choice([None, "a", "c"]), chance.choice([0.5, 5.0])
    with errors() as found:
        async with house(
            default, limits=limits, memory=memory, seconds=LIMIT_SECONDS, drain_timeout=0.2, hold_timeout=8.0,
            lease_limit=lease_limit,
        ) as it:  # fmt: skip
            if memory is not None and chance.random() < 0.3:
                it.pinned.add("b")
            at_work = Chance(it, chance, memory, beside=limits.beside)
            await at_work.strike(STEPS)
            await at_work.settle()
    return [*at_work.problems, *found], at_work.told


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--seed", type=int, default=1, help="of the first storm; the next ones count on")
    options = parser.parse_args()
    book.RETRY_SECONDS, restarts.RESTART_LIMIT = 0.6, 2
    end, seed = time.monotonic() + options.seconds, options.seed
    while time.monotonic() < end:
        problems, told = asyncio.run(storm(seed))
        if problems:
            print(*told, "", f"Storm {seed}:", *problems, sep="\n")
            return 1
        seed += 1
    print(f"{seed - options.seed} storms of {STEPS} strokes, nothing found")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
