"""The pages that stand where the list would be: no engine, and no models."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import qasync
from PySide6.QtCore import QObject, Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel

from fakes import panel_states as states
from fakes.searches import BROKEN, NO_LIBRARY
from fakes.stand_in import StandIn, StandInThread
from model_switcher.desktop.bridge import Bridge
from model_switcher.desktop.panel_host import PanelHost
from model_switcher.desktop.presenter import Presenter
from model_switcher.desktop.tray import Tray
from model_switcher.desktop.view_state import Command, panel_view, view_state
from model_switcher.desktop.windows import Windows
from model_switcher.domain.settings import DesktopSettings
from model_switcher.domain.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fakes.opened_panel import Opened
    from model_switcher.desktop.view_state.empty import EmptyView

# The offscreen platform cannot raise a window, and says so each time.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def page(snapshot: Snapshot) -> EmptyView:
    view = panel_view(snapshot)
    assert view.empty is not None
    assert view.sections == ()
    return view.empty


def test_without_an_engine_it_says_what_was_found_why_it_does_not_run_and_where_was_looked() -> None:
    view = page(states.no_engine())
    assert view.title == view_state(states.no_engine()).header == "No engine to run models with"
    assert panel_view(states.no_engine()).header.line == "There is no engine yet"
    assert view.text == (
        "Models are run by llama-server, a part of llama.cpp. The one that was found does not run here."
    )
    found, looked = view.facts
    assert found.label == "Found"
    assert found.value.splitlines() == [
        f"{BROKEN} cannot start: the library cudart64_12.dll is missing",
        "The embedded engine runs: xllamacpp 0.2.6",
    ]
    assert looked.label == "Looked in"
    assert looked.value.splitlines()[1] == "PATH: C:\\Windows\\System32, C:\\llama"
    assert [(one.command, one.text, one.target) for one in view.controls] == [
        (Command.USE_ENGINE, "Use the embedded engine", "embedded"),
        (Command.GET_ENGINE, "Get llama.cpp", ""),
        (Command.CHOOSE_ENGINE, "Choose llama-server…", ""),
        (Command.RESCAN, "Look again", ""),
    ]


def test_where_nothing_was_found_it_says_so_and_offers_nothing_that_is_not_there() -> None:
    view = page(replace(states.no_engine(), engine_trouble=replace(NO_LIBRARY, found=())))
    assert view.text.endswith("None was found on this computer.")
    assert view.facts[0].value == "The embedded engine is not installed"
    assert [one.text for one in view.controls] == ["Get llama.cpp", "Choose llama-server…", "Look again"]


def test_the_engine_of_the_settings_is_named_with_its_reason() -> None:
    trouble = replace(
        NO_LIBRARY, setting="/opt/llama-server", reason="There is no engine at /opt/llama-server"
    )
    view = page(replace(states.no_engine(), engine_trouble=trouble))
    assert view.text == (
        "The one that the settings name cannot be used: There is no engine at /opt/llama-server"
    )


def test_while_a_model_is_served_its_list_stays() -> None:
    served = replace(states.idle(), engine_trouble=NO_LIBRARY)
    assert panel_view(served).empty is None


def test_the_page_without_an_engine_is_on_screen_and_its_buttons_do_what_they_say(panel: Opened) -> None:
    panel.show(states.no_engine())
    nothing = panel.content.page.nothing
    assert nothing.isVisible()
    assert not panel.list.isVisible()
    assert not panel.filter.isVisible()
    QApplication.processEvents()
    texts = [
        label.text().replace("\u200b", "") for label in nothing.findChildren(QLabel) if label.isVisible()
    ]
    assert texts[0] == "No engine to run models with"
    assert any("cudart64_12.dll is missing" in text for text in texts)
    assert any("C:\\Users\\anna\\Downloads" in text for text in texts)
    for button in nothing.buttons.values():
        assert button.visibleRegion().boundingRect() == button.rect()
        assert button.width() >= button.sizeHint().width()
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert panel.asked == [
        (Command.USE_ENGINE, "embedded"),
        (Command.GET_ENGINE, ""),
        (Command.CHOOSE_ENGINE, ""),
        (Command.RESCAN, ""),
    ]
    panel.show(states.idle())
    assert panel.list.isVisible()
    assert panel.filter.isVisible()


def test_the_keyboard_is_at_the_first_button_and_in_the_filter_when_the_list_is_back(panel: Opened) -> None:
    panel.show(states.no_engine())
    use, get, *_ = panel.content.page.nothing.buttons.values()
    assert use.hasFocus()
    panel.press(Qt.Key.Key_Tab)
    assert get.hasFocus()
    panel.press(Qt.Key.Key_Backtab)
    panel.press(Qt.Key.Key_Space)
    assert panel.asked == [(Command.USE_ENGINE, "embedded")]
    panel.show(states.idle())
    assert panel.filter.hasFocus()
    panel.show(states.no_engine())
    panel.content.begin()
    assert use.hasFocus()


def test_the_places_of_models_are_on_screen(panel: Opened) -> None:
    panel.show(states.no_models(), ())
    nothing = panel.content.page.nothing
    texts = [label.text().replace("\u200b", "") for label in nothing.facts.findChildren(QLabel)]
    assert "C:\\Users\\anna\\.lmstudio\\models\nno models" in texts
    assert nothing.area.isVisible()
    assert nothing.area.height() >= nothing.facts.sizeHint().height()


def chosen(presenter: Presenter, command: Command, path: str) -> None:
    """What the user does: presses the button, and chooses in the window that opens."""
    presenter._press(command, "")
    picker = presenter._folders if command is Command.CHOOSE_FOLDER else presenter._engines
    assert isinstance(picker.dialog, QFileDialog)
    assert picker.dialog.isVisible()
    picker.dialog.selectFile(path)
    picker.dialog.accept()
    assert picker.dialog is None


@pytest.mark.parametrize(
    ("command", "key"),
    [
        (Command.CHOOSE_FOLDER, "model-folders"),
        (Command.CHOOSE_ENGINE, "engine"),
        (Command.USE_ENGINE, "engine"),
    ],
)
def test_what_is_chosen_is_written_at_the_settings_desk(
    qapp: QApplication, tmp_path: Path, command: Command, key: str
) -> None:
    """Through the system's window, the bridge, and the rules of the settings."""
    program = tmp_path / "llama-server"
    program.touch()
    (tmp_path / "models").mkdir()
    path = str(tmp_path / "models" if key == "model-folders" else program)
    stand_in = StandIn()
    before = asyncio.run(stand_in.desk.state()).file

    def is_written() -> bool:
        now = asyncio.run_coroutine_threadsafe(stand_in.desk.state(), thread.loop).result().file
        if key == "engine":
            return now.server.engine == ("embedded" if command is Command.USE_ENGINE else path)
        return now.model_folders == (*before.model_folders, path)

    thread = StandInThread(stand_in)

    def act(presenter: Presenter) -> None:
        if command is Command.USE_ENGINE:
            presenter._press(command, "embedded")
        else:
            chosen(presenter, command, path)

    try:
        with asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(qapp)) as runner:
            runner.run(asyncio.wait_for(until_written(thread, act, is_written), 20))
    finally:
        thread.request_stop()
        thread.join()


async def until_written(
    thread: StandInThread, act: Callable[[Presenter], None], is_written: Callable[[], bool]
) -> None:
    """Returns once that is in the settings."""
    tray = Tray(theme="dark", offered=(), first=view_state(Snapshot()))
    panel = PanelHost(theme="dark", offered=(), options=lambda _: {})
    presenter = Presenter(tray, panel, DesktopSettings(), windows=Windows(), quit_=lambda: None, quiet=True)
    bridge = Bridge(thread.loop, thread.intentions)
    presenter.connect(bridge)
    await bridge.open()
    assert not is_written()
    act(presenter)
    while not is_written():
        await asyncio.sleep(0.005)
    panel.close()
    await presenter.close()
    await bridge.close()


class Browser(QObject):
    """Is given the addresses that would open."""

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []

    @Slot(QUrl)
    def show(self, url: QUrl) -> None:
        self.opened.append(url.toString())


def test_the_page_of_llama_cpps_releases_is_opened(qapp: QApplication) -> None:
    browser = Browser()
    QDesktopServices.setUrlHandler("https", browser, "show")
    tray = Tray(theme="dark", offered=(), first=view_state(Snapshot()))
    panel = PanelHost(theme="dark", offered=(), options=lambda _: {})
    Presenter(tray, panel, DesktopSettings(), windows=Windows(), quit_=qapp.quit, quiet=True)
    try:
        panel.commanded.emit(Command.GET_ENGINE, "")
    finally:
        QDesktopServices.unsetUrlHandler("https")
    assert browser.opened == ["https://github.com/ggml-org/llama.cpp/releases"]
