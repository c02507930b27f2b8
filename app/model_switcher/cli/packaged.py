"""`model-switcher selftest --packaged`: whether this program is whole, with two models that it writes itself."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import pkgutil
import sys
import tempfile
import time
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import model_switcher
from model_switcher.cli.demo import clean_up, prepare
from model_switcher.cli.host import Host
from model_switcher.cli.tray import has_desktop
from model_switcher.cli.trial import Step, Trial
from model_switcher.client.switcher import Switcher
from model_switcher.domain.errors import SwitcherError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from model_switcher.engine.runtime import Runtime

ASSETS = ("model-switcher.svg", "model-switcher-48.png", "model-switcher-256.png", "model-switcher.ico")
NOTICES = "licenses"
TRAY_SECONDS = 10.0


def trials(on_step: Callable[[Step], None]) -> int:
    """Look at the parts, show an icon, switch between two models; the exit status is 0 if all went well.

    A desktop without a tray is told and is no failure: the program works there too.
    """
    steps: list[Step] = []

    def take(step: Step) -> None:
        steps.append(step)
        on_step(step)

    looks = [("imports", _imports), ("resources", _resources), *([("tray", _tray)] if has_desktop() else [])]
    for name, look in looks:
        began = time.monotonic()
        problem = look()
        well = problem is None or name == "tray"
        take(Step(step=name, model=None, ok=well, seconds=time.monotonic() - began, problem=problem))
    with tempfile.TemporaryDirectory(prefix="model-switcher-selftest-") as folder:
        status = asyncio.run(_switching(Path(folder), take))
    return status or int(not all(step.ok for step in steps))


def _imports() -> str | None:
    """Every module of the program that this platform can load."""
    broken = []
    for name in _modules():
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told
            broken.append(f"{name} ({type(error).__name__}: {error})")
    return f"These parts cannot be loaded: {'; '.join(broken)}" if broken else None


def _modules() -> Iterator[str]:
    for module in pkgutil.walk_packages(model_switcher.__path__, "model_switcher."):
        if not module.name.endswith(".__main__"):
            yield module.name
    yield from ("xllamacpp", "watchfiles", "pynvml", "prometheus_client")


def _resources() -> str | None:
    """The assets, and in a packaged program the licences of its parts."""
    folder = files("model_switcher.resources")
    missing = [name for name in ASSETS if not folder.joinpath(name).is_file()]
    if getattr(sys, "frozen", False):
        licenses = Path(getattr(sys, "_MEIPASS", "")) / NOTICES
        missing += [
            f"{NOTICES}/{part}"
            for part in ("model-switcher", "pyside6-essentials", "xllamacpp")
            if not any(file.is_file() for file in (licenses / part).glob("*"))
        ]
    return f"These files are missing: {', '.join(missing)}" if missing else None


def _tray() -> str | None:
    from model_switcher.desktop.packaged import icon_shown  # noqa: PLC0415 - Qt is needed here alone

    return icon_shown(TRAY_SECONDS)


async def _switching(folder: Path, on_step: Callable[[Step], None]) -> int:
    options = prepare(folder)
    result: list[int] = []

    async def follow(runtime: Runtime) -> None:
        try:
            await runtime.hub.wait_for(lambda snapshot: snapshot.outcome is not None)
            first, second = runtime.snapshot.catalog.models
            async with Switcher(config=options.places.settings, start=False) as switcher:
                result.append(await Trial(switcher, on_step).run(first, second))
        except SwitcherError as error:
            on_step(Step(step="start", model=None, ok=False, problem=error.message, hint=error.hint))
            result.append(error.exit_status)
        finally:
            host.stop()

    tasks: list[asyncio.Task[None]] = []
    host = Host(options, on_started=lambda runtime: tasks.append(asyncio.create_task(follow(runtime))))
    try:
        await host.run()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks)
    finally:
        clean_up(options.places)
    return result[0] if result else 1
