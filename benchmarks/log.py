"""The log window with a hundred thousand lines, while an engine goes on writing.

    PYTHONPATH=tests python benchmarks/log.py [--lines 100000] [--platform offscreen|xcb]

The window reads a ring of lines on another thread's loop over the program's own bridge, as it does in the program. A
stall is the longest time that Qt's loop does not come round: a timer is to fire every millisecond, and what it is late
counts. The process is alone with a window that is painted off screen.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from typing import TYPE_CHECKING

import psutil

from model_switcher.domain.units import MIB

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fakes.stand_in import StandInThread
    from model_switcher.desktop.log.window import LogWindow

LINE = "I slot print_timing: id  3 | task {n} | prompt eval time =       1.71 ms /     5 tokens (    0.34 ms per token)"
AIM_STALL_MS = 50.0
AIM_LINES_A_SECOND = 10_000
AIM_MIB = 64.0


class Pulse:
    """Beats on Qt's loop, and knows how late it was at most."""

    def __init__(self) -> None:
        from PySide6.QtCore import Qt, QTimer

        self._timer = QTimer(interval=1, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._last = time.perf_counter()
        self.worst = 0.0
        self._timer.start()

    def take(self) -> float:
        """The longest stall since the last call, in milliseconds."""
        worst, self.worst = self.worst, 0.0
        return worst * 1000

    def _beat(self) -> None:
        now = time.perf_counter()
        self.worst = max(self.worst, now - self._last - 0.001)
        self._last = now


def write(engine: StandInThread, first: int, count: int) -> None:
    """The engine writes so many lines at once."""
    from model_switcher.engine.log import LogLine

    def add() -> None:
        now = time.time()
        for n in range(first, first + count):
            engine.intentions.log.add(LogLine(now, "a", f"0.00.{n % 1000:03}.000 {LINE.format(n=n)}"))

    engine.loop.call_soon_threadsafe(add)


async def until(probe: Callable[[], object]) -> float:
    """Seconds until `probe` is true."""
    began = time.perf_counter()
    while not probe():
        await asyncio.sleep(0.002)
    return time.perf_counter() - began


async def measure(engine: StandInThread, lines: int) -> None:
    from model_switcher.desktop.bridge import Bridge
    from model_switcher.desktop.log.host import LogHost

    bridge = Bridge(engine.loop, engine.intentions)
    host = LogHost(theme="dark", options=lambda _: {})
    host.connect_to(bridge)
    write(engine, 0, lines)
    await asyncio.sleep(2)
    pulse, memory = Pulse(), psutil.Process().memory_info
    await asyncio.sleep(0.2)
    pulse.take()
    await asyncio.sleep(3)
    print(f"{'nothing going on for 3 s':86} longest stall {pulse.take():5.1f} ms")
    before = memory().rss
    host.open()
    window = host.window
    assert window is not None
    await asyncio.sleep(0)
    print(f"{'making the window':86} longest stall {pulse.take():5.1f} ms")

    def all_seen(count: int) -> Callable[[], bool]:
        return lambda: not window.model.lines.is_behind and window.model.lines.end == count

    seconds = await until(all_seen(lines))
    report(f"opening with {lines:,} lines", seconds, lines, pulse.take())
    print(
        f"{'memory of the open window':44} {(memory().rss - before) / MIB:8.1f} MiB   (aim: under {AIM_MIB:.0f})"
    )
    await filtered(window, pulse, lines, all_seen(lines))
    more = lines
    seconds = time.perf_counter()
    for _ in range(100):
        write(engine, more, 200)
        more += 200
        await asyncio.sleep(0.02)
    await until(all_seen(more))
    seconds = time.perf_counter() - seconds
    report("following 200 lines each 20 ms, the oldest going", seconds, more - lines, pulse.take())
    write(engine, more, lines)
    report(f"{lines:,} lines at once", await until(all_seen(more + lines)), lines, pulse.take())
    host.close()
    await bridge.close()


async def filtered(window: LogWindow, pulse: Pulse, lines: int, seen: Callable[[], bool]) -> None:
    for words in ("task 999", ""):
        window.filter.setText(words)
        await until(lambda: not window._typing.isActive())
        seconds = await until(seen)
        what = "filtering all of them" if words else "showing all of them again"
        report(what, seconds, lines, pulse.take())


def report(what: str, seconds: float, lines: int, stall: float) -> None:
    rate = lines / seconds
    print(
        f"{what:50} {rate:9,.0f} lines/s  (aim: over {AIM_LINES_A_SECOND:,})   "
        f"longest stall {stall:5.1f} ms  (aim: under {AIM_STALL_MS:.0f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--platform", default="offscreen")
    options = parser.parse_args()
    os.environ["QT_QPA_PLATFORM"] = options.platform
    os.environ["QT_LOGGING_RULES"] = "qt.qpa.*=false"
    import qasync
    from PySide6.QtWidgets import QApplication

    from fakes.stand_in import StandIn, StandInThread

    app = QApplication([])
    engine = StandInThread(StandIn())
    work: Awaitable[None] = measure(engine, options.lines)
    with asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(app)) as runner:
        runner.run(work)
    engine.request_stop()
    engine.join()


if __name__ == "__main__":
    main()
