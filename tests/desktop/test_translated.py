"""Every word on the screen can be put into another language: nothing is written past the door that texts go through."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import QRect
from PySide6.QtWidgets import QAbstractButton, QLabel, QLineEdit, QMenu, QWidget

from fakes import panel_states as states
from fakes.snapshots import NEMOTRON
from model_switcher.desktop import language
from model_switcher.desktop.ask import Ask
from model_switcher.desktop.menu import Menu
from model_switcher.desktop.panel.row_menu import RowMenu
from model_switcher.desktop.panel_host import PanelHost
from model_switcher.desktop.theme import DARK
from model_switcher.desktop.view_state import RowKey, RowKind, view_state
from model_switcher.desktop.view_state.listing import listing
from model_switcher.desktop.view_state.trail import Trail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model_switcher.domain.snapshot import Snapshot

pytestmark = [
    pytest.mark.usefixtures("qapp"),
    pytest.mark.qt_log_ignore("This plugin does not support"),
]
UNITS = {"GiB", "MiB", "KiB", "VRAM", "RAM"}
OPTIONS = {"ctx-size": 16384}


class Marked(language.English):
    """A language in which everything that was translated stands in brackets."""

    def translated(self, text: str, comment: str, count: int) -> str:
        return f"⟦{super().translated(text, comment, count)}⟧"


@pytest.fixture(autouse=True)
def _marked() -> Iterator[None]:
    language.speak(Marked())
    yield
    language.speak(language.English())


def untranslated(text: str, snapshot: Snapshot) -> set[str]:
    """Words outside of the brackets that are no names out of the data, and no units."""
    left = text
    while (
        shorter := re.sub("⟦[^⟦⟧]*⟧", " ", left)
    ) != left:  # what was put into a text may have been one itself
        left = shorter
    places = listing(snapshot.catalog).places
    known = repr((snapshot, states.history(), OPTIONS, places))
    return {word for word in re.findall(r"[^\W\d_]{2,}", left) if word not in known} - UNITS


def texts_of(widget: QWidget) -> Iterator[str]:
    for one in (widget, *widget.findChildren(QWidget)):
        yield from (one.accessibleName(), one.accessibleDescription(), one.toolTip())
        if isinstance(one, QLabel | QAbstractButton | QLineEdit):
            yield one.text()
        if isinstance(one, QLineEdit):
            yield one.placeholderText()


def texts_in(menu: QMenu) -> Iterator[str]:
    for action in menu.actions():
        yield action.text()
        inner = action.menu()
        if isinstance(inner, QMenu):
            yield from texts_in(inner)


@pytest.mark.parametrize(
    "state", ["idle", "loading", "switching", "failed", "borrowed", "no models", "no GPU"]
)
def test_nothing_in_the_panel_and_in_the_menu_is_written_past_the_door(state: str) -> None:
    snapshot = states.STATES[state]()
    host = PanelHost(theme="dark", offered=tuple(Ask), options=lambda _: OPTIONS)
    trail = Trail()
    trail.record(snapshot)
    host.show_snapshot(snapshot, states.RECENT, trail)
    host.open(QRect(790, 590, 1, 1))
    assert host.window is not None
    content = host.window.content
    if snapshot.catalog.get(NEMOTRON.id):
        content.show_details(NEMOTRON.id)
        content.show_history(states.history())
    found = list(texts_of(host.window))
    rows = content.page.list.rows
    for number in range(min(rows.rowCount(), 20)):
        row = rows.row(rows.index(number))
        if row is None:
            found.append(str(rows.data(rows.index(number))))
        else:
            found += [row.spoken, row.note, row.fit.text, row.fit.note]
    menu = Menu(offered=tuple(Ask))
    shown = view_state(snapshot, recent=states.RECENT)
    menu.show_state(shown)
    row_menu = RowMenu(host.window, RowKey(RowKind.MODEL, NEMOTRON.id), snapshot, DARK)
    found += [*texts_in(menu), *texts_in(row_menu), shown.tooltip]
    assert sum("⟦" in text for text in found) > 20
    assert {text: words for text in found if (words := untranslated(text, snapshot))} == {}
    host.close()


def test_the_sieve_finds_a_word_that_was_not_translated() -> None:
    assert untranslated("⟦Ready⟧ · Q4_K_M · soon", states.idle()) == {"soon"}
