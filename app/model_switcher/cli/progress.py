"""What is shown on a terminal while a command waits for an instance, or for models to be read."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from model_switcher.client.switcher import Switcher
    from model_switcher.domain.snapshot import ScanView, SwitchView
    from model_switcher.engine.library import Progress

BAR_CELLS = 24
_CLEAR = "\r\033[K"


def say_if_started(switcher: Switcher) -> None:
    """Tell that the instance had to be started."""
    if switcher.started:
        print(
            f"No instance was running: a headless one was started at {switcher.address}; "
            "it ends ten minutes after its last use.",
            file=sys.stderr,
        )


@contextlib.asynccontextmanager
async def progress_shown(switcher: Switcher) -> AsyncIterator[None]:
    """A bar for each switch that is under way meanwhile, where the error stream is a terminal."""
    if not sys.stderr.isatty():
        yield
        return
    showing = asyncio.create_task(_show(switcher))
    try:
        yield
    finally:
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)


@contextlib.contextmanager
def reading_shown() -> Iterator[Callable[[Progress | ScanView], None]]:
    """Gives what tells how many headers have been read, where the error stream is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    try:
        yield lambda progress: print(f"{_CLEAR}{reading(progress)}", end="", file=sys.stderr, flush=True)
    finally:
        print(_CLEAR, end="", file=sys.stderr, flush=True)


def reading(progress: Progress | ScanView) -> str:
    """How many headers have been read."""
    if not progress.total:
        return "Looking for models…"
    return f"Reading models: {progress.done:,} of {progress.total:,}"


async def _show(switcher: Switcher) -> None:
    shown = False
    try:
        async for snapshot in switcher.events():
            if snapshot.switch is not None:
                print(f"{_CLEAR}{_line(snapshot.switch)}", end="", file=sys.stderr, flush=True)
                shown = True
    finally:
        if shown:
            print(_CLEAR, end="", file=sys.stderr, flush=True)


def _line(switch: SwitchView) -> str:
    full = None if switch.progress is None else round(switch.progress * BAR_CELLS)
    bar = "" if full is None else "█" * full + "░" * (BAR_CELLS - full)
    return f"{switch.phase} {switch.target} {bar}"
