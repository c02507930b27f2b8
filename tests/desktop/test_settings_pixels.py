"""The settings window as it is painted: every text of every page can be read, in every theme."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtWidgets import QApplication, QWidget

from fakes import settings_states as states
from fakes.pixels import READABLE, STRONG, contrast_in, picture, texts_of
from model_switcher.desktop.settings.window import SettingsWindow
from model_switcher.desktop.theme import DARK, DARK_CONTRAST, LIGHT, LIGHT_CONTRAST
from model_switcher.desktop.view_state.settings import Draft, PageId, window_view

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
THEMES = {"light": LIGHT, "dark": DARK, "light contrast": LIGHT_CONTRAST, "dark contrast": DARK_CONTRAST}


@pytest.mark.parametrize("theme", THEMES)
def test_every_text_can_be_read(theme: str, qtbot: QtBot) -> None:
    draft = Draft(states.state())
    draft.set(("server", "port"), 99999)
    draft.set(("launch", "ctx-sise"), 1)
    sources = states.sources(
        tried={"auto": states.TRIED}, snapshot=states.snapshot(outdated=("nemotron-nano-8b",))
    )
    window = SettingsWindow(THEMES[theme], window_view(draft, sources))
    qtbot.addWidget(window)
    window.show()
    qtbot.waitUntil(window.isVisible)
    seen = 0
    for page in (PageId.MODELS, PageId.ENGINE, PageId.ADDRESS, PageId.LAUNCH, PageId.EACH):
        window.open_page(page)
        QApplication.processEvents()  # until it is laid out
        painted = picture(window)
        for name, place in texts_of(window).items():
            found = contrast_in(painted, place)
            assert found >= (STRONG if "contrast" in theme else READABLE), f"{page}: {name}: {found:.2f}"
            seen += 1
    assert seen > 80


def test_nothing_is_cut_off_in_a_narrow_window(qtbot: QtBot) -> None:
    window = SettingsWindow(DARK, window_view(Draft(states.state()), states.sources()))
    qtbot.addWidget(window)
    window.resize(window.minimumSize())
    window.show()
    qtbot.waitUntil(window.isVisible)
    for page in PageId:
        window.open_page(page)
        area = window.pages[page]
        inside = area.widget()
        assert inside.width() <= area.viewport().width(), page
        for one in inside.findChildren(QWidget):
            if one.isVisible():
                right = one.mapTo(inside, one.rect().topRight()).x()
                assert right < inside.width(), f"{page}: {one}"
