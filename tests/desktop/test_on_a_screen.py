"""The whole desktop in a process of its own, on a virtual screen with xfce's panel. The engine is a stand-in."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from fakes import snapshots
from fakes.desktop_program import Program, shows, titles, window
from fakes.screen import eventually, screen
from fakes.tray import NotificationDaemon, TrayDriver
from model_switcher.desktop.tray_host import NO_TRAY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakes.screen import Screen


@pytest.fixture
def tray(private_screen: Screen) -> Iterator[TrayDriver]:
    with TrayDriver(private_screen.bus) as driver:
        eventually(lambda: not driver.items(), what="the icon of the test before is gone")
        yield driver


def test_the_icon_is_registered_with_its_name_its_sizes_and_what_is_served(
    private_screen: Screen, tray: TrayDriver
) -> None:
    with Program(private_screen) as program:
        eventually(shows(tray, "Nemotron Nano 8B — ready · VRAM 10.4 of 16.0 GiB"))
        assert {16, 22, 24, 32, 44, 48, 64} <= tray.icon_sizes()
        tray.click("Quit")
        program.ends_well()
    eventually(lambda: not tray.items())


@pytest.mark.parametrize("first", [True, False])
def test_the_very_first_start_opens_the_panel_and_no_other(
    private_screen: Screen, tray: TrayDriver, *, first: bool
) -> None:
    with Program(private_screen, *(["first"] if first else [])) as program:
        eventually(shows(tray, "ready"))
        if first:
            eventually(lambda: window(private_screen))
        program.tell("progress 0.5")  # what was told before was heard when this is seen
        eventually(shows(tray, "50 %"))
        assert bool(window(private_screen)) is first
        tray.click("Quit")
        program.ends_well()


def test_the_panel_lists_the_models_and_marks_the_chosen_one(
    private_screen: Screen, tray: TrayDriver
) -> None:
    with Program(private_screen, "many") as program:
        eventually(shows(tray, "ready"))
        assert tray.labels() == [
            "Nemotron Nano 8B — ready",
            "VRAM 10.4 of 16.0 GiB  ▰▰▰▰▰▰▱▱▱",
            "---",
            "Nemotron Nano 8B  ·  Q4_K_M",
            "Gemma 3 12B  ·  Q4_K_M",
            "Llama 3.3 70B  ·  Q4_K_M",
            "Phinance 3B  ·  Q4_K_M",
            "Qwen3 8B  ·  Q6_K",
            "Zephyr 1B  ·  Q5_K_M",
            "Zephyr 2B  ·  Q5_K_M",
            "Zephyr 3B  ·  Q5_K_M",
            "All models (38)",
            "---",
            "Stop server",
            "Free the memory until resumed",
            "Copy endpoint address",
            "Open web UI",
            "Show log",
            "Rescan models",
            "---",
            "Open panel",
            "Settings…",
            "Start at login",
            "---",
            "Quit",
        ]
        assert not tray.find("Nemotron Nano 8B — ready").enabled
        radios = [entry for entry in tray.entries() if entry.radio and len(entry.path) == 1]
        assert [entry.label for entry in radios if entry.checked] == ["Nemotron Nano 8B  ·  Q4_K_M"]
        assert len(radios) == 8
        assert tray.find("All models", "D:\\models", "Nemotron").checked
        tray.click("All models", "E:\\more models", "Zephyr 20B")
        eventually(lambda: program.said == ["select zephyr-20b"])
        tray.click("Quit")
        program.ends_well()


def test_a_click_selects_and_the_load_is_followed_in_tooltip_icon_and_menu(
    private_screen: Screen, tray: TrayDriver
) -> None:
    with Program(private_screen) as program:
        eventually(shows(tray, "ready"))
        before = tray.icon(22)
        tray.open()
        tray.click("Qwen3 8B")
        eventually(lambda: program.said == ["select qwen3-8b"])
        program.tell("progress 0.57")
        eventually(shows(tray, "Loading Qwen3 8B… 57 %"))
        eventually(lambda: tray.icon(22) != before)
        assert tray.find("Qwen3 8B  ·  57 %").checked
        assert not tray.find("Nemotron").checked
        tray.click("Cancel")
        eventually(lambda: program.said[-1] == "cancel")
        program.tell("show ready")
        eventually(shows(tray, "Nemotron Nano 8B — ready"))
        eventually(lambda: tray.icon(22) == before)
        tray.click("Quit")
        program.ends_well()


def test_the_server_is_stopped_and_started_again(private_screen: Screen, tray: TrayDriver) -> None:
    with Program(private_screen) as program:
        eventually(shows(tray, "ready"))
        tray.click("Stop server")
        eventually(shows(tray, "stopped"))
        assert not tray.find("Open web UI").enabled
        tray.click("Start server")
        eventually(lambda: program.said == ["stop", "select nemotron-nano-8b"])
        tray.click("Free the memory until resumed")
        eventually(shows(tray, "Paused"))
        assert not tray.find("Stop server").enabled
        tray.click("Resume")
        eventually(lambda: program.said[-2:] == ["pause", "resume"])
        tray.click("Rescan models")
        eventually(lambda: program.said[-1] == "rescan")
        tray.click("Quit")
        program.ends_well()


def test_failures_are_told_once_each_with_cause_and_hint(private_screen: Screen, tray: TrayDriver) -> None:
    with NotificationDaemon(private_screen.bus) as daemon, Program(private_screen) as program:
        eventually(shows(tray, "ready"))
        program.tell("progress 0.3")
        eventually(shows(tray, "30 %"))
        program.tell("show rolled_back")
        eventually(lambda: len(daemon.told) == 1)
        title, text = daemon.told[0]
        assert title == "Qwen3 8B could not be loaded"
        assert text.startswith("The GPU has too little free memory for it. Close other programs")
        assert text.endswith("Nemotron Nano 8B is back.")
        tray.click("Llama 3.3 70B")
        eventually(lambda: len(daemon.told) == 2)
        assert daemon.told[1] == ("The file ends early", "Download it again.")
        tray.click("Quit")
        program.ends_well()
        assert len(daemon.told) == 2


def test_a_click_on_its_own_message_shows_the_log_and_one_on_that_of_another_program_does_nothing(
    private_screen: Screen, tray: TrayDriver
) -> None:
    with NotificationDaemon(private_screen.bus) as daemon, Program(private_screen) as program:
        eventually(shows(tray, "ready"))
        program.tell("show rolled_back")
        eventually(lambda: len(daemon.told) == 1)
        daemon.click(99)
        tray.click("Rescan models")  # what was told before was heard when this is
        eventually(lambda: program.said[-1:] == ["rescan"])
        assert titles(private_screen) == []
        daemon.click(1)
        eventually(lambda: titles(private_screen) == ["Log — Model Switcher"])
        assert program.said == ["rescan"]
        tray.click("Quit")
        program.ends_well()


def test_start_at_login_is_turned_on_and_off_and_a_failure_of_that_is_told(
    private_screen: Screen, tray: TrayDriver
) -> None:
    with NotificationDaemon(private_screen.bus) as daemon, Program(private_screen) as program:
        eventually(shows(tray, "ready"))
        assert not tray.find("Start at login").checked
        tray.click("Start at login")
        eventually(lambda: tray.find("Start at login").checked)
        program.tell("login The autostart file cannot be written")
        program.tell("progress 0.5")  # what was told before was heard when this is seen
        eventually(shows(tray, "50 %"))
        tray.click("Start at login")
        eventually(lambda: daemon.told == [("The autostart file cannot be written", "Look at its folder.")])
        assert tray.find("Start at login").checked
        tray.click("Quit")
        program.ends_well()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_as_cleanly_as_quit_does_even_with_a_switch_pending(
    private_screen: Screen, tray: TrayDriver, number: signal.Signals
) -> None:
    with Program(private_screen) as program:
        eventually(shows(tray, "ready"))
        tray.click("Gemma 3 12B")
        eventually(lambda: program.said == [f"select {snapshots.GEMMA.id}"])
        program.process.send_signal(number)
        program.ends_well()
    eventually(lambda: not tray.items())


def test_a_taken_address_is_explained_in_a_window_and_gives_its_exit_status(
    private_screen: Screen, tray: TrayDriver
) -> None:
    with Program(private_screen, "address-in-use") as program:
        eventually(lambda: window(private_screen))
        eventually(lambda: dismissed(private_screen, program))
        assert program.process.wait(20) == 3
    assert program.complaints == []


def test_an_engine_that_dies_is_explained_in_a_window(private_screen: Screen, tray: TrayDriver) -> None:
    with Program(private_screen) as program:
        eventually(shows(tray, "ready"))
        program.tell("die")
        eventually(lambda: window(private_screen))
        eventually(lambda: dismissed(private_screen, program))
        assert program.process.wait(20) == 1
    assert program.complaints == []


def test_without_a_tray_it_says_so_once_shows_a_window_and_takes_the_tray_that_comes_later() -> None:
    with screen("none") as private, Program(private) as program, TrayDriver(private.bus) as tray:
        program.tell("progress 0.5")
        assert tray.items() == []
        eventually(lambda: program.complaints == [NO_TRAY])
        eventually(lambda: window(private), what="the panel is a window of its own")
        private.begin_panel("xfce4-panel")
        eventually(tray.items)
        eventually(shows(tray, "Loading Qwen3 8B… 50 %"))
        tray.click("Quit")
        program.ends_well(complaints=[NO_TRAY])


def test_an_older_tray_gets_the_icon_too() -> None:
    with screen("trayer") as private, Program(private) as program:
        eventually(lambda: window(private), what="the icon is a window in the tray")
        program.process.send_signal(signal.SIGTERM)
        program.ends_well()


def dismissed(private: Screen, program: Program) -> bool:
    """Presses Return, and tells whether the program ended of it."""
    private.run("xdotool", "key", "Return")
    return program.process.poll() is not None
