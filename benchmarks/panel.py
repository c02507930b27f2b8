"""How long the panel takes to open, to filter and to show what is new, with a thousand models.

    PYTHONPATH=tests python benchmarks/panel.py [--models 1000] [--rounds 30] [--platform offscreen|xcb]

The window is made once, soon after the start, before it is wanted; "open" is from the call until the window has been painted whole. The `xcb` platform
needs a screen: `xvfb-run -s "-screen 0 1280x900x24"` is one.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil

from model_switcher.domain.units import MIB

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtWidgets import QApplication

    from model_switcher.desktop.panel_host import PanelHost
    from model_switcher.domain.snapshot import Snapshot


def snapshot_of(count: int) -> Snapshot:
    """The state of `fakes.panel_states` with so many models."""
    from fakes import panel_states, snapshots
    from model_switcher.domain.catalog import Catalog

    thousand = panel_states.thousand()
    models = panel_states.USUAL + snapshots.many_models(count).models[len(panel_states.USUAL) :]
    return replace(thousand, catalog=Catalog(models))


def at(snapshot: Snapshot, second: int) -> Snapshot:
    """The same with the reading of so many seconds later."""
    readings = snapshot.readings
    assert readings is not None
    return replace(snapshot, number=second, readings=replace(readings, time=readings.time + second))


def milliseconds(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return (time.perf_counter() - began) * 1000


def report(what: str, times: list[float]) -> None:
    ordered = sorted(times)
    print(f"{what:34} {statistics.median(ordered):6.1f} ms  ({ordered[0]:.1f} to {ordered[-1]:.1f})")


def painted(app: QApplication, panel: PanelHost) -> None:
    """Returns when everything of the window has been painted."""
    assert panel.window is not None
    while not panel.window.isVisible():
        app.processEvents()
    panel.window.repaint()
    app.processEvents()


def measure(count: int, rounds: int) -> None:
    from PySide6.QtWidgets import QApplication

    from model_switcher.desktop.ask import Ask
    from model_switcher.desktop.menu import Menu
    from model_switcher.desktop.panel_host import PanelHost
    from model_switcher.desktop.view_state import view_state
    from model_switcher.desktop.view_state.trail import Trail

    app = QApplication([])
    snapshot, trail = snapshot_of(count), Trail()
    for second in range(-300, 0):
        trail.record(at(snapshot, second))
    panel = PanelHost(theme="dark", offered=(Ask.LOG, Ask.SETTINGS), options=lambda _: {})
    recent = tuple(model.id for model in snapshot.catalog.models[:6])
    menu = Menu()

    def closed(second: int) -> Callable[[], None]:
        later = at(snapshot, second)

        def do() -> None:
            trail.record(later)
            menu.show_state(view_state(later, recent=recent))
            panel.show_snapshot(later, recent, trail)

        return do

    report("a new snapshot while closed", [milliseconds(closed(second)) for second in range(rounds)])

    def opened() -> None:
        panel.show_snapshot(snapshot, recent, trail)
        panel.open(None)
        painted(app, panel)

    panel.show_snapshot(snapshot, recent, trail)
    before = psutil.Process().memory_info().rss
    report("making the window, once", [milliseconds(panel.prepare)])
    report("first opening", [milliseconds(opened)])
    print(f"{'memory of the window':34} {(psutil.Process().memory_info().rss - before) / MIB:6.1f} MiB")
    openings = []
    for _ in range(rounds):
        assert panel.window is not None
        panel.window.hide()
        app.processEvents()
        openings.append(milliseconds(opened))
    report("opening", openings)
    assert panel.window is not None
    field = panel.window.content.page.filter

    def typed(text: str) -> Callable[[], None]:
        def do() -> None:
            field.setText(text)
            panel.window.repaint() if panel.window else None

        return do

    words = ["z", "ze", "zep", "zeph", "zeph 4", "zeph 42", ""]
    report(
        "a letter in the filter", [milliseconds(typed(word)) for _ in range(rounds // 4) for word in words]
    )

    def updated(second: int) -> Callable[[], None]:
        later = at(snapshot, rounds + second)

        def do() -> None:
            trail.record(later)
            panel.show_snapshot(later, recent, trail)
            app.processEvents()

        return do

    report("a new snapshot while open", [milliseconds(updated(second)) for second in range(1, rounds)])
    panel.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--platform", default="offscreen")
    options = parser.parse_args()
    os.environ["QT_QPA_PLATFORM"] = options.platform
    print(f"{options.models} models, {options.rounds} rounds, {options.platform}")
    measure(options.models, options.rounds)


if __name__ == "__main__":
    main()
