"""The verbs that are an instance themselves: the tray, `serve` and `demo`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from model_switcher.cli.foreign import run_or_ask
from model_switcher.cli.host_options import HostOptions
from model_switcher.domain.errors import SettingsError, UsageError
from model_switcher.domain.settings_form import exposure
from model_switcher.engine.interpreter import give_way
from model_switcher.engine.settings_file import create_if_missing, load, settings_error
from model_switcher.places import places

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Coroutine, Iterator

    from model_switcher.engine.runtime import Runtime


def tray(options: argparse.Namespace) -> int:
    """The tray; where there is no desktop, headless, and it says so.

    A settings file with problems does not keep the tray away: it starts with what could be read, and says so.
    """
    from model_switcher.cli import tray as tray_program  # noqa: PLC0415 - `serve` does without

    reason = "there is no screen"
    host_options = _options(options, mode="tray", strict=False)
    if tray_program.has_desktop():
        try:
            return tray_program.run_tray(host_options, quiet=getattr(options, "quiet", False))
        except ImportError as error:
            reason = f"Qt is not installed ({error})"
    print(f"No tray here: {reason}. Serving without one.", file=sys.stderr)
    return _served(replace(host_options, mode="headless"))


def serve(options: argparse.Namespace) -> int:
    """Headless: the same runtime and gateway.

    Raises:
        SettingsError: The settings file has problems.
        UsageError: The address is open to other computers, and there is no key.
    """
    host_options = _options(options, mode="headless", strict=True)
    server = host_options.settings.server
    server = replace(
        server, host=options.host or server.host, port=server.port if options.port is None else options.port
    )
    if (problem := exposure(server)) is not None:
        raise UsageError(problem.message)
    settings = replace(host_options.settings, server=server)
    return _served(replace(host_options, settings=settings, linger=options.linger))


def demo(options: argparse.Namespace) -> int:
    """Two tiny models in a folder that is deleted afterwards."""
    from model_switcher.cli import demo as show  # noqa: PLC0415 - nothing else needs it
    from model_switcher.cli import tray as tray_program  # noqa: PLC0415 - nor this

    with tempfile.TemporaryDirectory(prefix="model-switcher-demo-") as folder:
        host_options = show.prepare(Path(folder))
        try:
            if options.tray and tray_program.has_desktop():
                return tray_program.run_tray(replace(host_options, mode="tray"), lasting=False)
            return asyncio.run(_serve(host_options, lambda runtime: show.tour(runtime, leave=options.exit)))
        finally:
            show.clean_up(host_options.places)


def _served(options: HostOptions) -> int:
    return run_or_ask(lambda current: asyncio.run(_serve(current)), options)


async def _serve(
    options: HostOptions, then: Callable[[Runtime], Coroutine[None, None, bool]] | None = None
) -> int:
    """Serve until a signal, a `quit`, or until `then` says to end."""
    from model_switcher.cli.host import Host  # noqa: PLC0415 - the tray imports it after its icon is there

    tasks: set[asyncio.Task[None]] = set()

    async def follow(runtime: Runtime) -> None:
        leave = True  # also when it fails, which is told at the end
        try:
            leave = then is not None and await then(runtime)
        finally:
            if leave:
                host.stop()

    def started(runtime: Runtime) -> None:
        settings = options.places.settings
        _say(f"Serving at {runtime.snapshot.address}/v1 (settings: {settings})", "stdout")
        if runtime.snapshot.notice:
            _say(runtime.snapshot.notice, "stderr")
        tasks.add(asyncio.create_task(follow(runtime)))

    host = Host(options, on_started=started)
    give_way()
    with _signals(host.stop):
        await host.run()
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result
    return 0


def _say(text: str, stream: Literal["stdout", "stderr"]) -> None:
    """Print a line. Where that is not possible, as in a log file on a full disk, nothing goes there any more."""
    try:
        print(text, file=getattr(sys, stream), flush=True)
    except OSError:
        # What is left in the buffer would fail again at the end of the program, and change its exit status.
        setattr(sys, stream, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - until the end


@contextlib.contextmanager
def _signals(stop: Callable[[], None]) -> Iterator[None]:
    """End in order on Ctrl-C, on a request to terminate, and when the terminal closes."""
    loop = asyncio.get_running_loop()
    if sys.platform == "win32":
        names = (signal.SIGINT, signal.SIGBREAK)
        before = {name: signal.signal(name, lambda *_: loop.call_soon_threadsafe(stop)) for name in names}
        try:
            yield
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)
        return
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(each, stop)
    try:
        yield
    finally:
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(each)


def _options(options: argparse.Namespace, *, mode: str, strict: bool) -> HostOptions:
    where = places(options.config)
    is_first = False
    with contextlib.suppress(SettingsError):  # a folder that cannot be written to is no reason not to serve
        is_first = create_if_missing(where.settings)
    loaded = load(where.settings)
    if loaded.problems and strict:
        raise settings_error(where.settings, loaded.problems)
    return HostOptions(settings=loaded.settings, places=where, mode=mode, is_first=is_first)
