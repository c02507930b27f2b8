"""The settings window as one uses it: what is on the screen, and what it asks of the engine."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLineEdit, QListWidget

from fakes.opened_settings import OpenedSettings, on_window
from fakes.settings_states import DOCUMENT, VULKAN
from model_switcher.desktop.settings.pages import EnginePage, LaunchPage, ModelPage
from model_switcher.desktop.view_state.settings import PageId
from model_switcher.domain.errors import SettingsError

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
KEYS = Qt.Key


def launch(it: OpenedSettings) -> LaunchPage:
    page = it.window.pages[PageId.LAUNCH]
    assert isinstance(page, LaunchPage)
    return page


def test_a_value_is_typed_saved_and_in_effect_without_a_restart(qapp: QApplication) -> None:
    async def test(it: OpenedSettings) -> None:
        it.turn_to(PageId.MEMORY)
        line = it.editor("memory", "margin").line  # type: ignore[union-attr]
        assert line.text() == "768 MiB"
        assert not it.window.foot.save.isEnabled()
        it.type(line, "1 GiB")
        assert it.window.foot.text.text() == "1 change not saved · counts at once"
        assert it.window.list.item(3).text() == "Memory •"
        QTest.keyClick(it.window, KEYS.Key_S, Qt.KeyboardModifier.ControlModifier)
        await it.until(lambda: it.window.foot.text.text() == "Saved")
        assert it.desk.changes == [{("memory", "margin"): "1 GiB"}]
        assert it.window.list.item(3).text() == "Memory"

    on_window(qapp, test)


def test_a_wrong_value_is_told_at_its_field_and_cannot_be_saved(qapp: QApplication) -> None:
    async def test(it: OpenedSettings) -> None:
        it.turn_to(PageId.ADDRESS)
        line = it.editor("server", "port").line  # type: ignore[union-attr]
        it.type(line, "99999")
        assert it.problem("server", "port") == "99999 is not a port between 1 and 65535"
        assert line.accessibleDescription() == "99999 is not a port between 1 and 65535"
        assert line.property("wrong") is True
        assert it.window.list.item(2).text() == "Address ⚠"
        assert not it.window.foot.save.isEnabled()
        it.click(it.window.foot.discard)
        assert it.problem("server", "port") == ""
        assert line.text() == "8080"

    on_window(qapp, test)


def test_boxes_lists_and_choices_change_what_they_say(qapp: QApplication) -> None:
    async def test(it: OpenedSettings) -> None:
        it.turn_to(PageId.MODELS)
        it.click(it.editor("stores").boxes["ollama"])  # type: ignore[union-attr]
        folders = it.editor("model-folders")
        folders.take("E:/more")  # type: ignore[union-attr]
        it.type(folders.lines[0], "D:/other")  # type: ignore[union-attr]
        it.turn_to(PageId.DESKTOP)
        theme = it.editor("desktop", "theme").box  # type: ignore[union-attr]
        theme.setFocus()
        QTest.keyClick(theme, KEYS.Key_Down)
        assert theme.currentText() == "light"
        it.turn_to(PageId.ADDRESS)
        keys = it.editor("server", "api-keys")
        it.click(keys.add)  # type: ignore[union-attr]
        assert keys.lines[0].echoMode() is not QLineEdit.EchoMode.Normal  # type: ignore[union-attr]
        it.click(it.window.foot.save)
        await it.until(lambda: it.desk.changes)
        saved = it.desk.changes[0]
        assert saved["model-folders",] == ["D:/other", "~/models", "E:/more"]
        assert "ollama" not in saved["stores",]
        assert len(saved["stores",]) == 7
        assert saved["desktop", "theme"] == "light"
        assert len(saved["server", "api-keys"][0]) >= 32
        await it.until(lambda: it.window.look.colours.background == "#fbfbfc")

    on_window(qapp, test)


def test_an_option_is_found_by_what_it_does_and_added_with_the_keyboard(qapp: QApplication) -> None:
    async def test(it: OpenedSettings) -> None:
        it.turn_to(PageId.LAUNCH)
        options = launch(it).options
        assert list(options.lines) == [
            ("launch", name) for name in ("cache-type-k", "ctx-size", "flash-attn")
        ]
        options.search.setFocus()
        QTest.keyClicks(options.search, "physical maximum batch")
        await it.until(options._popup.isVisible)
        shown = options._popup.model()
        assert [str(shown.data(shown.index(row, 0))) for row in range(shown.rowCount())] == [
            "ubatch-size — physical maximum batch size (default: 512)"
        ]
        QTest.keyClick(options._popup, KEYS.Key_Return)
        await it.until(lambda: ("launch", "ubatch-size") in options.lines)
        line = options.lines["launch", "ubatch-size"]
        await it.until(lambda: options.search.text() == "")
        assert isinstance(line.value, QLineEdit)
        assert line.value.text() == "512", "it begins with the engine's own default"
        assert line.help.text() == "physical maximum batch size (default: 512)"
        it.type(line.value, "256")
        it.click(options.lines["launch", "flash-attn"].cross)
        assert ("launch", "flash-attn") not in options.lines
        it.click(it.window.foot.save)
        await it.until(lambda: it.desk.changes)
        assert it.desk.changes == [{("launch", "ubatch-size"): 256, ("launch", "flash-attn"): None}]

    on_window(qapp, test)


def test_a_name_that_no_option_has_is_told_with_the_nearest_one(qapp: QApplication) -> None:
    async def test(it: OpenedSettings) -> None:
        it.turn_to(PageId.LAUNCH)
        options = launch(it).options
        options.search.setText("--threadz")
        QTest.keyClick(options.search, KEYS.Key_Return)
        line = options.lines["launch", "threadz"]
        assert "did you mean threads?" in line.problem.text()
        assert not line.problem.isHidden()

    on_window(qapp, test)


def test_what_a_model_would_take_follows_what_is_typed(qapp: QApplication) -> None:
    async def test(it: OpenedSettings) -> None:
        it.turn_to(PageId.EACH)
        page = it.window.pages[PageId.EACH]
        assert isinstance(page, ModelPage)
        assert page.models.currentText() == "Phinance 3B  ·  own settings"
        await it.until(lambda: "8k context" in page.supposition.parts.text())
        assert page.supposition.total.text().startswith("2.8 GiB on the GPU")
        value = page.options.lines["models", "phinance-3b", "ctx-size"].value
        it.type(value, "65536")
        await it.until(lambda: "64k context" in page.supposition.parts.text())
        assert page.supposition.total.text().startswith("6.2 GiB on the GPU")
        assert it.desk.changes == [], "nothing was saved for it"
        assert it.desk.supposed[-1] == {"ctx-size": 65536, "flash-attn": "on", "cache-type-k": "q8_0"}
        page.models.setCurrentIndex(page.models.findData("qwen3-8b"))
        page.models.activated.emit(page.models.currentIndex())
        await it.until(lambda: page.models.currentText().startswith("Qwen3 8B"))
        await it.until(lambda: "16k context" in page.supposition.parts.text())

    on_window(qapp, test)


def test_engines_are_chosen_and_tried(qapp: QApplication) -> None:
    async def test(it: OpenedSettings) -> None:
        it.turn_to(PageId.ENGINE)
        page = it.window.pages[PageId.ENGINE]
        assert isinstance(page, EnginePage)
        card = page.engines.cards[VULKAN]
        assert card.text.text().startswith("b10434 · Vulkan0: NVIDIA GeForce RTX 4080")
        it.click(card.try_it)
        await it.until(lambda: card.result.text().startswith("Phinance 3B was ready after 1.4 s"))
        card.dot.setFocus()
        QTest.keyClick(card.dot, KEYS.Key_Space)
        await it.until(it.window.foot.save.isEnabled)
        it.click(it.window.foot.save)
        await it.until(lambda: it.desk.changes)
        assert it.desk.changes == [{("server", "engine"): VULKAN}]

    on_window(qapp, test)


def test_what_runs_with_older_settings_is_loaded_again_at_a_click(qapp: QApplication) -> None:
    async def test(it: OpenedSettings) -> None:
        assert it.window.foot.outdated.text.text() == "Nemotron Nano 8B runs with older settings."
        it.click(it.window.foot.outdated.button)
        await it.until(lambda: it.desk.reloaded == ["nemotron-nano-8b"])

    on_window(qapp, test, outdated=("nemotron-nano-8b",))


def test_a_refusal_of_the_engine_stands_at_the_foot(qapp: QApplication) -> None:
    async def test(it: OpenedSettings) -> None:
        it.desk.refuses = SettingsError("The settings cannot be written: no space left", hint="Free some.")
        it.turn_to(PageId.MEMORY)
        it.type(it.editor("memory", "margin").line, "2 GiB")  # type: ignore[union-attr]
        it.click(it.window.foot.save)
        await it.until(
            lambda: it.window.foot.text.text() == "The settings cannot be written: no space left. Free some."
        )
        assert it.editor("memory", "margin").line.text() == "2 GiB"  # type: ignore[union-attr]

    on_window(qapp, test)


def test_a_file_that_is_edited_by_hand_shows_at_once_and_so_does_its_theme(qapp: QApplication) -> None:
    async def test(it: OpenedSettings) -> None:
        applied: list[object] = []
        it.host.applied.connect(applied.append)
        it.turn_to(PageId.MEMORY)
        it.desk.document = {**DOCUMENT, "memory": {"margin": "3 GiB"}, "desktop": {"theme": "light"}}
        it.engine.show(replace(it.engine.snapshot, settings_edition=7))
        await it.until(lambda: applied)
        assert applied[-1].desktop.theme == "light"  # type: ignore[attr-defined]
        await it.until(lambda: it.editor("memory", "margin").line.text() == "3 GiB")  # type: ignore[union-attr]
        assert it.window.list.currentRow() == 3, "the same page, in other colours"

    on_window(qapp, test)


class Login:
    def __init__(self) -> None:
        self.on = False

    def is_on(self) -> bool:
        return self.on

    def turn(self, *, on: bool) -> None:
        self.on = on


def test_start_at_login_is_turned_on_when_it_is_saved(qapp: QApplication) -> None:
    login = Login()

    async def test(it: OpenedSettings) -> None:
        it.turn_to(PageId.DESKTOP)
        it.click(it.editor("desktop", "start-at-login").box)  # type: ignore[union-attr]
        assert not login.on
        it.click(it.window.foot.save)
        await it.until(lambda: login.on)

    on_window(qapp, test, login=login)


def test_every_control_has_a_name_and_is_reached_by_the_keyboard(qapp: QApplication) -> None:
    async def test(it: OpenedSettings) -> None:
        for page in PageId:
            it.turn_to(page)
            controls = [
                one
                for kind in (QAbstractButton, QLineEdit, QComboBox, QListWidget)
                for one in it.window.findChildren(kind)
                if one.isVisible() and one.objectName() != "qt_spinbox_lineedit"
            ]
            unnamed = [
                one
                for one in controls
                if not (one.accessibleName() or getattr(one, "text", str)())
                and not isinstance(one.parent(), QLineEdit)
            ]
            assert unnamed == [], page
            reached, first = set(), it.window.list
            first.setFocus()
            for _ in range(200):
                QTest.keyClick(it.window.focusWidget() or first, KEYS.Key_Tab)
                reached.add(it.window.focusWidget())
                if it.window.focusWidget() is first:
                    break
            missed = [
                one
                for one in controls
                if one.isEnabled()
                and one not in reached
                and one is not first
                and not isinstance(one.parent(), QLineEdit)
                and not getattr(one, "autoExclusive", bool)()
            ]
            assert missed == [], page

    on_window(qapp, test)


def test_escape_closes_it_and_it_opens_again_as_the_file_says(qapp: QApplication) -> None:
    async def test(it: OpenedSettings) -> None:
        it.turn_to(PageId.MEMORY)
        it.type(it.editor("memory", "margin").line, "5 GiB")  # type: ignore[union-attr]
        QTest.keyClick(it.window, KEYS.Key_Escape)
        assert it.host.window is None
        it.host.open()
        await it.until(lambda: it.host.window is not None)
        it.turn_to(PageId.MEMORY)
        assert it.editor("memory", "margin").line.text() == "768 MiB"  # type: ignore[union-attr]

    on_window(qapp, test)
