"""The end of the program: at once where nothing runs, after a question where something does."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox, QPushButton

from fakes import panel_states as states
from model_switcher.desktop.ask import Ask
from model_switcher.desktop.panel_host import PanelHost
from model_switcher.desktop.presenter import Presenter
from model_switcher.desktop.tray import Tray
from model_switcher.desktop.view_state import view_state
from model_switcher.desktop.windows import Windows
from model_switcher.domain.settings import DesktopSettings
from model_switcher.domain.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


class Desktop:
    """What a user has before him who wants the program to end; the desktop has no tray."""

    def __init__(self) -> None:
        self.ended = 0
        self.tray = Tray(theme="dark", offered=(), first=view_state(Snapshot()))
        self.panel = PanelHost(theme="dark", offered=(), options=lambda _: {})
        self.presenter = Presenter(
            self.tray, self.panel, DesktopSettings(), windows=Windows(), quit_=self._end
        )

    def _end(self) -> None:
        self.ended += 1

    def quit(self) -> None:
        self.tray.asked.emit(Ask.QUIT)

    @property
    def question(self) -> QMessageBox | None:
        boxes = [one for one in QApplication.topLevelWidgets() if isinstance(one, QMessageBox)]
        return next((one for one in boxes if one.isVisible()), None)

    def press(self, text: str) -> None:
        assert self.question is not None
        (button,) = [one for one in self.question.findChildren(QPushButton) if one.text() == text]
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)


@pytest.fixture
def desktop(qapp: QApplication) -> Iterator[Desktop]:
    assert qapp
    desktop = Desktop()
    yield desktop
    asyncio.run(desktop.presenter.close())
    desktop.panel.close()


def busy(requests: int, held: int = 0) -> Snapshot:
    server = replace(states.idle().servers[0], in_flight=requests)
    return replace(states.idle(), servers=(server,), held=held)


def test_nothing_is_asked_where_nothing_runs(desktop: Desktop) -> None:
    desktop.presenter.show(busy(0))
    desktop.quit()
    assert desktop.ended == 1
    assert desktop.question is None


def test_running_requests_are_asked_about_and_end_now_cuts_them(desktop: Desktop) -> None:
    desktop.presenter.show(busy(2))
    desktop.quit()
    assert desktop.ended == 0
    assert desktop.question is not None
    assert desktop.question.text() == "2 requests are running"
    desktop.presenter.show(busy(1))
    assert desktop.question.text() == "1 request is running"
    desktop.press("End now")
    assert desktop.ended == 1
    assert desktop.question is None


def test_it_ends_by_itself_when_the_last_of_them_is_answered(desktop: Desktop) -> None:
    desktop.presenter.show(busy(1, held=1))
    desktop.quit()
    desktop.presenter.show(busy(0, held=1))
    assert desktop.question is not None
    assert desktop.question.text() == "1 request is waiting"
    desktop.presenter.show(busy(0))
    assert desktop.ended == 1
    assert desktop.question is None


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Escape])
def test_the_keys_that_are_pressed_without_looking_change_nothing(
    desktop: Desktop, qtbot: QtBot, key: Qt.Key
) -> None:
    desktop.presenter.show(busy(1))
    desktop.quit()
    desktop.quit()  # asked twice, there is one question
    assert desktop.question is not None
    qtbot.waitUntil(desktop.question.isActiveWindow)
    QTest.keyClick(desktop.question.defaultButton() if key is Qt.Key.Key_Return else desktop.question, key)
    assert desktop.question is None
    desktop.presenter.show(busy(0))
    assert desktop.ended == 0


def test_without_a_tray_the_window_is_the_program_and_closing_it_ends_that(desktop: Desktop) -> None:
    desktop.presenter.show(busy(1))
    desktop.tray.missing.emit()
    window = desktop.panel.window
    assert window is not None
    window.close()
    assert desktop.question is not None
    assert window.isVisible()
    desktop.press("Do not end")
    desktop.presenter.show(busy(0))
    window.close()
    assert desktop.ended == 1
