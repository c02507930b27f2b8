"""The first start beside a llama-server that runs already: what it offers, and that it does what is chosen."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest
import qasync
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from fakes.desktop_program import window as program_window
from fakes.engines import LLAMA_SERVER
from fakes.instance import Instance, write_settings
from fakes.launches import lives, until
from fakes.screen import eventually
from model_switcher.desktop.first_start.desk import FirstStartDesk
from model_switcher.desktop.first_start.window import FirstStartWindow
from model_switcher.desktop.theme import DARK, LIGHT
from model_switcher.desktop.view_state.first_start import Choice, first_start_view, port_taken_view
from model_switcher.domain.command_line import Taken
from model_switcher.domain.errors import AddressInUse
from model_switcher.domain.foreign import Holder
from model_switcher.domain.settings import Settings
from model_switcher.engine import first_start
from model_switcher.engine.demo_models import write_demo_models
from model_switcher.engine.first_start import FirstStart, ForeignServer, server_of
from model_switcher.engine.settings_file import load

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from PySide6.QtWidgets import QApplication
    from pytestqt.qtbot import QtBot

    from fakes.screen import Screen

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
SERVER = ForeignServer(
    holder=Holder(program="llama-server", pid=4242, created=1.0, own=True),
    port=8080,
    taken=Taken(
        model="/home/anna/models/Qwen3-8B-Q4_K_M.gguf",
        launch={"ctx-size": 16384, "flash-attn": "on"},
        api_keys=("hunter2",),
        left_out=("--of-a-fork",),
    ),
)
OTHERS = ForeignServer(holder=Holder(pid=1, own=False), port=8080, taken=SERVER.taken)


def test_the_page_tells_what_would_be_taken_over_and_no_secret() -> None:
    view = first_start_view(SERVER)
    assert view.title == "A llama-server is running already"
    assert view.facts == (
        ("Model", "Qwen3-8B-Q4_K_M.gguf"),
        ("Address", "http://127.0.0.1:8080/v1"),
        ("Options", "--ctx-size 16384 --flash-attn on"),
        ("API keys", "1 key that clients send"),
    )
    assert view.note == "Not taken over: --of-a-fork"
    assert [text for _, text in view.choices] == ["Take its place", "Only take its settings", "No, thanks"]
    assert "hunter2" not in str(view)


def test_what_is_not_ours_to_end_is_not_offered_to_be_ended() -> None:
    assert Choice.TAKE_PLACE not in dict(first_start_view(OTHERS).choices)
    assert Choice.TAKE_PLACE not in dict(port_taken_view("Taken", OTHERS, free_port=8081).choices)


def test_a_port_that_is_taken_leaves_other_ways() -> None:
    sentence = "Port 8080 is used by llama-server"
    view = port_taken_view(sentence, SERVER, free_port=8081)
    assert view.title == sentence
    assert [text for _, text in view.choices] == ["Take its place", "Use port 8081", "Quit"]
    view = port_taken_view("Port 8080 is used by nginx", None, free_port=None, hint="End that program.")
    assert (view.text, view.facts) == ("End that program.", ())
    assert [text for _, text in view.choices] == ["Quit"]


@pytest.fixture
def page(qtbot: QtBot) -> Iterator[FirstStartWindow]:
    window = FirstStartWindow(first_start_view(SERVER), LIGHT)
    window.open()
    qtbot.waitUntil(window.isActiveWindow)
    yield window
    window.deleteLater()


def test_enter_takes_the_best_answer(page: FirstStartWindow, qtbot: QtBot) -> None:
    with qtbot.waitSignal(page.chosen) as answer:
        QTest.keyClick(page.focusWidget() or page, Qt.Key.Key_Return)
    assert answer.args == [Choice.TAKE_PLACE]


def test_tab_reaches_every_answer_and_escape_leaves_all_as_it_is(
    page: FirstStartWindow, qtbot: QtBot
) -> None:
    reached = []
    for _ in page.buttons:
        reached.append(page.focusWidget())
        QTest.keyClick(page.focusWidget() or page, Qt.Key.Key_Tab)
    assert reached == list(page.buttons.values())
    assert all(button.accessibleName() == button.text() for button in page.buttons.values())
    with qtbot.waitSignal(page.chosen) as answer:
        QTest.keyClick(page, Qt.Key.Key_Escape)
    assert answer.args == [Choice.LEAVE]


def test_everything_is_on_the_page_whole(page: FirstStartWindow) -> None:
    for colours in (LIGHT, DARK):
        page.dress(colours)
        for label in page.findChildren(QLabel):
            assert label.isVisible()
            assert page.rect().contains(label.geometry())
            assert label.height() >= label.heightForWidth(label.width())


# With a real llama-server that somebody started.


def foreign(model: Path, port: int) -> subprocess.Popen[bytes]:
    command = [*LLAMA_SERVER.command, "-m", model.name, "-c", "512", "-np", "2", "--port", str(port)]
    return subprocess.Popen(
        command,
        cwd=model.parent,
        env={**os.environ, "LD_LIBRARY_PATH": str(Path(LLAMA_SERVER.path).parent)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


async def test_a_real_one_gives_its_place_to_the_tray_with_address_model_and_options(
    tmp_path: Path, private_screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in private_screen.environment.items():
        monkeypatch.setenv(name, value)
    model, _ = write_demo_models(tmp_path)
    settings = write_settings(tmp_path, [model])
    port = load(settings).settings.server.port
    with foreign(model, port) as other:
        try:
            found = await asyncio.to_thread(server_of, other.pid)
            assert found is not None
            assert found.taken.model == str(model)
            assert found.taken.launch == {"ctx-size": 512, "parallel": 2}
            await until(lambda: _listens(port))
            address = await _served_instead(settings, private_screen)
            assert address.endswith(f":{port}")
            assert other.wait(10) is not None
        finally:
            other.kill()
    written = load(settings).settings
    assert written.launch == {"ctx-size": 512, "parallel": 2}
    assert written.default_model == str(model)
    assert written.server.port == port


async def _served_instead(settings: Path, private: Screen) -> str:
    async def press() -> None:
        await asyncio.to_thread(eventually, lambda: program_window(private), within=60.0, what="a page")
        await asyncio.to_thread(private.run, "xdotool", "key", "Return")

    pressing = asyncio.create_task(press())
    async with Instance(settings, "tray") as instance:
        await pressing
        served = (await instance.ready()).served
        assert served is not None
        assert served.ctx_size == 512
        assert lives(served.pid or 0)
        return instance.address


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("answer", [Choice.TAKE_SETTINGS, Choice.LEAVE])
def test_the_very_first_start_asks_and_writes_what_is_answered(
    qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Choice
) -> None:
    model, _ = write_demo_models(tmp_path)
    settings = tmp_path / "settings.toml"
    settings.write_text('model-folders = ["/mine"]\n')
    port = _free_port()
    with foreign(model, port) as other:
        # Other tests have servers too.
        monkeypatch.setattr(first_start.psutil, "process_iter", lambda: iter([psutil.Process(other.pid)]))
        try:
            desk = FirstStartDesk(FirstStart(settings, is_first=True), theme="dark")
            _asked(qapp, desk, desk.begin(), answer)
            assert other.poll() is None
        finally:
            other.kill()
    written = load(settings).settings
    if answer is Choice.LEAVE:
        assert settings.read_text() == 'model-folders = ["/mine"]\n'
        return
    assert written.model_folders == ("/mine", str(tmp_path))
    assert written.default_model == str(model)
    assert written.launch == {"ctx-size": 512, "parallel": 2}
    assert written.server.port == Settings().server.port


def test_another_port_is_written_where_ours_is_taken(qapp: QApplication, tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"
    desk = FirstStartDesk(FirstStart(settings, is_first=False), theme="light")
    error = AddressInUse("Port 8080 is used by nginx", details={"free_port": 8081})
    assert _asked(qapp, desk, desk.make_room(error), Choice.USE_PORT) is True
    assert load(settings).settings.server.port == 8081
    assert _asked(qapp, desk, desk.make_room(error), Choice.LEAVE) is False


def _asked(
    app: QApplication, desk: FirstStartDesk, question: Coroutine[Any, Any, object], answer: Choice
) -> object:
    """What comes of the question, once its button was pressed."""

    async def main() -> object:
        asking = asyncio.create_task(question)
        while desk.window is None or not desk.window.isVisible():
            await asyncio.sleep(0.01)
        QTest.mouseClick(desk.window.buttons[answer], Qt.MouseButton.LeftButton)
        return await asking

    with asyncio.Runner(loop_factory=lambda: qasync.QEventLoop(app)) as runner:
        return runner.run(asyncio.wait_for(main(), 30))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_without_an_engine_the_real_panel_puts_the_embedded_one_to_work(
    tmp_path: Path, private_screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in private_screen.environment.items():
        monkeypatch.setenv(name, value)
    alder, birch = write_demo_models(tmp_path)
    settings = write_settings(tmp_path, [alder])
    settings.write_text(settings.read_text().replace("'embedded'", "'/gone/llama-server'"))
    async with Instance(settings, "tray") as instance:
        await instance.until(lambda snapshot: snapshot.engine_trouble is not None)
        await asyncio.to_thread(httpx.post, f"{instance.address}/switcher/show", trust_env=False)
        await asyncio.to_thread(eventually, lambda: _has_keyboard(private_screen))
        private_screen.run("xdotool", "key", "space")
        await instance.until(lambda snapshot: snapshot.engine_trouble is None)
        await asyncio.to_thread(eventually, lambda: _has_keyboard(private_screen))
        private_screen.run("xdotool", "type", birch.stem)
        private_screen.run("xdotool", "key", "Return")
        served = (await instance.ready()).served
        assert served is not None
        assert birch.stem in served.model
    assert load(settings).settings.server.engine == "embedded"


def _has_keyboard(private: Screen) -> bool:
    return private.run("xdotool", "getwindowfocus").strip() == program_window(private) != ""
