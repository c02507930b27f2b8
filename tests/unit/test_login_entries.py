"""What each platform's login entry says, and that it is read back as it was meant."""

from __future__ import annotations

import plistlib
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_switcher.engine.autostart.entry import LoginEntry
from model_switcher.engine.autostart.macos import LaunchAgent
from model_switcher.engine.autostart.windows import APPROVED, RUN, RunKey, split_command_line
from model_switcher.engine.autostart.xdg import XdgAutostart, join_exec, split_exec
from model_switcher.engine.surroundings import Surroundings, surroundings

COMMAND = ("/opt/model switcher/bin/tray", "--config", '/home/é/a "b" $c `d` 100%\\x.toml', "tray", "--quiet")

words = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=12)


class MemoryRegistry:
    def __init__(self) -> None:
        self.values: dict[tuple[str, str], str | bytes] = {}

    def get(self, key: str, name: str) -> str | bytes | None:
        return self.values.get((key, name))

    def put(self, key: str, name: str, value: str) -> None:
        self.values[key, name] = value

    def delete(self, key: str, name: str) -> None:
        self.values.pop((key, name), None)


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    return replace(surroundings(), environment={"XDG_CONFIG_HOME": str(tmp_path / "config")}, home=tmp_path)


def test_an_xdg_entry_is_read_back_as_it_was_written(around: Surroundings) -> None:
    entries = XdgAutostart("model-switcher", "Model Switcher", around)
    assert entries.read() is None
    entries.remove()
    entries.write(COMMAND)
    assert entries.read() == LoginEntry(COMMAND)
    assert entries.place == f"{around.home}/config/autostart/model-switcher.desktop"
    entries.remove()
    assert entries.read() is None


def test_a_relative_configuration_folder_is_not_taken(around: Surroundings) -> None:
    strange = replace(around, environment={"XDG_CONFIG_HOME": "config"})
    assert XdgAutostart("x", "x", strange).place == f"{around.home}/.config/autostart/x.desktop"


@pytest.mark.parametrize("line", ["Hidden=true", "X-GNOME-Autostart-enabled=false"])
def test_an_xdg_entry_that_the_desktop_switched_off(around: Surroundings, line: str) -> None:
    entries = XdgAutostart("model-switcher", "Model Switcher", around)
    file = Path(entries.place)
    file.parent.mkdir(parents=True)
    file.write_text(f"[Desktop Entry]\nExec=/bin/true %U\n{line}\n\n[Other]\nExec=/bin/false\n")
    assert entries.read() == LoginEntry(("/bin/true",), enabled=False)
    entries.write(("/bin/true",))
    assert entries.read() == LoginEntry(("/bin/true",))


def test_a_damaged_xdg_entry_counts_as_none(around: Surroundings) -> None:
    entries = XdgAutostart("model-switcher", "Model Switcher", around)
    file = Path(entries.place)
    file.parent.mkdir(parents=True)
    file.write_bytes(b"\xff\xfe[Desktop")
    assert entries.read() is None


@given(st.lists(words, min_size=1, max_size=4))
def test_every_command_survives_the_rules_of_desktop_entries(command: list[str]) -> None:
    assert split_exec(join_exec(tuple(command))) == tuple(command)


def test_a_line_break_cannot_stand_in_a_desktop_entry() -> None:
    with pytest.raises(ValueError, match="line break"):
        join_exec(("/a\nb",))


@given(st.lists(words, min_size=1, max_size=4))
def test_every_command_survives_the_rules_of_windows(command: list[str]) -> None:
    assert split_command_line(subprocess.list2cmdline(command)) == tuple(command)


def test_a_run_value_is_read_back_and_says_whether_the_task_manager_switched_it_off() -> None:
    registry = MemoryRegistry()
    entries = RunKey("Model Switcher", registry)
    command = (r"C:\Program Files\Model Switcher\model-switcher-tray.exe", "tray", "--quiet")
    entries.write(command)
    assert registry.values == {
        (
            RUN,
            "Model Switcher",
        ): r'"C:\Program Files\Model Switcher\model-switcher-tray.exe" tray --quiet'
    }
    assert entries.read() == LoginEntry(command)
    registry.values[APPROVED, "Model Switcher"] = b"\x03" + bytes(11)
    assert entries.read() == LoginEntry(command, enabled=False)
    registry.values[APPROVED, "Model Switcher"] = b"\x02" + bytes(11)
    assert entries.read() == LoginEntry(command)
    registry.values[APPROVED, "Model Switcher"] = b"\x03" + bytes(11)
    entries.write(command)
    assert entries.read() == LoginEntry(command)
    entries.remove()
    assert registry.values == {}
    assert entries.read() is None


def test_windows_would_not_run_a_longer_command() -> None:
    registry = MemoryRegistry()
    with pytest.raises(ValueError, match="260"):
        RunKey("Model Switcher", registry).write((f"C:\\{'x' * 300}.exe",))
    assert registry.values == {}


def test_a_launch_agent_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    entries = LaunchAgent("model-switcher", tmp_path)
    assert entries.read() is None
    entries.write(COMMAND)
    assert entries.read() == LoginEntry(COMMAND)
    file = tmp_path / "Library/LaunchAgents/io.github.model-switcher.plist"
    form = plistlib.loads(file.read_bytes())
    assert (form["Label"], form["RunAtLoad"]) == (file.stem, True)
    file.write_bytes(plistlib.dumps({**form, "Disabled": True}))
    assert entries.read() == LoginEntry(COMMAND, enabled=False)
    for damaged in (b"", b"<plist>", plistlib.dumps([]), plistlib.dumps({"ProgramArguments": []})):
        file.write_bytes(damaged)
        assert entries.read() is None
    entries.remove()
    assert not file.exists()
