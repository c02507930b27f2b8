"""The log window: what is on the screen when lines come, are filtered, followed and copied."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import qasync
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton, QWidget

from fakes import panel_states as states
from fakes.stand_in import StandIn, StandInThread
from model_switcher.desktop.bridge import Bridge
from model_switcher.desktop.log.host import LogHost
from model_switcher.desktop.log.window import LogWindow
from model_switcher.desktop.theme import DARK, DARK_CONTRAST, LIGHT, LIGHT_CONTRAST, Colours
from model_switcher.desktop.view_state.log_lines import LogLevel
from model_switcher.engine.log import LogLine, LogPage

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from typing import Any

    from PySide6.QtWidgets import QApplication
    from pytestqt.qtbot import QtBot

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
LETTERS = "IIIIWIIE"


def page(first: int, count: int) -> LogPage:
    lines = [
        LogLine(1_790_000_000.0 + n, "a", f"0.00.000.000 {LETTERS[n % 8]} srv  what: line {n}")
        for n in range(first, first + count)
    ]
    return LogPage(first, lines)


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[LogWindow]:
    window = LogWindow(DARK)
    window.open()
    window.add(page(0, 200))
    qtbot.waitUntil(lambda: not window.model.lines.is_behind)
    yield window
    window.close()
    window.deleteLater()


def visible(window: LogWindow) -> list[str]:
    """What stands on the screen, from the top."""
    view = window.view
    first, last = view.rowAt(0), view.rowAt(view.viewport().height() - 2)
    last = window.model.rowCount() - 1 if last < 0 else last
    return [window.model.log_row(row).text for row in range(first, last + 1)]


def add(qtbot: QtBot, window: LogWindow, first: int, count: int = 1) -> None:
    window.add(page(first, count))
    qtbot.waitUntil(lambda: not window.model.lines.is_behind)


def test_the_newest_line_is_seen_as_it_comes(window: LogWindow, qtbot: QtBot) -> None:
    assert visible(window)[-1] == "srv  what: line 199"
    add(qtbot, window, 200, 3)
    assert visible(window)[-1] == "srv  what: line 202"
    assert window.status.text() == "203 lines"


def test_who_scrolls_up_stays_there_until_he_goes_to_the_end(window: LogWindow, qtbot: QtBot) -> None:
    window.view.verticalScrollBar().setValue(300)
    assert not window.follow.isChecked()
    before = visible(window)
    add(qtbot, window, 200, 50)
    assert visible(window) == before
    QTest.keyClick(window.view, Qt.Key.Key_End)
    assert window.follow.isChecked()
    assert visible(window)[-1] == "srv  what: line 249"
    add(qtbot, window, 250)
    assert visible(window)[-1] == "srv  what: line 250"


def test_the_follow_button_goes_to_the_end_and_lets_go(window: LogWindow, qtbot: QtBot) -> None:
    QTest.mouseClick(window.follow, Qt.MouseButton.LeftButton)
    before = visible(window)
    add(qtbot, window, 200, 50)
    assert visible(window) == before
    QTest.mouseClick(window.follow, Qt.MouseButton.LeftButton)
    assert visible(window)[-1] == "srv  what: line 249"


def test_what_one_reads_stays_when_the_oldest_lines_go(window: LogWindow, qtbot: QtBot) -> None:
    window.model.lines._capacity, window.model.lines._slack = 200, 10
    window.view.verticalScrollBar().setValue(1000)
    before = visible(window)
    add(qtbot, window, 200, 20)
    assert len(window.model.lines) == 200
    assert visible(window) == before


def test_words_and_levels_filter_and_escape_shows_all_again(window: LogWindow, qtbot: QtBot) -> None:
    qtbot.waitUntil(window.isActiveWindow)
    QTest.keyClicks(window.filter, "line 15")
    qtbot.waitUntil(lambda: window.status.text() == "12 of 200 lines")
    assert visible(window)[0] == "srv  what: line 15"
    QTest.mouseClick(window.levels[LogLevel.ERROR], Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.status.text() == "3 of 200 lines")
    assert visible(window) == ["srv  what: line 15", "srv  what: line 151", "srv  what: line 159"]
    QTest.keyClicks(window.filter, " no such")
    qtbot.waitUntil(window.nothing.isVisible)
    assert window.nothing.title.text() == "No line passes the filter. Escape shows all again."
    QTest.keyClick(window.filter, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: window.status.text() == "200 lines")
    assert visible(window)[-1] == "srv  what: line 199"
    QTest.keyClick(window.filter, Qt.Key.Key_Escape)
    assert not window.isVisible()


def test_the_levels_say_how_many_there_are(window: LogWindow) -> None:
    assert [button.text() for button in window.levels.values()] == ["All", "Warnings 50", "Errors 25"]


def test_everything_is_reached_with_the_keyboard_and_has_a_name(window: LogWindow, qtbot: QtBot) -> None:
    qtbot.waitUntil(window.isActiveWindow)
    reached: list[QWidget] = []
    while (focus := window.focusWidget()) not in reached:
        assert focus is not None
        reached.append(focus)
        QTest.keyClick(focus, Qt.Key.Key_Tab)
    # Of buttons of which one is pressed at a time, the tabulator reaches that one and arrows the others, as everywhere.
    levels = list(window.levels.values())
    assert {window.filter, levels[0], window.follow, window.report, window.view} == set(reached)
    buttons = [button for button in window.findChildren(QPushButton) if button.isVisible()]
    assert all(one.accessibleName() for one in (*reached, *buttons))
    levels[0].setFocus()
    QTest.keyClick(levels[0], Qt.Key.Key_Right)
    assert levels[1].isChecked()
    qtbot.waitUntil(lambda: window.status.text() == "50 of 200 lines")
    QTest.keyClick(levels[1], Qt.Key.Key_Left)
    qtbot.waitUntil(lambda: window.status.text() == "200 lines")
    assert window.view.accessibleName() == "Lines of the log"
    last = window.model.index(199, 0)
    assert last.data(Qt.ItemDataRole.AccessibleTextRole).endswith("error srv  what: line 199")
    QTest.keyClick(window.view, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert window.focusWidget() is window.filter


@pytest.mark.parametrize("colours", [LIGHT, DARK, LIGHT_CONTRAST, DARK_CONTRAST])
def test_levels_have_colours_that_can_be_read(window: LogWindow, qtbot: QtBot, colours: Colours) -> None:
    window.dress(colours)
    window.view.viewport().repaint()
    picture = window.view.viewport().grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    for number, wanted in ((199, colours.bad), (196, colours.warning), (198, colours.text)):
        row = window.view.visualRect(window.model.index(number, 0))
        seen = {picture.pixelColor(x, y).name() for y in range(row.top(), row.bottom()) for x in range(600)}
        assert wanted in seen, f"line {number}"
        assert colours.card in seen
    least = 7.0 if colours in (LIGHT_CONTRAST, DARK_CONTRAST) else 4.5
    for ink in (colours.bad, colours.warning, colours.text, colours.dim):
        for ground in (colours.card, colours.hover):
            assert contrast(ink, ground) >= least, (ink, ground)


def contrast(one: str, other: str) -> float:
    from PySide6.QtGui import QColor

    def luminance(name: str) -> float:
        colour = QColor(name)
        parts = (colour.redF(), colour.greenF(), colour.blueF())
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


# With an engine in its own thread, over the real bridge.


@pytest.fixture
def engine() -> Iterator[StandInThread]:
    thread = StandInThread(StandIn(snapshot=states.idle()))
    yield thread
    thread.request_stop()
    thread.join()


def on_qt(
    qapp: QApplication, engine: StandInThread, test: Callable[[LogHost], Coroutine[Any, Any, None]]
) -> None:
    async def main() -> None:
        bridge = Bridge(engine.loop, engine.intentions)
        host = LogHost(theme="dark", options=lambda _: {"ctx-size": 4096}, secrets=("hunter2",))
        host.connect_to(bridge)
        await bridge.open()
        try:
            await test(host)
        finally:
            host.close()
            await bridge.close()

    with asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(qapp)) as runner:
        runner.run(asyncio.wait_for(main(), 20))


def write(engine: StandInThread, *texts: str) -> None:
    for text in texts:
        line = LogLine(1_790_000_000.0, "nemotron-nano-8b", text)
        engine.loop.call_soon_threadsafe(engine.intentions.log.add, line)


async def until(probe: Callable[[], object]) -> None:
    while not probe():
        await asyncio.sleep(0.005)


def test_it_shows_what_was_written_before_and_what_is_written_then(
    qapp: QApplication, engine: StandInThread
) -> None:
    async def test(host: LogHost) -> None:
        write(engine, "before")
        host.open()
        assert host.window is not None
        window = host.window
        await until(lambda: window.status.text() == "1 line")
        write(engine, "after", "and after that")
        await until(lambda: window.status.text() == "3 lines")
        assert visible(window) == ["before", "after", "and after that"]
        host.close()
        assert host.window is None
        host.open()
        second = host.window
        assert second is not None
        await until(lambda: second.status.text() == "3 lines")

    on_qt(qapp, engine, test)


def test_a_bug_report_goes_to_the_clipboard(qapp: QApplication, engine: StandInThread) -> None:
    async def test(host: LogHost) -> None:
        write(engine, "0.00.000.000 E srv: the key hunter2 is wrong")
        host.open()
        window = host.window
        assert window is not None
        await until(lambda: window.status.text() == "1 line")
        QTest.mouseClick(window.report, Qt.MouseButton.LeftButton)
        assert window.report.text() == "Copied"
        text = QGuiApplication.clipboard().text()
        assert text.startswith("- Model Switcher: ")
        assert "PySide6" in text.splitlines()[0]
        assert "- Options: --ctx-size 4096\n" in text
        assert "E srv: the key *** is wrong\n" in text

    on_qt(qapp, engine, test)


def test_selected_lines_are_copied_with_the_keyboard(qapp: QApplication, engine: StandInThread) -> None:
    async def test(host: LogHost) -> None:
        write(engine, "one", "two hunter2", "three")
        host.open()
        window = host.window
        assert window is not None
        await until(lambda: window.status.text() == "3 lines")
        place = window.view.visualRect(window.model.index(0, 0)).topLeft() + QPoint(4, 4)
        QTest.mouseClick(
            window.view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place
        )
        QTest.keyClick(window.view, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
        QTest.keyClick(window.view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
        copied = QGuiApplication.clipboard().text().splitlines()
        assert [line.partition(" ")[2] for line in copied] == ["one", "two ***"]
        assert window.status.text() == "2 lines copied, without keys and passwords"

    on_qt(qapp, engine, test)
