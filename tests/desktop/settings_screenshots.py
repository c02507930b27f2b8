"""Paints every page of the settings window, in both themes: `python tests/desktop/settings_screenshots.py FOLDER SCALE`.

As `panel_screenshots.py` does with the panel.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
sys.path.insert(0, str(ROOT / "tests" / "desktop"))

from panel_screenshots import application, beside  # noqa: E402 - tests are no installed package

if TYPE_CHECKING:
    from PySide6.QtGui import QPixmap
    from PySide6.QtWidgets import QApplication

    from model_switcher.desktop.theme import Colours


def views() -> dict[str, tuple[object, object]]:
    """What is shown, by the name of the picture: the page, and the whole window."""
    from fakes import settings_states as states
    from model_switcher.desktop.view_state.settings import Draft, PageId, window_view

    pictures: dict[str, tuple[object, object]] = {}
    calm = states.sources(model="phinance-3b")
    for page in PageId:
        draft = Draft(states.state())
        sources = calm
        if page is PageId.ENGINE:
            sources = states.sources(tried={"auto": states.TRIED})
        pictures[page] = page, window_view(draft, sources)
    wrong = Draft(states.state())
    wrong.set(("server", "port"), 99999)
    wrong.set(("server", "host"), "0.0.0.0")
    pictures["wrong"] = PageId.ADDRESS, window_view(wrong, calm)
    options = Draft(states.state())
    options.set(("launch", "ctx-sise"), 8192)
    options.set(("launch", "cache-type-v"), "q9_0")
    outdated = states.sources(snapshot=states.snapshot(outdated=("nemotron-nano-8b",)))
    pictures["launch-wrong"] = PageId.LAUNCH, window_view(options, outdated)
    return pictures


def grab(app: QApplication, page: object, view: object, colours: Colours) -> QPixmap:
    from model_switcher.desktop.settings.window import SettingsWindow

    window = SettingsWindow(colours, view)  # type: ignore[arg-type]
    window.open_page(page)  # type: ignore[arg-type]
    window.show()
    while not window.isActiveWindow():
        app.processEvents()
    app.processEvents()
    grabbed = window.grab()
    window.hide()
    window.deleteLater()
    app.processEvents()
    return grabbed


def main(folder: Path, scale: int) -> int:
    app = application(scale)
    from model_switcher.desktop.theme import DARK, LIGHT

    for name, (page, view) in views().items():
        grabbed = [grab(app, page, view, colours) for colours in (LIGHT, DARK)]
        beside(grabbed).save(str(folder / f"settings-{name}.png"))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), int(sys.argv[2])))
