"""The settings file as it lies on the disk."""

from __future__ import annotations

import re
import stat
import sys
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from model_switcher.domain.errors import SettingsError
from model_switcher.domain.settings import Settings
from model_switcher.domain.settings_form import parse
from model_switcher.domain.settings_rules import RULES
from model_switcher.engine.settings_file import create_if_missing, load, settings_error, stamp, update
from model_switcher.engine.settings_template import template

if TYPE_CHECKING:
    from pathlib import Path

BY_HAND = """\
# my settings
model-folders = ["D:/models"]  # the big disk

[server]
port = 9000  # 8080 is taken here
# a note to myself
host = "127.0.0.1"

[models."phi"]   # the small one
ctx-size = 8192
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config" / "settings.toml"


@pytest.fixture
def written(path: Path) -> Path:
    path.parent.mkdir()
    path.write_text(BY_HAND)
    return path


def problems(path: Path) -> list[str]:
    return [problem.message for problem in load(path).problems]


def test_no_file_means_the_defaults(path: Path) -> None:
    loaded = load(path)
    assert (loaded.settings, loaded.problems, loaded.stamp) == (Settings(), (), None)


def test_a_file_is_read_with_its_stamp(written: Path) -> None:
    loaded = load(written)
    assert (loaded.settings.server.port, loaded.problems) == (9000, ())
    assert loaded.stamp == stamp(written)
    written.write_text(BY_HAND + "\n")
    assert stamp(written) != loaded.stamp


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a = 1\n[server\nport = 1\n", "line 2, column 8: expected ']' at the end of a table declaration"),
        (b"port = ", "line 1, column 8: invalid value"),
        (b"\na = 'x\xff'", "line 2 is not UTF-8 text; save the file as UTF-8"),
        ("port = 1".encode("utf-16"), "the file is saved as UTF-16; save it as UTF-8"),
    ],
)
def test_a_file_that_is_not_toml_is_one_problem_with_its_place(
    written: Path, data: bytes, message: str
) -> None:
    written.write_bytes(data)
    loaded = load(written)
    assert [problem.message for problem in loaded.problems] == [message]
    assert loaded.settings == Settings()
    assert loaded.stamp is not None


def test_a_windows_path_that_breaks_the_file_gets_a_hint(written: Path) -> None:
    written.write_text('model-folders = ["D:\\models"]')
    [message] = problems(written)
    assert message.startswith("line 1, column ")
    assert message.endswith("; in a path write / instead of \\, or put it between single quotes")


def test_a_folder_in_the_place_of_the_file_is_a_problem(path: Path) -> None:
    path.mkdir(parents=True)
    assert problems(path) == ["the file cannot be read: is a directory"]


def test_the_mark_that_windows_notepad_puts_first_is_tolerated(written: Path) -> None:
    written.write_bytes(b"\xef\xbb\xbf[server]\r\nport = 9001\r\n")
    assert load(written).settings.server.port == 9001
    update(written, {("server", "port"): 9002})
    assert load(written).settings.server.port == 9002


def test_a_change_leaves_comments_and_order_alone(written: Path) -> None:
    loaded = update(
        written,
        {
            ("server", "port"): 9001,
            ("default-model",): "phi",
            ("memory", "margin"): "1 GiB",
            ("models", "phi", "pinned"): True,
            ("models", "llama-3.2", "alias"): ("l",),
        },
    )
    text = written.read_text()
    for line in (
        "# my settings",
        'model-folders = ["D:/models"]  # the big disk',
        "port = 9001  # 8080 is taken here",
        "# a note to myself",
        '[models."phi"]   # the small one',
        "ctx-size = 8192",
    ):
        assert line in text.splitlines()
    assert text.index("default-model") < text.index("[server]")
    assert loaded.settings.models["llama-3.2"].alias == ("l",)
    assert (loaded.settings.default_model, loaded.settings.models["phi"].pinned) == ("phi", True)
    assert loaded.stamp == stamp(written)


def test_a_key_can_be_taken_away(written: Path) -> None:
    loaded = update(written, {("server", "port"): None, ("memory", "margin"): None, ("stores",): None})
    assert loaded.settings.server.port == 8080
    assert "9000" not in written.read_text()
    assert "# a note to myself" in written.read_text()


def test_windows_line_ends_stay(written: Path) -> None:
    written.write_bytes(BY_HAND.replace("\n", "\r\n").encode())
    update(written, {("memory", "warm-up"): False})
    data = written.read_bytes()
    assert data.count(b"\n") == data.count(b"\r\n")
    assert load(written).settings.memory.warm_up is False


@pytest.mark.parametrize(
    ("text", "changes"),
    [
        ("[server\n", {("server", "port"): 9001}),
        ("[server]\nprot = 1\n", {("server", "port"): 9001}),
        ("[server]\nport = 9000\n", {("server", "port"): 0, ("memory", "margin"): "much"}),
        ("[server]\nport = 9000\n", {("server", "host"): "0.0.0.0"}),
    ],
)
def test_what_is_broken_or_would_be_is_refused_and_left_as_it_is(
    written: Path, text: str, changes: dict[tuple[str, ...], Any]
) -> None:
    written.write_text(text)
    with pytest.raises(SettingsError) as caught:
        update(written, changes)
    assert written.read_text() == text
    assert caught.value.details["problems"]
    assert [entry.name for entry in written.parent.iterdir()] == [written.name]


def test_a_wrong_key_can_be_put_right(written: Path) -> None:
    written.write_text("[server]\nport = 0\n")
    assert update(written, {("server", "port"): 9001}).problems == ()


def test_the_error_lists_every_problem_in_one_sentence(written: Path) -> None:
    written.write_text("[server]\nport = 0\nprot = 1\n")
    error = settings_error(written, load(written).problems)
    assert error.message == (
        f"The settings in {written} have 2 problems: [server] port: 0 is not a port between 1 and 65535; "
        "[server] prot: there is no such key; did you mean port?"
    )
    assert [problem["key"] for problem in error.details["problems"]] == ["server.port", "server.prot"]


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file in the way")
    with pytest.raises(SettingsError, match="cannot be"):
        create_if_missing(tmp_path / "config" / "settings.toml")


def test_a_new_file_explains_every_key_and_changes_nothing(path: Path) -> None:
    assert create_if_missing(path)
    assert load(path).settings == Settings()
    assert load(path).problems == ()
    text = path.read_text()
    assert all(rule.about in text for rule in RULES)
    path.write_text("stores = []\n")
    assert not create_if_missing(path)
    assert path.read_text() == "stores = []\n"


def test_the_template_switched_on_is_valid_and_is_the_defaults() -> None:
    switched_on = re.sub(r"^#(?=\S)", "", template(), flags=re.MULTILINE)
    settings, found = parse(tomllib.loads(switched_on))
    assert found == []
    assert settings.server == Settings().server
    assert settings.memory == Settings().memory
    assert settings.desktop == Settings().desktop
    assert settings.models["NAME"].port == 8081


def test_the_first_change_switches_the_templates_own_lines_on(path: Path) -> None:
    loaded = update(
        path, {("server", "port"): 9001, ("model-folders",): ("~/gguf",), ("launch", "ctx-size"): 4096}
    )
    lines = path.read_text().splitlines()
    assert lines[lines.index("port = 9001") - 1] == "# Port that your programs talk to."
    assert "#port = 8080" not in lines
    assert 'model-folders = ["~/gguf"]' in lines[: lines.index("[server]")]
    assert (loaded.settings.server.port, loaded.settings.model_folders) == (9001, ("~/gguf",))
    assert loaded.settings.launch == {"ctx-size": 4096}


def test_a_new_file_is_for_the_user_alone_and_an_old_one_keeps_its_permissions(path: Path) -> None:
    assert sys.platform != "win32"
    create_if_missing(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    update(path, {("server", "port"): 9001})
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_link_to_the_settings_stays_a_link(tmp_path: Path, written: Path) -> None:
    link = tmp_path / "link.toml"
    link.symlink_to(written)
    update(link, {("server", "port"): 9001})
    assert link.is_symlink()
    assert load(written).settings.server.port == 9001
