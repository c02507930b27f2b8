"""The tray program with a thousand models in its panel, in whose filter somebody types without a pause.

    python -m fakes.filtering_tray --config SETTINGS

The instance, its gateway and its engine are real; the models beside those of the settings are only in the list.
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fakes import snapshots
from model_switcher.cli.host_options import HostOptions
from model_switcher.cli.tray import HostThread
from model_switcher.engine.interpreter import give_way
from model_switcher.engine.settings_file import load
from model_switcher.places import places

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_switcher.domain.snapshot import Snapshot
    from model_switcher.engine.runtime import Runtime

MODELS = 1000
TYPED = "the first letter was typed"
LETTER_MILLISECONDS = 100
WORDS = ("z", "ze", "zep", "zeph", "zeph 4", "zeph 42", "")


def add_models(runtime: Runtime) -> None:
    """Fill the list up, once the real models are in it."""
    done = False

    def look(snapshot: Snapshot) -> None:
        nonlocal done
        if done or snapshot.scanning or not snapshot.catalog.models:
            return
        done = True
        real = snapshot.catalog.models
        others = snapshots.many_models(MODELS - len(real)).models
        runtime.hub.update(catalog=replace(snapshot.catalog, models=(*real, *others)))

    runtime.subscribe(look)


def main(settings: Path) -> int:
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication, QLineEdit

    from model_switcher.desktop.app import run

    give_way()
    options = HostOptions(settings=load(settings).settings, places=places(settings), mode="tray")
    timer: list[QTimer] = []
    words = itertools.cycle(WORDS)
    typed: list[bool] = []

    def type_a_letter() -> None:
        for window in QApplication.topLevelWidgets():
            for field in window.findChildren(QLineEdit) if window.isVisible() else ():
                field.setText(next(words))
                if not typed:
                    typed.append(True)
                    print(TYPED, flush=True)

    def start(on_show: Callable[[], None]) -> Any:
        thread = HostThread(options, on_show)
        thread.ready.add_done_callback(
            lambda ready: thread.loop.call_soon_threadsafe(add_models, ready.result())
        )
        timer.append(QTimer())
        timer[0].timeout.connect(type_a_letter)
        timer[0].start(LETTER_MILLISECONDS)
        return thread

    return run(start, settings=options.settings.desktop, quiet=True)


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[2])))
