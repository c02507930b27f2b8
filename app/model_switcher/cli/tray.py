"""The tray program: an instance in a thread of its own, and the desktop in front of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING

from model_switcher.client.finding import find
from model_switcher.domain.errors import Closing, LoginEntryError
from model_switcher.engine.autostart import Autostart
from model_switcher.engine.control.preflight import names_of
from model_switcher.engine.first_start import FirstStart
from model_switcher.engine.interpreter import give_way
from model_switcher.engine.settings_file import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_switcher.cli.host import Host
    from model_switcher.cli.host_options import HostOptions
    from model_switcher.desktop.engine_side import Intentions
    from model_switcher.domain.catalog import Model
    from model_switcher.domain.launch import Options
    from model_switcher.domain.settings import Settings
    from model_switcher.engine.runtime import Runtime


class HostThread:
    """An instance on a stock asyncio loop in a thread that outlives every engine it spawned.

    Attributes:
        ready: Resolves to the runtime once the address is served.
        ended: Resolves when nothing of the instance is left.
    """

    def __init__(self, options: HostOptions, on_show: Callable[[], None]) -> None:
        self.ready: Future[Intentions] = Future()
        self.ended: Future[None] = Future()
        for future in (self.ready, self.ended):
            # Whoever waits for it may be cancelled, which would cancel a future that is not running.
            future.set_running_or_notify_cancel()
        self._options = options
        self._on_show = on_show
        self._host: Host | None = None
        self._runtime: Runtime | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop_wanted = False
        self._guard = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="engine")
        self._thread.start()

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop in that thread; there is one once `ready` resolved."""
        assert self._loop is not None
        return self._loop

    @property
    def settings(self) -> Settings:
        """Those in force; from any thread."""
        return self._runtime.settings if self._runtime is not None else self._options.settings

    def request_stop(self) -> None:
        """End in order; from any thread, at any time."""
        with self._guard:
            self._stop_wanted = True
            if self._loop is not None and self._host is not None:
                self._loop.call_soon_threadsafe(self._host.stop)

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            asyncio.run(self._main())
        except BaseException as caught:  # noqa: BLE001 - it is handed on to the desktop
            error = caught
        if not self.ready.done():
            self.ready.set_exception(error or Closing("The program was ended before it was up"))
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)

    async def _main(self) -> None:
        # Half a second of imports, in this thread and after the icon is there.
        from model_switcher.cli.host import Host  # noqa: PLC0415

        host = Host(self._options, on_started=self._started, on_show=self._on_show)
        with self._guard:
            self._loop = asyncio.get_running_loop()
            self._host = host
            if self._stop_wanted:
                return
        try:
            await host.run()
        finally:
            with self._guard:
                self._host = None

    def _started(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.ready.set_result(runtime)


def has_desktop() -> bool:
    """Whether there is a screen to show a tray on."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def show_running(options: HostOptions) -> bool:
    """Ask a tray that runs already to show itself; whether there was one."""
    record = find(options.places)
    if record is None or record.mode != "tray":
        return False
    from model_switcher.client.switcher import Switcher  # noqa: PLC0415 - a first start asks nobody

    async def ask() -> None:
        async with Switcher(config=options.places.settings, start=False) as switcher:
            await switcher.show()

    asyncio.run(ask())
    return True


def run_tray(options: HostOptions, *, quiet: bool = False, lasting: bool = True) -> int:
    """Show the tray until the user quits; returns the exit status.

    Args:
        options: What makes the instance.
        quiet: No window opens by itself, neither ours nor that of a tray that runs already.
        lasting: Whether it is an instance that could start at login.

    Raises:
        ImportError: Qt is not installed.
    """
    if _runs_quietly(options) if quiet else show_running(options):
        return 0
    from model_switcher.desktop.app import run  # noqa: PLC0415 - Qt is needed here alone

    give_way()
    autostart = Autostart(options.places) if lasting else None
    threads: list[HostThread] = []
    first = FirstStart(options.places.settings, is_first=options.is_first and not quiet)

    def start(on_show: Callable[[], None]) -> HostThread:
        if autostart is not None:
            with contextlib.suppress(LoginEntryError):  # `doctor` tells
                autostart.keep()
        # What the first start wrote is not in the options that the program began with.
        current = (
            replace(options, settings=load(options.places.settings).settings) if first.changed else options
        )
        threads.append(HostThread(current, on_show))
        return threads[-1]

    def launch_options(model: Model) -> Options:
        settings = threads[-1].settings if threads else options.settings
        return settings.launch_options(names_of(model))

    return run(
        start,
        settings=options.settings.desktop,
        secrets=options.settings.server.api_keys,
        options=launch_options,
        login=autostart,
        quiet=quiet,
        first=first if lasting else None,
    )


def _runs_quietly(options: HostOptions) -> bool:
    """Whether a tray runs already, which is enough at login."""
    record = find(options.places)
    return record is not None and record.mode == "tray"
