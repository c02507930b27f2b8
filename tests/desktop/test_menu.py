"""The menu as Qt holds it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QMenu

from fakes import panel_states, snapshots
from model_switcher.desktop.ask import Ask
from model_switcher.desktop.menu import Drawn, Menu
from model_switcher.desktop.theme import DARK, DARK_CONTRAST, LIGHT, LIGHT_CONTRAST, Colours
from model_switcher.desktop.view_state import view_state
from model_switcher.domain.catalog import Catalog, Rejected
from model_switcher.domain.snapshot import Snapshot

if TYPE_CHECKING:
    from PySide6.QtCore import QRect
    from PySide6.QtGui import QAction, QImage
    from pytestqt.qtbot import QtBot


@pytest.fixture
def menu(qtbot: QtBot) -> Menu:
    menu = Menu()
    qtbot.addWidget(menu)
    menu.show_state(view_state(snapshots.ready()))
    return menu


def texts(menu: QMenu) -> list[str]:
    return ["---" if action.isSeparator() else action.text() for action in menu.actions()]


def action(menu: QMenu, beginning: str) -> QAction:
    return next(one for one in menu.actions() if one.text().startswith(beginning))


def submenu(menu: QMenu, beginning: str) -> QMenu:
    found = action(menu, beginning).menu()
    assert isinstance(found, QMenu)
    return found


def test_the_menu_reads_as_designed(menu: Menu) -> None:
    assert texts(menu) == [
        "Nemotron Nano 8B — ready",
        "VRAM 10.4 of 16.0 GiB  ▰▰▰▰▰▰▱▱▱",
        "---",
        "Nemotron Nano 8B\tQ4_K_M",
        "Gemma 3 12B\tQ4_K_M",
        "Llama 3.3 70B\tQ4_K_M",
        "Phinance 3B\tQ4_K_M",
        "Qwen3 8B\tQ6_K",
        "---",
        "Stop server",
        "Free the memory until resumed",
        "Copy endpoint address",
        "Open web UI",
        "Rescan models",
        "---",
        "Open panel",
        "---",
        "Quit",
    ]
    assert [one.isEnabled() for one in menu.actions()[:2]] == [False, False]


def test_only_the_chosen_model_is_marked_and_as_one_of_several(menu: Menu) -> None:
    marked = [one.text() for one in menu.actions() if one.isChecked()]
    assert marked == ["Nemotron Nano 8B\tQ4_K_M"]
    group = action(menu, "Nemotron Nano 8B\t").actionGroup()
    assert group is not None
    assert group.isExclusive()


def test_a_click_asks_for_the_model_and_leaves_the_mark_to_the_engine(menu: Menu, qtbot: QtBot) -> None:
    with qtbot.waitSignal(menu.chosen) as chosen:
        action(menu, "Qwen3 8B").trigger()
    assert chosen.args == ["qwen3-8b"]
    assert action(menu, "Nemotron Nano 8B\t").isChecked()
    assert not action(menu, "Qwen3 8B").isChecked()


@pytest.mark.parametrize(
    ("text", "ask"),
    [
        ("Stop server", Ask.CONTROL),
        ("Free the memory until resumed", Ask.PAUSE),
        ("Copy endpoint address", Ask.COPY),
        ("Open web UI", Ask.WEB_UI),
        ("Rescan models", Ask.RESCAN),
        ("Open panel", Ask.PANEL),
        ("Quit", Ask.QUIT),
    ],
)
def test_every_entry_asks_for_what_it_says(menu: Menu, qtbot: QtBot, text: str, ask: Ask) -> None:
    with qtbot.waitSignal(menu.asked) as asked:
        action(menu, text).trigger()
    assert asked.args == [ask]


@pytest.mark.parametrize(
    ("text", "ask"),
    [("Show log", Ask.LOG), ("Settings…", Ask.SETTINGS), ("Start at login", Ask.LOGIN)],
)
def test_there_is_an_entry_for_what_is_offered_and_for_nothing_else(
    menu: Menu, qtbot: QtBot, text: str, ask: Ask
) -> None:
    assert text not in texts(menu)
    offering = Menu(offered=[ask])
    qtbot.addWidget(offering)
    assert text in texts(offering)
    with qtbot.waitSignal(offering.asked) as asked:
        action(offering, text).trigger()
    assert asked.args == [ask]


def test_the_mark_at_start_at_login_is_where_it_is_put(qtbot: QtBot) -> None:
    menu = Menu(offered=[Ask.LOGIN])
    qtbot.addWidget(menu)
    login = action(menu, "Start at login")
    menu.show_login(on=True)
    assert login.isChecked()
    menu.show_login(on=False)
    assert not login.isChecked()


def test_an_open_menu_changes_its_texts_but_not_its_entries(menu: Menu) -> None:
    menu.aboutToShow.emit()
    before = menu.actions()
    menu.show_state(view_state(snapshots.loading()))
    assert menu.actions() == before
    assert action(menu, "Loading Qwen3 8B… 57 %").isEnabled() is False
    assert action(menu, "Qwen3 8B\t57 %").isChecked()
    assert action(menu, "Cancel").isEnabled()


def test_what_waited_for_the_menu_to_close_is_built_then(menu: Menu, qtbot: QtBot) -> None:
    menu.aboutToShow.emit()
    menu.show_state(view_state(replace(snapshots.ready(), catalog=Catalog(snapshots.USUAL[:2]))))
    assert not action(menu, "Qwen3 8B").isEnabled()
    menu.aboutToHide.emit()
    qtbot.waitUntil(lambda: len(texts(menu)) == 15)
    assert texts(menu)[3:6] == ["Nemotron Nano 8B\tQ4_K_M", "Phinance 3B\tQ4_K_M", "---"]
    assert not menu.is_open


def test_what_waited_is_built_when_the_menu_is_opened_again_by_a_panel_that_never_said_it_was_closed(
    menu: Menu,
) -> None:
    menu.aboutToShow.emit()
    menu.show_state(view_state(snapshots.rolled_back()))
    assert texts(menu)[2] == "---"
    menu.aboutToShow.emit()
    assert texts(menu)[2].startswith("Qwen3 8B could not be loaded")
    assert menu.is_open


def test_many_models_get_a_submenu_by_place_with_marks_of_its_own(menu: Menu) -> None:
    menu.show_state(view_state(replace(snapshots.ready(), catalog=snapshots.many_models(38))))
    everything = submenu(menu, "All models (38)")
    assert texts(everything) == [
        "D:\\models (3)",
        "E:\\more models (33)",
        "Hugging Face cache (1)",
        "LM Studio (1)",
    ]
    place = submenu(everything, "D:\\models")
    assert action(place, "Nemotron Nano 8B").isChecked()
    assert action(menu, "Nemotron Nano 8B\t").isChecked()


def test_in_a_menu_of_places_words_end_before_the_arrows(qtbot: QtBot) -> None:
    menu = Menu()
    qtbot.addWidget(menu)
    menu.dress(LIGHT)
    menu.show_state(view_state(replace(snapshots.ready(), catalog=snapshots.many_models(38))))
    everything = submenu(menu, "All models (38)")
    places = everything.actions()
    longest = max(everything.fontMetrics().horizontalAdvance(one.text()) for one in places)
    assert everything.sizeHint().width() >= longest + 14 + 30


def test_models_of_one_place_are_not_put_one_level_deeper(menu: Menu) -> None:
    models = tuple(snapshots.model(f"Yi {number}B", "Q4_0", 3.0) for number in range(20))
    menu.show_state(view_state(Snapshot(catalog=Catalog(models))))
    everything = submenu(menu, "All models (20)")
    assert len(everything.actions()) == 20
    assert texts(everything)[2] == "Yi 2B\tQ4_0"


def test_rebuilding_leaves_nothing_behind(menu: Menu, qtbot: QtBot) -> None:
    many = view_state(replace(snapshots.ready(), catalog=snapshots.many_models(38)))
    few = view_state(snapshots.ready())
    menu.show_state(few)
    qtbot.wait(0)
    children = len(menu.children())
    for _ in range(20):
        menu.show_state(many)
        menu.show_state(few)
    qtbot.waitUntil(lambda: len(menu.children()) == children)


def shown(menu: QMenu) -> list[str]:
    """The entries as one sees them: Qt draws neighbouring separators as one, and panels draw what is visible."""
    return ["---" if one.isSeparator() else one.text() for one in menu.actions() if one.isVisible()]


def test_an_empty_menu_says_once_that_there_is_no_model_and_has_no_empty_place(menu: Menu) -> None:
    menu.show_state(view_state(Snapshot()))
    assert shown(menu)[:4] == ["No models found", "Memory unknown", "---", "Start server"]
    assert not action(menu, "Copy endpoint address").isEnabled()
    assert not action(menu, "Open web UI").isEnabled()
    menu.show_state(view_state(Snapshot(paused=True)))
    assert shown(menu)[2:5] == ["---", "No models found", "---"]
    menu.show_state(view_state(snapshots.ready()))
    assert shown(menu)[8:10] == ["---", "Stop server"]


def test_what_is_wrong_stands_under_the_header_and_goes_again(menu: Menu) -> None:
    menu.show_state(view_state(snapshots.rolled_back()))
    assert texts(menu)[2].startswith("Qwen3 8B could not be loaded")
    assert not menu.actions()[2].isEnabled()
    menu.show_state(view_state(snapshots.ready()))
    assert texts(menu)[2] == "---"


def test_rejected_files_have_a_submenu_of_lines_to_read(menu: Menu) -> None:
    cut = Rejected(path="/models/cut & dry.gguf", code="model-truncated", reason="The file ends early")
    menu.show_state(view_state(replace(snapshots.ready(), catalog=Catalog(snapshots.USUAL, (cut,)))))
    lines = submenu(menu, "Cannot be served (1)")
    assert texts(lines) == ["cut && dry.gguf: The file ends early"]
    assert not lines.actions()[0].isEnabled()


def test_no_character_of_a_name_is_taken_for_a_shortcut(qtbot: QtBot) -> None:
    odd = snapshots.model("R&D_A & B", "Q8_0", 1.0)
    for drawn, text in (
        (Drawn.BY_QT, "R&&D_A && B\tQ8_0"),
        (Drawn.BY_PANEL, "R&&D__A & B  ·  Q8__0"),
    ):
        menu = Menu(drawn=drawn)
        qtbot.addWidget(menu)
        menu.show_state(view_state(Snapshot(catalog=Catalog((odd,)))))
        assert texts(menu)[3] == text


def ink(image: QImage, place: QRect, ground: str) -> tuple[int, int]:
    """The first and the last column of that place in which something is drawn."""
    columns = [
        x
        for x in range(place.left(), place.right())
        if any(image.pixelColor(x, y).name() != ground for y in range(place.top(), place.bottom()))
    ]
    return columns[0], columns[-1]


@pytest.mark.qt_log_ignore("This plugin does not support")
@pytest.mark.parametrize("palette", [LIGHT, DARK, LIGHT_CONTRAST, DARK_CONTRAST])
def test_what_stands_at_the_right_ends_at_one_line_and_what_is_on_has_a_tick(
    qtbot: QtBot, palette: Colours
) -> None:
    menu = Menu(offered=[Ask.LOGIN])
    qtbot.addWidget(menu)
    menu.dress(palette)
    menu.show_state(view_state(panel_states.idle(), recent=panel_states.RECENT))
    menu.show_login(on=True)
    menu.popup(QPoint(0, 0))
    qtbot.waitUntil(menu.isVisible)
    image = menu.grab().toImage()
    rows = [menu.actionGeometry(one) for one in menu.actions() if "\t" in one.text()]
    right = [row.adjusted(row.width() // 2, 2, 0, -2) for row in rows]
    ends = {ink(image, place, palette.background)[1] for place in right}
    assert max(ends) - min(ends) <= 2  # letters do not all end where their room does
    first = right[0]
    drawn = {
        image.pixelColor(x, y).name()
        for x in range(first.left(), first.right())
        for y in range(first.top(), first.bottom())
    }
    assert palette.dim in drawn
    # What is painted alone, as the pointer makes it, looks as it did among the others.
    for row in rows:
        assert menu.grab(row).toImage() == image.copy(row)
    place = menu.actionGeometry(action(menu, "Start at login"))
    mark = place.adjusted(0, 2, 24 - place.width(), -2)
    begin, end = ink(image, mark, palette.background)
    assert end - begin >= 7
    menu.show_login(on=False)
    off = menu.grab().toImage()
    middle = {off.pixelColor(x, mark.center().y()).name() for x in range(mark.left(), mark.right())}
    assert middle == {palette.background}
    menu.hide()


def test_another_order_of_the_recent_models_leaves_the_long_list_as_it_is(menu: Menu) -> None:
    before = view_state(panel_states.thousand())
    menu.show_state(before)
    entries = submenu(menu, "All models").actions()
    menu.show_state(replace(before, models=before.models[::-1]))
    assert texts(menu)[3].startswith(before.models[-1].name)
    assert submenu(menu, "All models").actions() == entries


def test_entries_leave_their_menu_before_it_goes(menu: Menu) -> None:
    """Else what Qt shows panels of them stays for good."""
    before = view_state(panel_states.thousand())
    menu.show_state(before)
    long = submenu(menu, "All models")
    menu.show_state(replace(before, all_models=before.all_models[:1], total=before.total + 1))
    assert long.actions() == []
