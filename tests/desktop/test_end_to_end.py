"""The program as people use it: a tray on a real panel, real engines, a click that changes the model."""

from __future__ import annotations

import asyncio
import os
import signal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psutil
import pytest

from fakes.commands import command
from fakes.desktop_program import titles, window
from fakes.engines import ENGINES
from fakes.instance import Instance, write_settings
from fakes.launches import lives, until
from fakes.screen import eventually, screen
from fakes.tray import NotificationDaemon, TrayDriver
from model_switcher.client.finding import find
from model_switcher.domain.engines import EngineBinary
from model_switcher.engine.demo_models import write_demo_models
from model_switcher.engine.instance import read_record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakes.screen import Screen


@pytest.fixture
def panel(private_screen: Screen, monkeypatch: pytest.MonkeyPatch) -> Iterator[TrayDriver]:
    """A driver of the panel; this process and its children are on the private screen."""
    for name, value in private_screen.environment.items():
        monkeypatch.setenv(name, value)
    with TrayDriver(private_screen.bus) as driver:
        yield driver


def checked(panel: TrayDriver) -> list[str]:
    return [entry.label for entry in panel.entries() if entry.radio and entry.checked]


@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.kind)
async def test_a_click_in_the_tray_menu_changes_the_served_model(
    tmp_path: Path, panel: TrayDriver, engine: EngineBinary
) -> None:
    models = write_demo_models(tmp_path)
    settings = write_settings(tmp_path, models, engine=engine)
    async with Instance(settings, "tray") as instance:
        assert instance.process is not None
        before = (await instance.ready()).served
        assert before is not None
        eventually(panel.items, what="the icon is registered")
        eventually(lambda: [label.startswith("Demo Alder") for label in checked(panel)] == [True])
        panel.open()
        assert panel.find("Demo Birch").enabled
        panel.click("Demo Birch")
        panel.close()
        after = (
            await instance.until(
                lambda s: s.served is not None and s.served.model == "demo-birch" and s.switch is None
            )
        ).served
        assert after is not None
        assert after.pid != before.pid
        assert after.alias != before.alias
        assert not lives(before.pid or 0)
        line = psutil.Process(after.pid).cmdline()
        assert line[line.index("--model") + 1] == str(models[1])
        assert after.alias in line[line.index("--alias") + 1]
        eventually(lambda: [label.startswith("Demo Birch") for label in checked(panel)] == [True])
        eventually(lambda: "Demo Birch" in panel.tooltip())
        panel.click("Quit")
        assert await instance.process.wait() == 0, instance.said()
        assert instance.said() == ""
        assert not lives(after.pid or 0)
        assert find(instance.places) is None
        eventually(lambda: panel.items() == [], what="the icon is gone")


async def test_a_command_is_seen_in_the_menu_and_a_failure_too(tmp_path: Path, panel: TrayDriver) -> None:
    models = write_demo_models(tmp_path)
    (tmp_path / "strange.gguf").write_bytes(models[1].read_bytes().replace(b"llama", b"lomma"))
    settings = write_settings(tmp_path, models)
    async with Instance(settings, "tray") as instance:
        await instance.ready()
        eventually(panel.items)
        assert (await command(settings, "switch", "demo-birch")).status == 0
        eventually(lambda: [label.startswith("Demo Birch") for label in checked(panel)] == [True])
        assert (await command(settings, "switch", "strange")).status == 5
        eventually(lambda: [label.startswith("Demo Birch") for label in checked(panel)] == [True])


async def test_the_panel_opened_by_a_click_filters_and_switches_a_real_engine_with_the_keyboard(
    tmp_path: Path, panel: TrayDriver, private_screen: Screen
) -> None:
    settings = write_settings(tmp_path, write_demo_models(tmp_path))
    async with Instance(settings, "tray") as instance:
        before = (await instance.ready()).served
        assert before is not None
        await asyncio.to_thread(eventually, lambda: panel.items() and "ready" in panel.tooltip())
        await asyncio.to_thread(_open_panel, private_screen)
        private_screen.run("xdotool", "type", "birch")
        private_screen.run("xdotool", "key", "Return")
        after = (
            await instance.until(
                lambda s: s.served is not None and s.served.model == "demo-birch" and s.switch is None
            )
        ).served
        assert after is not None
        assert after.pid != before.pid
        private_screen.run("xdotool", "key", "Escape", "Escape")
        await asyncio.to_thread(eventually, lambda: not window(private_screen))
        second = await command(settings)  # a second start opens the panel of the first
        assert second.status == 0
        await asyncio.to_thread(eventually, lambda: window(private_screen))
        panel.click("Quit")
        assert instance.process is not None
        assert await instance.process.wait() == 0, instance.said()
        assert instance.said() == ""


def _open_panel(private: Screen) -> None:
    """Clicks where xfce shows the icon, once it does."""

    def opened() -> bool:
        private.run("xdotool", "mousemove", "1196", "784", "click", "1")
        return bool(window(private))

    eventually(opened, what="the panel is open")
    eventually(lambda: private.run("xdotool", "getwindowfocus").strip() == window(private))


async def test_the_tray_takes_over_from_a_headless_instance(tmp_path: Path, panel: TrayDriver) -> None:
    settings = write_settings(tmp_path, write_demo_models(tmp_path))
    async with Instance(settings) as headless:
        served = (await headless.ready()).served
        assert served is not None
        async with Instance(settings, "tray") as tray:
            assert headless.process is not None
            assert await headless.process.wait() == 0, headless.said()
            await until(lambda: (record := find(tray.places)) is not None and record.mode == "tray")
            assert not lives(served.pid or 0)
            record = find(tray.places)
            assert record is not None
            assert record.address == headless.address
            tray.address = record.address
            assert (await tray.ready()).selected == "demo-alder"
            eventually(panel.items)


async def test_a_second_tray_asks_the_first_to_show_itself_and_ends(
    tmp_path: Path, panel: TrayDriver
) -> None:
    settings = write_settings(tmp_path, write_demo_models(tmp_path))
    async with Instance(settings, "tray") as instance:
        await instance.ready()
        eventually(panel.items)
        second = await command(settings)
        assert (second.status, second.output, second.errors) == (0, "", "")
        assert instance.process is not None
        assert instance.process.returncode is None


async def test_sigkill_of_the_tray_leaves_no_engine(tmp_path: Path, panel: TrayDriver) -> None:
    settings = write_settings(tmp_path, write_demo_models(tmp_path))
    async with Instance(settings, "tray") as instance:
        served = (await instance.ready()).served
        assert served is not None
        assert instance.process is not None
        instance.process.send_signal(signal.SIGKILL)
        await instance.process.wait()
        await until(lambda: not lives(served.pid or 0))
        await asyncio.to_thread(eventually, lambda: panel.items() == [])


async def test_when_the_screen_goes_away_it_ends_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with screen("none") as private:
        for name, value in private.environment.items():
            monkeypatch.setenv(name, value)
        settings = write_settings(tmp_path, write_demo_models(tmp_path))
        async with Instance(settings, "tray") as instance:
            served = (await instance.ready()).served
            assert served is not None
            assert instance.process is not None
            private.break_down()
            assert await instance.process.wait() == 0, instance.said()
            assert "The desktop is gone: Model Switcher ends." in instance.said()
            assert "Traceback" not in instance.said()
            assert not lives(served.pid or 0)
            assert find(instance.places) is None
            assert read_record(instance.places) is None


async def test_a_crash_is_told_once_the_model_comes_back_and_the_log_shows_it(
    tmp_path: Path, panel: TrayDriver, private_screen: Screen
) -> None:
    settings = write_settings(tmp_path, write_demo_models(tmp_path))
    async with Instance(settings, "tray") as instance:
        with NotificationDaemon(os.environ["DBUS_SESSION_BUS_ADDRESS"]) as daemon:
            served = (await instance.ready()).served
            assert served is not None
            await asyncio.to_thread(eventually, panel.items)
            os.kill(served.pid or 0, signal.SIGKILL)
            await asyncio.to_thread(eventually, lambda: len(daemon.told) == 1)
            assert daemon.told == [("Demo Alder stopped unexpectedly", "It is started again.")]
            again = (
                await instance.until(lambda s: s.served is not None and s.served.state == "ready")
            ).served
            assert again is not None
            assert again.pid != served.pid
            panel.click("Show log")
            await asyncio.to_thread(eventually, lambda: "Log — Model Switcher" in titles(private_screen))
            assert len(daemon.told) == 1


async def test_the_memory_is_freed_until_resumed(tmp_path: Path, panel: TrayDriver) -> None:
    settings = write_settings(tmp_path, write_demo_models(tmp_path))
    async with Instance(settings, "tray") as instance:
        served = (await instance.ready()).served
        assert served is not None
        await asyncio.to_thread(eventually, lambda: panel.items() and "ready" in panel.tooltip())
        panel.click("Free the memory until resumed")
        await instance.until(lambda s: s.paused and not s.servers)
        assert not lives(served.pid or 0)
        await asyncio.to_thread(eventually, lambda: "Paused" in panel.tooltip())
        panel.click("Resume")
        assert (await instance.ready()).selected == "demo-alder"


async def test_problems_of_the_settings_file_stand_in_the_menu(tmp_path: Path, panel: TrayDriver) -> None:
    settings = write_settings(tmp_path, write_demo_models(tmp_path), more="colour = 'blue'")
    async with Instance(settings, "tray") as instance:
        await instance.ready()
        await asyncio.to_thread(
            eventually, lambda: panel.items() and panel.labels()[2].startswith("The settings")
        )


async def test_without_a_screen_it_says_so_and_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    settings = write_settings(tmp_path, write_demo_models(tmp_path))
    async with Instance(settings, "tray") as instance:
        await instance.ready()
        assert "No tray here: there is no screen" in instance.said()


async def test_a_setting_changed_in_the_window_is_in_the_file_and_in_effect(
    tmp_path: Path, panel: TrayDriver, private_screen: Screen
) -> None:
    settings = write_settings(tmp_path, write_demo_models(tmp_path), more="# this stays\n")
    press = partial(private_screen.run, "xdotool", "key")
    async with Instance(settings, "tray") as instance:
        before = (await instance.ready()).served
        assert before is not None
        await asyncio.to_thread(eventually, lambda: panel.items() and "ready" in panel.tooltip())
        panel.click("Settings…")
        await asyncio.to_thread(eventually, lambda: window(private_screen), what="the window is open")
        focused = partial(private_screen.run, "xdotool", "getwindowfocus")
        await asyncio.to_thread(eventually, lambda: focused().strip() == window(private_screen))
        press("Down", "Down", "Down", "Down", "Down", "Tab")  # the launch options, and their search
        private_screen.run("xdotool", "type", "ctx-size")
        press("Return")
        private_screen.run("xdotool", "type", "256")
        press("ctrl+s")
        await asyncio.to_thread(eventually, lambda: "ctx-size = 256" in settings.read_text("utf-8"))
        assert "# this stays" in settings.read_text("utf-8")
        await instance.until(lambda s: s.outdated == ("demo-alder",))
        assert (await command(settings, "stop")).status == 0
        async with httpx.AsyncClient(base_url=instance.address, trust_env=False, verify=False) as client:
            asked = {"prompt": "a", "n_predict": 1}
            assert (await client.post("/completion", json=asked)).status_code == 200
        after = (await instance.ready()).served
        assert after is not None
        line = psutil.Process(after.pid).cmdline()
        assert line[line.index("--ctx-size") + 1] == "256"
        assert (await instance.until(lambda s: not s.outdated)).selected == "demo-alder"
        panel.click("Quit")
        assert instance.process is not None
        assert await instance.process.wait() == 0, instance.said()
        assert instance.said() == ""
