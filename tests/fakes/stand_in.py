"""The desktop with a stand-in for the engine: a real asyncio thread that shows snapshots as it is told to.

Run as a program, with words such as "many" models and the "first" start, it obeys lines on its standard input and writes what it was asked for on its standard output:

    show NAME      the snapshot of that name in `fakes.snapshots`
    panel NAME     that state of `fakes.panel_states`
    log TEXT       the engine writes a line
    progress PART  a load that far
    login REASON   changes of the start at login fail from now on
    again          a second start of the program wants to be shown
    die            the engine ends with an error
"""

from __future__ import annotations

import asyncio
import dataclasses
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fakes import panel_states, snapshots
from fakes.settings_states import DOCUMENT, Desk
from model_switcher.domain.errors import AddressInUse, SettingsError, UnusableModel
from model_switcher.domain.snapshot import Outcome, Result, Snapshot
from model_switcher.engine.first_start import FirstStart
from model_switcher.engine.log import LogLine, LogPage, LogRing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from model_switcher.desktop.engine_side import Intentions
    from model_switcher.domain.history import HistoryReport


class StandIn:
    """Intentions that are carried out by showing another snapshot. Lives on the engine's loop."""

    def __init__(
        self,
        say: Callable[[str], None] = lambda _: None,
        *,
        snapshot: Snapshot | None = None,
        desktop: Mapping[str, object] | None = None,
    ) -> None:
        self.snapshot = snapshot or snapshots.ready()
        self.listeners: list[Callable[[Snapshot], None]] = []
        self.cancelled: list[str] = []
        self.log = LogRing()
        self._say = say
        # The settings that the program was started with, and what it hears of them, say the same.
        self.desk = Desk({**DOCUMENT, "desktop": dict(desktop or {})})

    def subscribe(self, listener: Callable[[Snapshot], None]) -> Callable[[], None]:
        self.listeners.append(listener)
        listener(self.snapshot)
        return lambda: self.listeners.remove(listener)

    def show(self, snapshot: Snapshot) -> None:
        self.snapshot = dataclasses.replace(snapshot, number=self.snapshot.number + 1)
        for listener in tuple(self.listeners):
            listener(self.snapshot)

    async def select(self, model: str, *, cut: bool = False) -> Outcome:
        self._say(f"select {model} now" if cut else f"select {model}")
        if model == snapshots.LLAMA.id:
            raise UnusableModel.because("model-truncated", "The file ends early", hint="Download it again.")
        if model == snapshots.GEMMA.id:
            await self._never(model)
        self.show(dataclasses.replace(snapshots.ready(), selected=model, servers=()))
        return Outcome(result=Result.SWITCHED, target=model, serving=model, seconds=1.0, finished=1.0)

    async def cancel(self) -> None:
        self._say("cancel")

    async def hint(self, model: str | None) -> None:
        """Comes by itself, wherever the pointer rests: not said."""

    async def stop(self) -> None:
        self._say("stop")
        self.show(snapshots.stopped())

    async def pause(self) -> None:
        self._say("pause")
        self.show(dataclasses.replace(snapshots.stopped(), paused=True))

    async def resume(self) -> None:
        self._say("resume")
        self.show(snapshots.ready())

    async def rescan(self) -> None:
        self._say("rescan")

    async def history(self) -> HistoryReport:
        self._say("history")
        return panel_states.history()

    async def log_after(self, number: int) -> LogPage:
        return await self.log.after(number)

    async def _never(self, what: str) -> None:
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await asyncio.sleep(0)  # it takes a while to undo what was begun
            self.cancelled.append(what)


class Alone(FirstStart):
    """A first start on a machine without another llama-server, whatever the tests beside this one run."""

    def look(self) -> None:
        return None


class Login:
    """The start at login, which nobody else knows of."""

    def __init__(self) -> None:
        self.refusal = ""
        self._on = False

    def is_on(self) -> bool:
        return self._on

    def turn(self, *, on: bool) -> None:
        if self.refusal:
            raise SettingsError(self.refusal, hint="Look at its folder.")
        self._on = on


class StandInThread:
    """The thread around it, in the form that the desktop expects."""

    def __init__(self, intentions: StandIn, *, failure: BaseException | None = None) -> None:
        self.intentions = intentions
        self.ready: Future[Intentions] = Future()
        self.ended: Future[None] = Future()
        self._failure = failure
        self._stop: asyncio.Event
        self._loop: asyncio.AbstractEventLoop
        self._begun = threading.Event()
        self._thread = threading.Thread(target=self._run, name="engine")
        self._thread.start()
        self._begun.wait()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def request_stop(self) -> None:
        if not self.ended.done():
            self._loop.call_soon_threadsafe(self._stop.set)

    def die(self, error: BaseException) -> None:
        """Ends as after an unexpected error."""
        self._failure = error
        self.request_stop()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._main())
        if self._failure is not None and self.ready.done():
            self.ended.set_exception(self._failure)
        else:
            self.ended.set_result(None)

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._begun.set()
        if self._failure is not None:
            self.ready.set_exception(self._failure)
            return
        self.ready.set_result(self.intentions)
        await self._stop.wait()


def _obey_all(thread: StandInThread, login: Login, show_requested: Callable[[], None]) -> None:
    for line in sys.stdin:
        _obey(line, thread, login, show_requested)


def _obey(line: str, thread: StandInThread, login: Login, show_requested: Callable[[], None]) -> None:
    engine = thread.intentions
    verb, _, what = line.strip().partition(" ")
    match verb:
        case "show":
            thread.loop.call_soon_threadsafe(engine.show, getattr(snapshots, what)())
        case "panel":
            thread.loop.call_soon_threadsafe(engine.show, panel_states.STATES[what]())
        case "log":
            thread.loop.call_soon_threadsafe(
                engine.log.add, LogLine(time.time(), engine.snapshot.selected or "", what)
            )
        case "progress":
            thread.loop.call_soon_threadsafe(engine.show, snapshots.loading(float(what)))
        case "login":
            login.refusal = what
        case "again":
            show_requested()
        case "die":
            thread.die(OSError("the loop broke"))


def main(arguments: list[str]) -> int:
    from model_switcher.desktop.app import run  # as the program does: Qt is not imported before it is needed
    from model_switcher.domain.settings import DesktopSettings

    catalog = dataclasses.replace(snapshots.ready(), catalog=snapshots.many_models())
    taken = AddressInUse("The address 127.0.0.1:8080 is taken by llama-server", hint="Set another port.")
    threads: list[StandInThread] = []
    login = Login()

    def start(show_requested: Callable[[], None]) -> StandInThread:
        failure = taken if "address-in-use" in arguments else None
        first = catalog if "many" in arguments else None
        engine = StandIn(lambda text: print(text, flush=True), snapshot=first, desktop=desktop)
        thread = StandInThread(engine, failure=failure)
        threads.append(thread)
        threading.Thread(target=_obey_all, args=(thread, login, show_requested), daemon=True).start()
        return thread

    theme: Literal["system", "light", "dark"] = (
        "light" if "light" in arguments else "dark" if "dark" in arguments else "system"
    )
    # Where no daemon shows messages, Qt shows them over the icon, in the way of the pointer.
    told = () if "silent" in arguments else DesktopSettings().notifications
    desktop = {"theme": theme, "notifications": list(told)}
    newcomer = Alone(Path("settings.toml"), is_first=True) if "first" in arguments else None
    status = run(
        start, settings=DesktopSettings(theme=theme, notifications=told), login=login, first=newcomer
    )
    threads[0].join()
    return status


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
