"""Writing files so that they are whole at any moment."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from model_switcher.domain.errors import InstanceError
from model_switcher.engine.files import make_private_folder, remove, write_atomically

_NOBODY = 65534


def test_a_file_is_replaced_as_a_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        write_atomically(path, b"new")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_private_file_is_readable_by_the_user_only_also_where_an_open_one_was(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch(mode=0o644)
    write_atomically(path, b"key", private=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    usual = tmp_path / "usual"
    usual.touch()
    write_atomically(tmp_path / "file", b"")
    assert (tmp_path / "file").stat().st_mode == usual.stat().st_mode


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(OSError, match="file"):
        write_atomically(tmp_path / "file", b"new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    remove(path)
    remove(path)
    assert not path.exists()


def test_a_private_folder_is_closed_to_others_also_if_it_was_open(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    make_private_folder(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o755)
    make_private_folder(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_of_another_user_is_not_trusted(tmp_path: Path) -> None:
    assert sys.platform != "win32"
    folder = Path("/")
    if os.getuid() == 0:
        folder = tmp_path
        os.chown(folder, _NOBODY, _NOBODY)
    with pytest.raises(InstanceError, match="belongs to another user"):
        make_private_folder(folder)
