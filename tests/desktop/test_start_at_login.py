"""A login as it happens: a real session manager starts what the program has written into the user's folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from fakes.desktop_program import window
from fakes.instance import free_port
from fakes.screen import eventually, screen
from fakes.tray import TrayDriver
from model_switcher.engine.autostart.command import script_folders
from model_switcher.engine.settings_file import load

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakes.screen import Screen

PROGRAM = str(script_folders()[0] / "model-switcher")


@pytest.fixture
def session() -> Iterator[Screen]:
    """A screen with a panel, and a user who has settings and no other programs that start at login."""
    with screen("xfce4-panel") as private:
        private.environment["XDG_CONFIG_DIRS"] = str(private.folder / "nothing")
        settings = private.folder / "config/model-switcher/settings.toml"
        settings.parent.mkdir()
        settings.write_text(f"stores = []\n[server]\nport = {free_port()}\n")
        lxsession = private.folder / "config/lxsession/LXDE/desktop.conf"
        lxsession.parent.mkdir(parents=True)
        lxsession.write_text("[Session]\nwindow_manager=openbox\ndisable_autostart=no\n")
        yield private


def autostart(session: Screen, wish: str) -> str:
    return subprocess.run(
        [PROGRAM, "autostart", wish], env=session.environment, capture_output=True, text=True, check=True
    ).stdout


def trays(session: Screen) -> list[psutil.Process]:
    """Tray programs on this screen."""
    found = []
    for process in psutil.process_iter():
        try:
            words, display = process.cmdline(), process.environ().get("DISPLAY")
        except psutil.Error:
            continue
        if display == session.environment["DISPLAY"] and words[-2:] == ["tray", "--quiet"]:
            found.append(process)
    return found


def test_a_session_manager_starts_the_tray_and_a_click_ends_that(session: Screen) -> None:
    entry = session.folder / "config/autostart/model-switcher.desktop"
    settings = session.folder / "config/model-switcher/settings.toml"
    assert autostart(session, "status") == "The tray does not start at login.\n"
    assert autostart(session, "on").startswith("The tray starts at login.")
    assert load(settings).settings.desktop.start_at_login
    session.begin("lxsession", "-s", "LXDE", "-e", "LXDE")
    with TrayDriver(session.bus) as tray:
        eventually(tray.items, what="the icon is there")
        (program,) = trays(session)
        assert Path(program.cmdline()[1]).name == "model-switcher-tray"
        assert not window(session), "at login no window opens"
        eventually(lambda: tray.find("Start at login").checked)
        tray.click("Start at login")
        eventually(lambda: not entry.exists())
        eventually(lambda: not load(settings).settings.desktop.start_at_login)
        eventually(lambda: not tray.find("Start at login").checked)
        tray.click("Start at login")
        eventually(entry.exists)
        # What is changed elsewhere shows when the menu is opened.
        assert autostart(session, "off") == "The tray does not start at login.\n"
        tray.open()
        eventually(lambda: not tray.find("Start at login").checked)
        tray.click("Quit")
        eventually(lambda: not tray.items())
        program.wait(20)


def test_systemd_understands_the_entry_too(session: Screen) -> None:
    """The generator with which systemd turns such entries into units, as in GNOME and KDE Plasma sessions."""
    generator = Path("/usr/lib/systemd/user-generators/systemd-xdg-autostart-generator")
    autostart(session, "on")
    units = session.folder / "units"
    units.mkdir()
    environment = {**session.environment, "XDG_CURRENT_DESKTOP": "GNOME"}
    subprocess.run([generator, units, units, units], env=environment, check=True)
    unit = (units / r"app-model\x2dswitcher@autostart.service").read_text()
    script = os.fspath(script_folders()[0] / "model-switcher-tray")
    assert f"ExecStart=:{script} tray --quiet\n" in unit
