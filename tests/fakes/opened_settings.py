"""The settings window over a stand-in for the engine: what is on it, and keys and clicks for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import qasync
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QWidget

from fakes.settings_states import Desk, snapshot
from fakes.stand_in import StandIn, StandInThread
from model_switcher.desktop.bridge import Bridge
from model_switcher.desktop.settings.host import SettingsHost

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from PySide6.QtWidgets import QApplication

    from model_switcher.desktop.settings.editors import AnyEditor
    from model_switcher.desktop.settings.window import SettingsWindow
    from model_switcher.desktop.view_state.settings import PageId
    from model_switcher.desktop.windows import StartAtLogin


class OpenedSettings:
    """The open window."""

    def __init__(self, host: SettingsHost, engine: StandIn) -> None:
        self.host, self.engine = host, engine
        self.desk: Desk = engine.desk

    @property
    def window(self) -> SettingsWindow:
        assert self.host.window is not None
        return self.host.window

    def turn_to(self, page: PageId) -> None:
        self.window.open_page(page)

    def editor(self, *key: str) -> AnyEditor:
        rows = {name: row for page in self.window.pages.values() for name, row in page.fields.rows.items()}
        return rows[key].editor

    def problem(self, *key: str) -> str:
        """What stands below the field, if it can be seen."""
        rows = {name: row for page in self.window.pages.values() for name, row in page.fields.rows.items()}
        return rows[key].problem.text() if not rows[key].problem.isHidden() else ""

    def type(self, widget: QWidget, text: str) -> None:
        """Types instead of what is there."""
        widget.setFocus()
        QTest.keyClick(widget, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
        QTest.keyClicks(widget, text)

    def click(self, widget: QWidget) -> None:
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton)

    async def until(self, condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.01)

    def texts(self, widget: QWidget) -> list[str]:
        """All that can be read in a part of the window."""
        return [label.text() for label in widget.findChildren(QLabel) if label.isVisible() and label.text()]


def on_window(
    qapp: QApplication,
    test: Callable[[OpenedSettings], Coroutine[Any, Any, None]],
    *,
    document: dict[str, Any] | None = None,
    login: StartAtLogin | None = None,
    **first: Any,
) -> None:
    """Runs `test` on the desktop's loop with an open window, which shows what `document` says."""
    engine = StandIn(snapshot=snapshot(**first))
    if document is not None:
        engine.desk = Desk(document)
    thread = StandInThread(engine)

    async def main() -> None:
        bridge = Bridge(thread.loop, engine)
        host = SettingsHost(theme="dark", login=login)
        host.connect_to(bridge)
        await bridge.open()
        host.open()
        opened = OpenedSettings(host, engine)
        await opened.until(
            lambda: host.window is not None and host._sources.options and host._sources.engines
        )
        await test(opened)
        await host.close()
        await bridge.close()

    try:
        with asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(qapp)) as runner:
            runner.run(asyncio.wait_for(main(), 20))
    finally:
        thread.request_stop()
        thread.join()
