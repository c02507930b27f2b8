"""Which command starts at login, and how the entry follows settings, moves and the desktop's own switch."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from model_switcher.domain.errors import LoginEntryError, SettingsError
from model_switcher.engine.autostart import Autostart, LoginEntry, LoginState
from model_switcher.engine.autostart.command import login_command
from model_switcher.engine.settings_file import load
from model_switcher.engine.surroundings import surroundings
from model_switcher.places import places

OURS = (sys.executable, "tray", "--quiet")


class MemoryEntries:
    """One entry that lies nowhere."""

    place = "the entry"

    def __init__(self, entry: LoginEntry | None = None, problem: OSError | None = None) -> None:
        self.entry = entry
        self.problem = problem

    def read(self) -> LoginEntry | None:
        return self.entry

    def write(self, command: tuple[str, ...]) -> None:
        if self.problem:
            raise self.problem
        self.entry = LoginEntry(command)

    def remove(self) -> None:
        if self.problem:
            raise self.problem
        self.entry = None


def autostart(folder: Path, entries: MemoryEntries) -> Autostart:
    return Autostart(places(folder / "settings.toml"), entries=entries, command=OURS)


def wants(folder: Path) -> bool:
    return load(folder / "settings.toml").settings.desktop.start_at_login


def test_switching_changes_entry_and_settings(tmp_path: Path) -> None:
    entries = MemoryEntries()
    keeper = autostart(tmp_path, entries)
    assert keeper.look().state is LoginState.OFF
    keeper.turn(on=True)
    login = keeper.look()
    assert keeper.is_on()
    assert (login.state, login.on, login.command, wants(tmp_path)) == (LoginState.ON, True, OURS, True)
    keeper.turn(on=False)
    login = keeper.look()
    assert not keeper.is_on()
    assert (login.state, login.on, entries.entry, wants(tmp_path)) == (LoginState.OFF, False, None, False)


@pytest.mark.parametrize(
    ("entry", "state"),
    [
        (LoginEntry(OURS), LoginState.ON),
        (LoginEntry((sys.executable, "old")), LoginState.ON),
        (LoginEntry(OURS, enabled=False), LoginState.SWITCHED_OFF),
        (LoginEntry(("/gone/model-switcher", "tray")), LoginState.STALE),
        (LoginEntry(("/bin/sh", "tray")), LoginState.OTHER),
    ],
)
def test_what_an_entry_means(tmp_path: Path, entry: LoginEntry, state: LoginState) -> None:
    assert autostart(tmp_path, MemoryEntries(entry)).look().state is state


@pytest.mark.parametrize(
    ("wish", "entry", "after"),
    [
        ("true", None, LoginEntry(OURS)),
        ("true", LoginEntry(("/gone/model-switcher", "tray")), LoginEntry(OURS)),  # it was moved
        ("true", LoginEntry((sys.executable, "tray")), LoginEntry(OURS)),  # an older version wrote it
        ("true", LoginEntry(("/bin/sh", "tray")), LoginEntry(("/bin/sh", "tray"))),  # another installation
        ("true", LoginEntry(OURS, enabled=False), LoginEntry(OURS, enabled=False)),
        ("false", LoginEntry(OURS), None),
        ("false", None, None),
        ("'yes'", LoginEntry(OURS), LoginEntry(OURS)),  # broken settings say nothing
        ("'yes'", None, None),
    ],
)
def test_the_entry_follows_the_settings_and_the_program(
    tmp_path: Path, wish: str, entry: LoginEntry | None, after: LoginEntry | None
) -> None:
    (tmp_path / "settings.toml").write_text(f"[desktop]\nstart-at-login = {wish}\n")
    entries = MemoryEntries(entry)
    autostart(tmp_path, entries).keep()
    assert entries.entry == after


def test_broken_settings_keep_it_from_being_switched_on_but_not_off(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[desktop\n")
    entries = MemoryEntries(LoginEntry(OURS))
    autostart(tmp_path, entries).turn(on=False)
    assert entries.entry is None
    with pytest.raises(SettingsError):
        autostart(tmp_path, entries).turn(on=True)
    assert entries.entry is None


def test_an_entry_that_cannot_be_changed_is_an_error_with_its_place_and_a_way_out(tmp_path: Path) -> None:
    entries = MemoryEntries(LoginEntry(OURS), PermissionError(13, "Permission denied"))
    for on, what in ((True, "written"), (False, "removed")):
        with pytest.raises(LoginEntryError, match=f"the entry cannot be {what}: Permission denied") as error:
            autostart(tmp_path, entries).turn(on=on)
        assert error.value.hint


def test_each_settings_file_has_an_entry_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    own, other = Autostart(places()), Autostart(places(tmp_path / "other.toml"))
    assert own.look().place != other.look().place
    assert "--config" not in own.look().expected
    assert other.look().expected[1:] == ("--config", str(tmp_path / "other.toml"), "tray", "--quiet")


def test_the_command_of_a_frozen_program_is_the_one_without_a_console(tmp_path: Path) -> None:
    around = replace(surroundings(), platform="win32", program=tmp_path / "model-switcher.exe")
    assert login_command(around, frozen=True, config=None) == (str(around.program), "tray", "--quiet")
    windowed = tmp_path / "model-switcher-tray.exe"
    windowed.touch()
    assert login_command(around, frozen=True, config=None)[0] == str(windowed)


def test_the_command_of_an_installed_program_is_its_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    around = replace(surroundings(), platform="win32", program=tmp_path / "python.exe")
    monkeypatch.setattr("model_switcher.engine.autostart.command.script_folders", lambda: [tmp_path])
    plain = login_command(around, frozen=False, config=None)
    assert plain == (str(around.program), "-m", "model_switcher", "tray", "--quiet")
    (tmp_path / "pythonw.exe").touch()
    assert login_command(around, frozen=False, config=None)[0] == str(tmp_path / "pythonw.exe")
    (tmp_path / "model-switcher-tray.exe").touch()
    assert login_command(around, frozen=False, config=None) == (
        str(tmp_path / "model-switcher-tray.exe"),
        "tray",
        "--quiet",
    )


def test_the_command_of_this_checkout_is_there() -> None:
    program = Path(login_command(surroundings(), frozen=False, config=None)[0])
    assert program.name == "model-switcher-tray"
    assert program.is_file()
