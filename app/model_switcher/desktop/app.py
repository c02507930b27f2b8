"""The desktop program: tray first, then the engine in its thread, and a clean end."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import sys
from typing import TYPE_CHECKING, Any, TypeVar

import qasync
from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QApplication, QMessageBox

from model_switcher.desktop.ask import Ask
from model_switcher.desktop.bridge import Bridge
from model_switcher.desktop.first_start.desk import FirstStartDesk
from model_switcher.desktop.language import speak, tr
from model_switcher.desktop.log.host import LogHost
from model_switcher.desktop.panel_host import PanelHost
from model_switcher.desktop.presenter import Presenter
from model_switcher.desktop.qt_language import QtLanguage
from model_switcher.desktop.quitting import QuitFilter, on_signals
from model_switcher.desktop.tray import Tray
from model_switcher.desktop.view_state import view_state
from model_switcher.desktop.windows import Windows
from model_switcher.desktop.wording import APP_NAME
from model_switcher.domain.errors import AddressInUse, Closing, SwitcherError
from model_switcher.domain.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from model_switcher.desktop.engine_side import EngineSide
    from model_switcher.desktop.settings.host import SettingsHost
    from model_switcher.desktop.windows import StartAtLogin
    from model_switcher.domain.catalog import Model
    from model_switcher.domain.launch import Options
    from model_switcher.domain.settings import DesktopSettings
    from model_switcher.engine.first_start import FirstStart

T = TypeVar("T")

_log = logging.getLogger(__name__)


class _Caller(QObject):
    """A call from any thread into the desktop's."""

    called = Signal()


def run(
    start: Callable[[Callable[[], None]], EngineSide],
    *,
    settings: DesktopSettings,
    secrets: tuple[str, ...] = (),
    options: Callable[[Model], Options] = lambda _: {},
    login: StartAtLogin | None = None,
    quiet: bool = False,
    first: FirstStart | None = None,
) -> int:
    """Runs the desktop until the user quits, and returns the exit status.

    Args:
        start: Starts the engine in its thread and returns at once. It is called after the icon is there, so
            what is slow to import belongs into it. It is given a function that may be called from any thread
            when a second start of the program wants this one to show itself.
        settings: The `[desktop]` table.
        secrets: What no text for others may contain, such as the keys of the settings.
        options: What a model would be started with; it is asked when the details of one are shown.
        login: Starts the program at login; None leaves the entry out.
        quiet: No window opens by itself, as is right at login.
        first: Finds a llama-server that runs already; None where nothing is asked before the engine starts.
    """
    app = QApplication(sys.argv[:1])
    app.setApplicationName("model-switcher")
    app.setApplicationDisplayName(APP_NAME)
    app.setDesktopFileName("model-switcher")
    app.setQuitOnLastWindowClosed(False)
    speak(QtLanguage())
    begun: list[EngineSide] = []

    def begin(show_requested: Callable[[], None]) -> EngineSide:
        begun.append(start(show_requested))
        return begun[-1]

    windows = Windows(login)
    log = LogHost(theme=settings.theme, options=options, secrets=secrets)
    windows.add(Ask.LOG, log.open, log.connect_to)
    windows.add(Ask.SETTINGS, lambda: None)  # there is an entry for it before there is a window
    desk = None if first is None else FirstStartDesk(first, theme=settings.theme)
    try:
        return _run_to_the_end(
            app, lambda: _main(app, begin, settings, windows, options, log=log, desk=desk, quiet=quiet)
        )
    finally:
        for engine in begun:
            engine.request_stop()
        concurrent.futures.wait([engine.ended for engine in begun])


def _run_to_the_end(app: QApplication, main: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """What `main` returns; 0 where Qt leaves its loop before: it does when the X server goes at the end of a session."""
    with asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(app)) as runner:
        task = runner.get_loop().create_task(main())
        try:
            runner.run(_first_of(task))
        except RuntimeError:
            # Of qasync, about the loop: what `main` raises stays in its task.
            _log.warning("The desktop is gone: Model Switcher ends.")
            return 0
        return task.result()


async def _main(
    app: QApplication,
    start: Callable[[Callable[[], None]], EngineSide],
    settings: DesktopSettings,
    windows: Windows,
    options: Callable[[Model], Options],
    *,
    log: LogHost,
    desk: FirstStartDesk | None,
    quiet: bool,
) -> int:
    stop = asyncio.Event()
    quit_filter = QuitFilter(stop.set)
    app.installEventFilter(quit_filter)
    on_signals(asyncio.get_running_loop(), stop.set)
    first = view_state(Snapshot(scanning=True))
    tray = Tray(theme=settings.theme, offered=windows.offered, first=first)
    panel = PanelHost(theme=settings.theme, offered=windows.offered, options=options)
    presenter = Presenter(tray, panel, settings, windows=windows, quit_=stop.set, quiet=quiet)
    tray.appear()
    caller = _Caller()
    caller.called.connect(presenter.show_panel, Qt.ConnectionType.QueuedConnection)
    await asyncio.sleep(0)  # the icon is painted before anything slow begins
    editor = _follow_settings(settings, windows, presenter, log)
    try:
        if desk is not None:
            await _ask(desk.begin(), stop)
        while not stop.is_set():
            engine = start(caller.called.emit)
            error = await _attend(engine, presenter, editor, stop, welcome=desk is not None and desk.is_first)
            if desk is not None and isinstance(error, AddressInUse):
                if await _ask(desk.make_room(error), stop):
                    continue
            elif error is not None:
                await _explain(error, stop)
            return _exit_status(error)
        return 0
    finally:
        tray.vanish()
        panel.close()
        app.removeEventFilter(quit_filter)


def _follow_settings(
    settings: DesktopSettings, windows: Windows, presenter: Presenter, log: LogHost
) -> SettingsHost:
    """Has everything follow the settings, and their window opened; importing it takes longer than showing the icon."""
    from model_switcher.desktop.settings.host import SettingsHost  # noqa: PLC0415

    editor = SettingsHost(theme=settings.theme, login=windows.login)
    editor.applied.connect(lambda now: presenter.apply(now.desktop))
    editor.applied.connect(lambda now: log.set_theme(now.desktop.theme))
    editor.applied.connect(lambda now: log.keep_secret(now.server.api_keys))
    windows.add(Ask.SETTINGS, editor.open, editor.connect_to)
    return editor


async def _attend(
    engine: EngineSide, presenter: Presenter, editor: SettingsHost, stop: asyncio.Event, *, welcome: bool
) -> BaseException | None:
    """Serves the desktop while the engine runs, ends both, and returns what ended it, if that was an error.

    At a `welcome` the panel opens by itself.
    """
    ready, ended = _watch(engine.ready), _watch(engine.ended)
    stopping = asyncio.create_task(stop.wait())
    await _first_of(ready, stopping, ended)
    if ready.done() and ready.exception() is None:
        bridge = Bridge(engine.loop, ready.result())
        presenter.connect(bridge)
        with contextlib.suppress(Closing):
            await bridge.open()
            if welcome:
                presenter.show_panel()
            await _first_of(stopping, ended)
        await editor.close()
        await presenter.close()
        await _close(bridge, ended)
    engine.request_stop()
    await asyncio.wait({ended})
    stopping.cancel()
    return (ready.exception() if ready.done() else None) or ended.exception()


async def _ask(question: Coroutine[Any, Any, T], stop: asyncio.Event) -> T | None:
    """The answer; None where the user quits instead, or where what he chose cannot be done, which is told."""
    asked, stopping = asyncio.create_task(question), asyncio.create_task(stop.wait())
    await _first_of(asked, stopping)
    stopping.cancel()
    if not asked.done():
        asked.cancel()
    await asyncio.wait({asked})
    if asked.cancelled():
        return None
    error = asked.exception()
    if error is None:
        return asked.result()
    await _explain(error, stop)
    return None


def _watch(future: concurrent.futures.Future[T]) -> asyncio.Future[T]:
    """The future on this loop. It need not be looked at: what matters is asked for in the end."""
    watched = asyncio.wrap_future(future)
    watched.add_done_callback(lambda done: None if done.cancelled() else done.exception())
    return watched


async def _first_of(*futures: asyncio.Future[Any]) -> None:
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


async def _close(bridge: Bridge, ended: asyncio.Future[None]) -> None:
    """Closes the bridge, unless the engine's loop is gone: then nothing comes back from there."""
    closing = asyncio.create_task(bridge.close())
    await _first_of(closing, ended)
    closing.cancel()
    with contextlib.suppress(asyncio.CancelledError, Closing):
        await closing


async def _explain(error: BaseException, stop: asyncio.Event) -> None:
    """Says in a window what went wrong, until the user has seen it or quits."""
    stopping = asyncio.create_task(stop.wait())
    seen = asyncio.Event()
    box = QMessageBox(QMessageBox.Icon.Critical, APP_NAME, _sentence(error))
    box.setInformativeText(error.hint if isinstance(error, SwitcherError) else "")
    box.finished.connect(lambda _: seen.set())
    box.open()  # not exec(): it would nest an event loop in this one
    watching = asyncio.create_task(seen.wait())
    await _first_of(watching, stopping)
    watching.cancel()
    stopping.cancel()
    box.close()
    box.deleteLater()


def _sentence(error: BaseException) -> str:
    if isinstance(error, SwitcherError):
        return error.message
    told = tr("Model Switcher ended because of an error in itself: {error}")
    return told.format(error=f"{type(error).__name__}: {error}")


def _exit_status(error: BaseException | None) -> int:
    if error is None:
        return 0
    return error.exit_status if isinstance(error, SwitcherError) else 1
