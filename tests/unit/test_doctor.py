"""What the doctor finds, each on a machine that has just that, and what it says to do."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from fakes.instance import free_port
from model_switcher.cli import doctor as verb
from model_switcher.domain.catalog import Catalog, Model
from model_switcher.domain.instance import InstanceRecord
from model_switcher.domain.settings import ServerSettings
from model_switcher.engine.autostart import Autostart, LoginEntry
from model_switcher.engine.demo_models import write_demo_models
from model_switcher.engine.doctor import Level, disks, examine, graphics, instances
from model_switcher.engine.doctor.engines import engines
from model_switcher.engine.doctor.finding import Finding
from model_switcher.engine.instance import InstanceLock, write_record
from model_switcher.engine.settings_file import load
from model_switcher.places import Places
from model_switcher.processes import process_created

USAGE = r"--model\n--port\n--alias\n--fit\n--kv-unified"


@pytest.fixture
def where(tmp_path: Path) -> Places:
    folders = {name: tmp_path / name for name in ("runtime", "cache", "logs", "state")}
    return Places(settings=tmp_path / "settings.toml", **folders)


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def only(findings: list[Finding], level: Level) -> Finding:
    """The one finding of that level, which says what to do."""
    (found,) = (finding for finding in findings if finding.level is level)
    assert found.hint
    return found


async def test_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model_switcher.engine.doctor.engines.find_engines", lambda _: [])
    found = only(await engines("auto", gpu=None), Level.PROBLEM)
    assert found.sentence == "No llama-server was found"
    assert "winget install llama.cpp" in found.hint


async def test_an_engine_that_is_not_there(tmp_path: Path) -> None:
    found = only(await engines(str(tmp_path / "llama-server"), gpu=None), Level.PROBLEM)
    assert str(tmp_path / "llama-server") in found.sentence


async def test_an_engine_that_is_too_old(tmp_path: Path) -> None:
    old = script(tmp_path / "llama-server", 'printf "version: 3000 (abcdef)\\n--model\\n--port\\n--alias\\n"')
    found = only(await engines(old, gpu=None), Level.WARNING)
    assert found.sentence.startswith(f"b3000 ({old}) is too old: it does not lower the context")
    assert "newer" in found.hint


async def test_the_cuda_runtime_is_missing(tmp_path: Path) -> None:
    said = "error while loading shared libraries: libcudart.so.12: cannot open shared object file"
    broken = script(tmp_path / "llama-server", f'echo "llama-server: {said}" >&2; exit 127')
    found = only(await engines(broken, gpu=None), Level.PROBLEM)
    assert "the library libcudart.so.12 is missing" in found.sentence
    assert "CUDA runtime" in found.hint


async def test_an_engine_for_another_processor(tmp_path: Path) -> None:
    header = bytearray(64)
    header[:6] = b"\x7fELF\x02\x01"
    header[16:20] = b"\x02\x00\xb7\x00"  # a program for aarch64
    foreign = tmp_path / "llama-server"
    foreign.write_bytes(header)
    foreign.chmod(0o755)
    found = only(await engines(str(foreign), gpu=None), Level.PROBLEM)
    assert "not a program for this machine: it is made for aarch64" in found.sentence


async def test_a_gpu_that_no_engine_can_use(tmp_path: Path) -> None:
    plain = script(tmp_path / "llama-server", rf'printf "version: 10434 (abcdef)\n{USAGE}\n"')
    found = only(await engines(plain, gpu="RTX 5060 Ti"), Level.WARNING)
    assert found.sentence == "No engine here can use the GPU (RTX 5060 Ti): models run on the processor"
    assert "CUDA" in found.hint
    assert [one.level for one in await engines(plain, gpu=None)] == [Level.OK]


@pytest.mark.skipif(sys.platform != "linux", reason="PCI devices as files are Linux'")
@pytest.mark.parametrize(
    ("driver", "sentence"),
    [
        (None, "There is a GPU of NVIDIA, and no driver for it"),
        ("nouveau", "The GPU of NVIDIA runs with nouveau, a driver that engines cannot use"),
        ("nvidia", None),
    ],
)
def test_a_gpu_without_its_driver(tmp_path: Path, driver: str | None, sentence: str | None) -> None:
    for name, class_, vendor in (
        ("a", "0x030000", "0x10de"),
        ("b", "0x020000", "0x8086"),
        ("c", "0x03", "1"),
    ):
        (tmp_path / "pci" / name).mkdir(parents=True)
        (tmp_path / "pci" / name / "class").write_text(f"{class_}\n")
        (tmp_path / "pci" / name / "vendor").write_text(f"{vendor}\n")
    if driver:
        (tmp_path / driver).mkdir()
        (tmp_path / "pci" / "a" / "driver").symlink_to(tmp_path / driver)
    found = list(graphics.drivers(tmp_path / "pci"))
    assert [(one.sentence, bool(one.hint)) for one in found] == ([(sentence, True)] if sentence else [])
    assert list(graphics.drivers(tmp_path / "none")) == []


def test_the_port_is_taken(where: Places) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        found = only(list(instances.address(ServerSettings(port=port), where, None)), Level.PROBLEM)
        assert f"Port {port} is used by" in found.sentence
        assert f"process {os.getpid()}" in found.sentence
    (well,) = instances.address(ServerSettings(port=port), where, None)
    assert well.level is Level.OK
    (running,) = instances.address(ServerSettings(port=port), where, "http://127.0.0.1:1")
    assert running.sentence == "An instance is running at http://127.0.0.1:1"


def test_a_second_instance_has_the_port(where: Places, tmp_path: Path) -> None:
    here = Places(where.settings, tmp_path / "run" / "a", where.cache, where.logs, where.state)
    other = Places(where.settings, tmp_path / "run" / "b", where.cache, where.logs, where.state)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        born = process_created(os.getpid()) or 0.0
        url = f"http://127.0.0.1:{port}"
        write_record(
            other,
            InstanceRecord(
                pid=os.getpid(), created=born, address=url, key="key", mode="tray", version="0.1.0"
            ),
        )
        found = list(instances.address(ServerSettings(port=port), here, None))
    assert "another instance of this program" in only(found, Level.PROBLEM).sentence
    assert [one.sentence for one in found if one.level is Level.OK] == [
        f"Another instance, with settings of its own, is running at {url}"
    ]


def test_an_instance_that_does_not_say_where_it_is(where: Places) -> None:
    lock = InstanceLock(where.lock)
    assert lock.try_acquire()
    try:
        found = only(list(instances.address(ServerSettings(port=free_port()), where, None)), Level.PROBLEM)
    finally:
        lock.release()
    assert found.sentence == f"Another process holds {where.lock}, and does not say where it serves"


def test_folders_that_are_gone_or_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    real = os.scandir

    def scandir(path: str) -> object:
        # An administrator, as whom tests may run, is let in everywhere.
        if path == str(closed):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    found = list(disks.folders([str(tmp_path), str(tmp_path / "gone"), str(closed)]))
    assert [one.sentence for one in found] == [
        f"{tmp_path / 'gone'} is not there",
        f"{closed} may not be read by this user",
    ]
    assert all(one.hint and one.level is Level.PROBLEM for one in found)


class Usage(NamedTuple):
    free: int


@pytest.mark.parametrize(
    ("free", "levels", "words"),
    [
        (10 << 30, [], ""),
        (100 << 20, [Level.WARNING], "has 100.0 MiB left"),
        (0, [Level.PROBLEM], "is full"),
    ],
)
def test_a_disk_that_is_full(
    where: Places, monkeypatch: pytest.MonkeyPatch, free: int, levels: list[Level], words: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free))
    found = list(disks.room(where))
    assert [one.level for one in found] == levels
    assert all(words in one.sentence and one.hint for one in found)


def test_a_place_that_may_not_be_written_to(where: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert {one.level for one in disks.room(where)} == {Level.PROBLEM}


@pytest.mark.parametrize(("rate", "level"), [(40e6, Level.WARNING), (900e6, Level.OK), (None, None)])
def test_a_disk_that_is_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate: float | None, level: Level | None
) -> None:
    path = write_demo_models(tmp_path)[0]
    with path.open("ab") as file:
        file.truncate(8 << 20)
    model = Model(id="a", name="Alder", path=str(path), files=(str(path),), size=8 << 20)
    monkeypatch.setattr(disks, "read_rate", lambda _: rate)
    found = list(disks.speed(Catalog((model,))))
    assert [one.level for one in found] == ([level] if level else [])
    if level is Level.WARNING:
        assert "is read at 40 MB/s: Alder in 210 ms, which is slow" in found[0].sentence
        assert "SSD" in found[0].hint


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can read past what it remembers")
def test_how_fast_a_file_is_read_is_measured(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(2 << 20))
    rate = disks.read_rate(file)
    assert rate is not None
    assert rate > 0
    assert disks.read_rate(tmp_path / "gone") is None


class Entries:
    place = "the entry"

    def __init__(self, entry: LoginEntry | None) -> None:
        self.entry = entry

    def read(self) -> LoginEntry | None:
        return self.entry

    def write(self, command: tuple[str, ...]) -> None:
        raise AssertionError(command)

    def remove(self) -> None:
        raise AssertionError


@pytest.mark.parametrize(
    ("entry", "wanted", "level", "words"),
    [
        (LoginEntry(("/gone/tray",)), True, Level.PROBLEM, "not there any more: /gone/tray (the entry)"),
        (LoginEntry(("/bin/sh",)), True, Level.WARNING, "Another installation starts at login"),
        (LoginEntry((sys.executable,), enabled=False), True, Level.WARNING, "own settings keep"),
        (None, True, Level.WARNING, "there is no entry for it"),
        (LoginEntry((sys.executable,)), True, Level.OK, "The tray starts at login"),
        (None, False, Level.OK, "does not start"),
    ],
)
def test_a_login_entry_that_is_stale(
    where: Places, entry: LoginEntry | None, wanted: bool, level: Level, words: str
) -> None:
    keeper = Autostart(where, entries=Entries(entry), command=(sys.executable,))
    (found,) = instances.login(keeper, wanted=wanted)
    assert found.level is level
    assert words in found.sentence
    assert bool(found.hint) is (level is not Level.OK)


async def test_settings_that_are_broken(where: Places) -> None:
    where.settings.write_text("[server]\nport = 'x'\nengine = 'embedded'\nhots = 1\n")
    found = await examine(load(where.settings), where, stores=(), catalog=Catalog(), running="http://x")
    problems = [one for one in found if one.topic == "settings"]
    assert [one.level for one in problems] == [Level.PROBLEM, Level.PROBLEM]
    assert all("Correct the file" in one.hint for one in problems)


@pytest.mark.parametrize(("desktop", "words"), [("ubuntu:GNOME", "AppIndicator"), ("XFCE", "panel")])
def test_a_desktop_without_a_tray(monkeypatch: pytest.MonkeyPatch, desktop: str, words: str) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", desktop)
    monkeypatch.setattr("model_switcher.desktop.tray_doctor.has_tray", lambda: False)
    found = verb.tray()
    assert (found.level, words in found.hint) == (Level.WARNING, True)
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert verb.tray().level is Level.OK
