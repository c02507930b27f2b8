"""The parts of the panel as Qt holds them: details, strips, bars, foot, menus, and names for screen readers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QLabel, QLineEdit, QWidget

from fakes import panel_states as states
from fakes.opened_panel import Opened
from fakes.snapshots import NEMOTRON, QWEN
from model_switcher.desktop.ask import Ask
from model_switcher.desktop.panel.row_menu import RowMenu
from model_switcher.desktop.panel_host import PanelHost
from model_switcher.desktop.theme import DARK
from model_switcher.desktop.view_state import Command, RowKey, RowKind
from model_switcher.domain.catalog import Catalog

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from model_switcher.domain.snapshot import Snapshot

# The offscreen platform cannot raise a window, and says so each time.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
KEYS = Qt.Key


def test_a_click_on_the_sign_at_the_end_of_a_row_shows_details(panel: Opened) -> None:
    panel.click("Phinance 3B", from_right=12)
    assert panel.content.details.isVisible()
    assert panel.content.details.title.text() == "Phinance 3B"
    assert panel.asked == []
    panel.press(KEYS.Key_Escape)
    assert panel.list.isVisible()
    assert panel.filter.hasFocus()


@pytest.mark.parametrize(
    ("key", "modifier"),
    [
        (KEYS.Key_Right, Qt.KeyboardModifier.NoModifier),
        (KEYS.Key_Return, Qt.KeyboardModifier.AltModifier),
    ],
)
def test_details_open_and_close_with_the_keyboard_too(
    panel: Opened, key: Qt.Key, modifier: Qt.KeyboardModifier
) -> None:
    panel.press(KEYS.Key_Down)
    panel.press(key, modifier)
    assert panel.content.details.title.text() == "Nemotron Nano 8B"
    assert panel.content.details.back.hasFocus()
    texts = [label.text() for label in panel.content.details.facts.findChildren(QLabel)]
    assert texts[:4] == ["File", "4.6 GiB · D:\\models", "Weights", "8.0 billion · Q4_K_M"]
    assert panel.content.details.plot.isVisible()
    assert "16k" in panel.content.details.plot.accessibleDescription()
    panel.press(KEYS.Key_Left)
    assert panel.list.isVisible()


def test_buttons_of_the_details(panel: Opened) -> None:
    panel.content.show_details(QWEN.id)
    details = panel.content.details
    assert not details.plot.isVisible()
    for button in (details.copy, details.folder, details.load):
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == QWEN.id
    assert panel.asked == [("folder", QWEN.path), ("chosen", QWEN.id)]
    assert panel.list.isVisible()
    panel.content.show_details(NEMOTRON.id)
    assert not details.load.isEnabled()


def test_the_details_ask_for_the_last_loads_when_they_open_and_after_each_switch(panel: Opened) -> None:
    wanted = []
    panel.host.history_wanted.connect(lambda: wanted.append(True))
    panel.show(states.rolled_back())
    assert wanted == []
    panel.content.show_details(NEMOTRON.id)
    assert len(wanted) == 1
    details = panel.content.details
    assert not details.loads.isVisible()
    panel.host.show_history(states.history())
    assert details.loads.isVisible()
    assert details.loads_heading.text() == "Last loads: 4 of 5 succeeded, usually 5 s, 12 s from the disk"
    assert "4.9 s · for a request" in [label.text() for label in details.loads.findChildren(QLabel)]
    panel.show(states.idle())
    assert len(wanted) == 2


def test_the_panel_of_a_short_list_grows_for_the_details_and_shrinks_again(
    panel: Opened, qtbot: QtBot
) -> None:
    few = replace(states.idle(), catalog=Catalog(states.USUAL[:1]))
    window = panel.host.window
    assert window is not None
    long = window.height()
    panel.show(few, ())
    qtbot.waitUntil(lambda: window.height() < long)
    short = window.height()
    panel.content.show_details(NEMOTRON.id)
    qtbot.waitUntil(lambda: window.height() > short)
    assert panel.content.details.height() >= 400
    panel.press(KEYS.Key_Escape)
    qtbot.waitUntil(lambda: window.height() == short)


def test_details_of_a_model_that_goes_away_close(panel: Opened) -> None:
    panel.content.show_details(QWEN.id)
    panel.show(replace(states.idle(), catalog=Catalog((NEMOTRON,))))
    assert panel.list.isVisible()


def test_a_load_is_shown_in_its_row_and_given_up_there_or_at_the_head(panel: Opened) -> None:
    panel.show(states.loading())
    assert panel.content.header.title.text() == "Loading Qwen3 8B…"
    panel.click("Qwen3 8B", from_right=12)
    QTest.mouseClick(panel.content.header.button, Qt.MouseButton.LeftButton)
    assert panel.asked == [(Command.CANCEL, ""), (Command.CANCEL, "")]


def test_while_requests_run_a_choice_can_wait_or_not_or_be_taken_back(panel: Opened) -> None:
    busy = panel.content.busy
    assert not busy.isVisible()
    panel.show(states.switching())
    assert busy.isVisible()
    assert busy.text.text() == "2 requests are running:"
    assert busy.after.isChecked()
    QTest.mouseClick(busy.now, Qt.MouseButton.LeftButton)
    assert busy.now.isChecked()
    assert not busy.after.isEnabled()
    QTest.mouseClick(busy.cancel, Qt.MouseButton.LeftButton)
    assert panel.asked == [("now", QWEN.id), (Command.CANCEL, "")]
    panel.show(states.idle())
    assert not busy.isVisible()
    panel.show(states.switching())
    assert busy.after.isChecked()


def test_what_went_wrong_can_be_tried_again_and_put_away(panel: Opened) -> None:
    panel.show(states.rolled_back())
    (strip,) = panel.content.banners.strips
    assert strip.title.text() == "Qwen3 8B could not be loaded"
    assert strip.text.text().endswith("Nemotron Nano 8B is back.")
    assert strip.action is not None
    QTest.mouseClick(strip.action, Qt.MouseButton.LeftButton)
    assert panel.asked == [(Command.TRY_AGAIN, QWEN.id)]
    QTest.mouseClick(strip.close_button, Qt.MouseButton.LeftButton)
    assert not panel.content.banners.isVisible()
    panel.show(states.rolled_back())
    assert not panel.content.banners.isVisible()


def test_an_address_that_has_no_room_goes_without_its_scheme_before_it_loses_more(panel: Opened) -> None:
    address = panel.content.footer.address
    whole = address.fontMetrics().horizontalAdvance(address.text())
    shown = []
    for width in (whole + 1, whole, whole // 2):
        address.setFixedWidth(width)
        shown.append(address.shown())
    assert shown[:2] == ["http://127.0.0.1:8080/v1", "127.0.0.1:8080/v1"]
    assert "…" in shown[2]
    assert address.accessibleName() == "http://127.0.0.1:8080/v1"


def test_the_foot_copies_the_address_and_leads_elsewhere(panel: Opened, qtbot: QtBot) -> None:
    foot = panel.content.footer
    QTest.mouseClick(foot.copy, Qt.MouseButton.LeftButton)
    assert QGuiApplication.clipboard().text() == "http://127.0.0.1:8080/v1"
    assert foot.copy.text() == "Copied"
    qtbot.waitUntil(lambda: foot.copy.text() == "Copy")
    for link in (foot.web_ui, foot.log, foot.settings):
        QTest.mouseClick(link, Qt.MouseButton.LeftButton)
    assert panel.asked == [(Ask.WEB_UI,), (Ask.LOG,), (Ask.SETTINGS,)]
    assert not foot.quit.isVisible()
    panel.show(states.stopped())
    assert not foot.web_ui.isEnabled()


def test_the_bar_says_under_the_pointer_whose_memory_it_is(panel: Opened) -> None:
    bars = panel.content.memory.bars
    width, middle = bars.width(), bars.height() / 2
    said = [bars.piece_at(part * width, middle) for part in (0.1, 0.3, 0.5, 0.9)]
    assert said == ["speech: 3.4 GiB", "desktop and driver: 2.0 GiB", "Nemotron Nano 8B: 5.0 GiB", ""]


def test_every_gpu_makes_the_bars_higher(panel: Opened) -> None:
    before = panel.content.memory.bars.sizeHint().height()
    panel.show(states.several_gpus())
    assert panel.content.memory.bars.sizeHint().height() > 2 * before


def menu_of(panel: Opened, key: RowKey, snapshot: Snapshot) -> RowMenu:
    assert panel.host.window is not None
    return RowMenu(panel.host.window, key, snapshot, DARK)


def test_the_menu_of_a_row_offers_what_can_be_done_with_it(panel: Opened) -> None:
    menu = menu_of(panel, RowKey(RowKind.MODEL, QWEN.id), states.idle())
    assert [action.text() for action in menu.actions()] == ["Load", "Details…", "", "Open folder", "Copy id"]
    loaded = menu_of(panel, RowKey(RowKind.MODEL, NEMOTRON.id), states.idle())
    assert not loaded.actions()[0].isEnabled()
    asked: list[str] = []
    menu.load_asked.connect(asked.append)
    menu.folder_asked.connect(asked.append)
    menu.actions()[0].trigger()
    menu.actions()[3].trigger()
    menu.actions()[4].trigger()
    assert [*asked, QGuiApplication.clipboard().text()] == [QWEN.id, QWEN.path, QWEN.id]
    file = menu_of(panel, RowKey(RowKind.FILE, states.CUT.path), states.loading())
    assert [action.text() for action in file.actions()] == ["Open folder", "Copy path"]
    lease = menu_of(panel, RowKey(RowKind.LEASE, "a81f"), states.borrowed())
    assert lease.actions()[1].text() == "Details…"


def test_the_menu_key_opens_the_menu_of_the_marked_row(panel: Opened, qtbot: QtBot) -> None:
    panel.press(KEYS.Key_Down)
    panel.press(KEYS.Key_Menu)
    assert panel.host.window is not None
    (menu,) = panel.host.window.findChildren(RowMenu)
    qtbot.waitUntil(menu.isVisible)
    menu.actions()[1].trigger()
    assert panel.content.details.isVisible()
    menu.close()


def test_without_a_tray_it_is_a_window_that_stays_and_can_end_the_program(qtbot: QtBot) -> None:
    host = PanelHost(theme="light", offered=(), options=lambda _: {})
    opened = Opened(host)
    opened.show(states.idle())
    host.open(None, framed=True)
    window = host.window
    assert window is not None
    qtbot.waitUntil(window.isVisible)
    assert window.windowType() is Qt.WindowType.Window
    opened.press(KEYS.Key_Escape)
    assert window.isVisible()
    assert not window.content.footer.log.isVisible()
    assert not window.content.footer.settings.isVisible()
    QTest.mouseClick(window.content.footer.quit, Qt.MouseButton.LeftButton)
    assert opened.asked == [(Ask.QUIT,)]
    host.open(None)  # the tray has come
    assert host.window is not window
    assert host.window is not None
    assert host.window.windowType() is Qt.WindowType.Tool
    host.close()


def test_every_control_has_a_name_for_screen_readers_and_can_be_reached_with_tab(panel: Opened) -> None:
    panel.show(states.rolled_back())
    assert panel.host.window is not None
    reachable = [
        one
        for one in panel.host.window.findChildren(QWidget)
        if isinstance(one, QAbstractButton | QLineEdit) or one is panel.list
    ]
    assert len(reachable) >= 10
    for one in reachable:
        assert one.accessibleName(), one
        assert one.focusPolicy() & Qt.FocusPolicy.TabFocus, one
    seen = []
    for _ in range(12):
        focus = QGuiApplication.focusObject()
        assert isinstance(focus, QWidget)
        if focus in seen:
            break
        seen.append(focus)
        panel.press(KEYS.Key_Tab)
    assert [one.accessibleName() for one in seen[:2]] == ["Filter models", "Models"]
    assert {"Stop", "Try again", "Copy the endpoint address", "Open the web interface"} <= {
        one.accessibleName() for one in seen
    }


def test_an_empty_list_offers_a_folder_and_another_look(panel: Opened) -> None:
    panel.show(states.no_models(), ())
    nothing = panel.content.page.nothing
    assert nothing.isVisible()
    for button in nothing.buttons.values():
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert panel.asked == [(Command.CHOOSE_FOLDER, ""), (Command.RESCAN, "")]
