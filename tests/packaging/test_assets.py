"""Icon files are what the drawing code draws, and installer, unit and workflow agree with the program."""

from __future__ import annotations

import configparser
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from model_switcher import __version__
from model_switcher.cli.main import parser

ROOT = Path(__file__).resolve().parents[2]
RESOURCES = ROOT / "resources"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the drawing code draws now."""
    folder = tmp_path_factory.mktemp("icons")
    program = f"import pathlib, icons; icons.RESOURCES = pathlib.Path({str(folder)!r}); icons.main()"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT / "distribution", check=True)
    return folder


def test_the_icon_files_are_what_is_drawn(drawn: Path) -> None:
    names = sorted(path.name for path in drawn.iterdir())
    assert names == [
        "model-switcher-256.png",
        "model-switcher-48.png",
        "model-switcher.icns",
        "model-switcher.ico",
        "model-switcher.svg",
    ]
    for name in names:
        # Another Qt may pack them otherwise; what is drawn has about the same size then, and the same beginning.
        ours, theirs = (RESOURCES / name).read_bytes(), (drawn / name).read_bytes()
        assert ours[:4] == theirs[:4], name
        assert abs(len(ours) - len(theirs)) <= len(ours) // 20, f"python distribution/icons.py draws {name}"


def test_the_icon_for_windows_has_every_size_as_a_png() -> None:
    data = (RESOURCES / "model-switcher.ico").read_bytes()
    count = struct.unpack_from("<HHH", data)[2]
    sizes = []
    for number in range(count):
        width, _, _, _, _, bits, length, offset = struct.unpack_from("<BBBBHHII", data, 6 + 16 * number)
        picture = data[offset : offset + length]
        assert picture.startswith(b"\x89PNG")
        assert struct.unpack_from(">II", picture, 16) == (width or 256, width or 256)
        assert bits == 32
        sizes.append(width or 256)
    assert sizes == [16, 24, 32, 48, 64, 256]


def test_the_icon_for_macos_is_whole() -> None:
    data = (RESOURCES / "model-switcher.icns").read_bytes()
    assert (data[:4], struct.unpack_from(">I", data, 4)[0]) == (b"icns", len(data))
    at, sizes = 8, []
    while at < len(data):
        length = struct.unpack_from(">I", data, at + 4)[0]
        sizes.append(struct.unpack_from(">I", data, at + 8 + 16)[0])
        at += length
    assert sizes == [16, 32, 64, 128, 256, 512, 1024]


def test_the_installer_speaks_the_programs_words() -> None:
    text = (ROOT / "distribution" / "model-switcher.iss").read_text("utf-8")
    assert f'#define Version "{__version__}"' in text
    for words in re.findall(r'Parameters: "([^"]+)"', text):
        parser().parse_args(words.split())
    assert "PrivilegesRequired=lowest" in text
    assert (ROOT / "distribution" / re.findall(r"SetupIconFile=(.+)", text)[0].replace("\\", "/")).is_file()


def test_the_unit_serves_and_does_not_restart_what_cannot_start() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(RESOURCES / "model-switcher.service")
    parser().parse_args(unit["Service"]["ExecStart"].split()[1:])
    assert unit["Service"]["RestartPreventExitStatus"].split() == ["2", "7"]
    assert unit["Install"]["WantedBy"] == "default.target"


def test_the_version_is_one() -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert re.findall(r'^version = "(.+)"$', project, re.MULTILINE) == [__version__]
