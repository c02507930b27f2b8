"""The panel as Qt holds it: opening and closing, the list, the filter and the mark."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QSignalSpy, QTest
from PySide6.QtWidgets import QWidget

from fakes import panel_states as states
from fakes.opened_panel import Opened
from fakes.snapshots import GEMMA, NEMOTRON, PHINANCE, QWEN
from model_switcher.domain.catalog import Catalog

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


# The offscreen platform cannot raise a window, and says so each time.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
KEYS = Qt.Key


def test_it_opens_with_the_keyboard_in_the_filter_and_no_row_marked(panel: Opened) -> None:
    assert panel.filter.hasFocus()
    assert panel.filter.placeholderText() == "Filter 38 models…"
    assert panel.marked() == ""
    assert panel.names()[:4] == ["In memory", "Nemotron Nano 8B", "Recent", "Phinance 3B"]
    assert panel.content.header.title.text() == "Nemotron Nano 8B"
    assert panel.content.header.line.text() == "Ready · Q4_K_M · 16k context · 42 tok/s"
    assert panel.content.footer.address.text() == "http://127.0.0.1:8080/v1"


def test_arrows_move_the_mark_over_titles_and_the_ghost_follows(panel: Opened) -> None:
    seen = []
    for key in (KEYS.Key_Down, KEYS.Key_Down, KEYS.Key_Down, KEYS.Key_Up):
        panel.press(key)
        seen.append(panel.marked())
    assert seen == ["Nemotron Nano 8B", "Phinance 3B", "Qwen3 8B", "Phinance 3B"]
    assert panel.filter.hasFocus()
    assert panel.content.memory.accessibleDescription().endswith("with Phinance 3B +2.3.")


def test_enter_loads_the_marked_model_and_nothing_where_none_is_marked(panel: Opened) -> None:
    panel.press(KEYS.Key_Return)
    assert panel.asked == []
    panel.press(KEYS.Key_Down)
    panel.press(KEYS.Key_Down)
    panel.press(KEYS.Key_Return)
    assert panel.asked == [("chosen", PHINANCE.id)]


def test_what_is_typed_filters_and_marks_the_first_match(panel: Opened) -> None:
    QTest.keyClicks(panel.filter, "gem")
    assert panel.names() == ["Recent", "Gemma 3 12B"]
    assert panel.marked() == "Gemma 3 12B"
    panel.press(KEYS.Key_Return)
    assert panel.asked == [("chosen", GEMMA.id)]


def test_escape_empties_the_filter_first_and_then_closes(panel: Opened) -> None:
    assert panel.host.window is not None
    QTest.keyClicks(panel.filter, "gem")
    panel.press(KEYS.Key_Escape)
    assert panel.filter.text() == ""
    assert len(panel.names()) == 41
    assert panel.host.window.isVisible()
    panel.press(KEYS.Key_Escape)
    assert not panel.host.window.isVisible()


def test_opened_again_it_begins_anew(panel: Opened) -> None:
    assert panel.host.window is not None
    QTest.keyClicks(panel.filter, "gem")
    panel.host.window.hide()
    panel.host.open(None)
    assert panel.filter.text() == ""
    assert panel.marked() == ""


def test_nothing_found_says_so_in_the_place_of_the_list(panel: Opened) -> None:
    QTest.keyClicks(panel.filter, "mixtral")
    assert not panel.list.isVisible()
    assert panel.content.page.nothing.title.text() == "Nothing matches “mixtral”"


def test_the_pointer_marks_and_a_click_loads(panel: Opened) -> None:
    QTest.mouseMove(panel.list.viewport(), panel.spot("Qwen3 8B"))
    assert panel.marked() == "Qwen3 8B"
    panel.click("Qwen3 8B")
    assert panel.asked == [("chosen", QWEN.id)]


def test_what_the_pointer_rests_on_is_foreseen_and_what_it_passes_is_not(panel: Opened) -> None:
    foreseen: list[str] = []
    panel.host.rested.connect(foreseen.append)
    rested = QSignalSpy(panel.host.rested)
    QTest.mouseMove(panel.list.viewport(), panel.spot("Phinance 3B"))
    QTest.mouseMove(panel.list.viewport(), panel.spot("Qwen3 8B"))
    assert rested.wait(5000)
    assert foreseen == [QWEN.id]
    panel.host.dismiss()
    panel.host.open(None)
    assert rested.wait(5000)
    assert foreseen == [QWEN.id, ""]


def test_the_mark_stays_on_its_row_when_rows_come_and_go(panel: Opened) -> None:
    for _ in range(3):
        panel.press(KEYS.Key_Down)
    assert panel.marked() == "Qwen3 8B"
    panel.show(states.loading())
    assert panel.marked() == "Qwen3 8B"
    panel.show(replace(states.idle(), catalog=Catalog((NEMOTRON, PHINANCE))))
    assert panel.marked() == ""


def test_a_second_click_on_the_icon_closes_it_and_a_third_opens_it(panel: Opened) -> None:
    window = panel.host.window
    assert window is not None
    seen = []
    for _ in range(3):
        panel.host.toggle(None)
        seen.append(window.isVisible())
    assert seen == [False, True, False]


def test_it_goes_when_one_turns_to_something_else_and_that_click_does_not_open_it_again(
    panel: Opened, qtbot: QtBot
) -> None:
    window = panel.host.window
    assert window is not None
    other = QWidget()
    other.show()
    other.activateWindow()
    qtbot.waitUntil(lambda: not window.isVisible())
    panel.host.toggle(None)
    assert not window.isVisible()
    other.close()
