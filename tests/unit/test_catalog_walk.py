"""Walking folders: every file once with all its places, and downloads under way as what they are."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from fakes.gguf_files import write_model
from model_switcher.domain.catalog import Reject, Rejected
from model_switcher.domain.units import MIB, format_size
from model_switcher.engine.catalog.walk import Candidate, Walk, look, printable, through
from model_switcher.engine.demo_models import write_llama
from model_switcher.engine.library.drives import Mount, is_away, is_remote, lies_on_remote

if TYPE_CHECKING:
    from pathlib import Path


def walk(*folders: Path) -> tuple[list[Candidate], list[Rejected], Walk]:
    here = Walk(lambda: False)
    found = list(here.through(folders))
    candidates = [entry for entry in found if isinstance(entry, Candidate)]
    return candidates, [entry for entry in found if isinstance(entry, Rejected)], here


def test_equal_files_come_once_with_every_path_that_leads_to_them(tmp_path: Path) -> None:
    path = write_model(tmp_path / "a" / "first.gguf")
    (tmp_path / "b").mkdir()
    os.link(path, tmp_path / "b" / "hard.gguf")
    (tmp_path / "b" / "soft.gguf").symlink_to(path)
    (tmp_path / "c").symlink_to(tmp_path / "a")
    candidates, rejected, here = walk(path, path, tmp_path, tmp_path / "b")
    assert [found.path for found in candidates] == [str(path)]
    assert rejected == []
    assert here.places == {
        candidates[0].key: [str(path), str(tmp_path / "b" / "hard.gguf"), str(tmp_path / "b" / "soft.gguf")]
    }


def test_a_candidate_knows_what_tells_whether_it_changed(tmp_path: Path) -> None:
    path = write_model(tmp_path / "a.gguf")
    status = path.stat()
    (found,), _, _ = walk(tmp_path)
    assert found == Candidate(
        str(path), (status.st_dev, status.st_ino), status.st_size, status.st_mtime_ns, "folder", None, None
    )


def test_where_nothing_is_numbered_every_path_is_a_file_of_its_own() -> None:
    one, other = (Candidate(path, (5, 0)) for path in ("/a.gguf", "/b.gguf"))
    assert one.key != other.key
    assert Candidate("/a.gguf", (5, 7)).key == Candidate("/b.gguf", (5, 7)).key


@pytest.mark.parametrize(
    "name",
    [
        "m.gguf.part",
        "m.gguf.incomplete",
        "m.gguf.download",
        "m.gguf.crdownload",
        "M.GGUF.TMP",
        "m.gguf.downloadInProgress",
        "downloading_m.gguf.part",
        "incomplete-m.gguf",
        "Unconfirmed 123.crdownload",
        "4f2a.incomplete",
    ],
)
def test_downloads_that_are_not_finished_are_told_with_their_size(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"GGUF" + os.urandom(3 * 1024 * 1024))
    candidates, (entry,), _ = walk(tmp_path)
    assert (candidates, entry.path, entry.code) == ([], str(tmp_path / name), Reject.PARTIAL)
    assert entry.reason == "download not finished yet (3.0 MiB so far)"


@pytest.mark.parametrize("set_aside", [False, True])
def test_what_is_missing_of_a_download_is_told_once_its_header_is_there(
    tmp_path: Path, set_aside: bool
) -> None:
    whole = write_llama(tmp_path / "whole", name="whole", seed=1, embedding_length=1024, block_count=3,
                        feed_forward_length=2816)  # fmt: skip
    data = whole.read_bytes()
    whole.unlink()
    part = tmp_path / "m.gguf.part"
    for count, told in (
        (1024, "(1 KiB so far)"),
        (4 * MIB, f"(4.0 MiB so far, {format_size(len(data) - 4 * MIB)} missing)"),
        (16 * MIB, f"(16.0 MiB so far, {format_size(len(data) - 16 * MIB)} missing)"),
    ):
        with part.open("wb") as file:
            file.write(data[:count])
            if set_aside and count >= MIB:
                file.truncate(len(data))
        _, (entry,), _ = walk(tmp_path)
        assert entry.reason == f"download not finished yet {told}"


def test_space_that_was_only_set_aside_for_a_download_does_not_count(tmp_path: Path) -> None:
    with (tmp_path / "m.gguf.part").open("wb") as file:
        file.write(b"GGUF" + os.urandom(4092))
        file.truncate(10 * 1024**3)
    _, (entry,), _ = walk(tmp_path)
    assert "GiB" not in entry.reason


def test_downloads_of_other_things_are_nobody_s_business(tmp_path: Path) -> None:
    (tmp_path / "film.mp4.part").write_bytes(b"....")
    (tmp_path / "m.gguf.aria2").write_bytes(b"list")
    (tmp_path / "empty.tmp").touch()
    (tmp_path / "folder.gguf.part").mkdir()
    os.mkfifo(tmp_path / "pipe.part")
    (tmp_path / "gone.gguf.part").symlink_to("nowhere")
    assert walk(tmp_path)[:2] == ([], [])


def test_a_listing_tells_why_there_is_none(tmp_path: Path) -> None:
    assert look(str(tmp_path / "gone")).error == errno.ENOENT
    assert look("a\0b").error == errno.EINVAL
    listing = look(str(tmp_path))
    assert (listing.entries, listing.folders, listing.error) == ((), (), None)
    assert listing.modified == tmp_path.stat().st_mtime_ns


def test_links_that_lead_back_up_end_the_walk_there(tmp_path: Path) -> None:
    write_model(tmp_path / "a" / "b" / "m.gguf")
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path / "a")
    assert len(list(through(str(tmp_path), look))) == 1


def test_folders_nested_beyond_reason_are_told_and_left(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * 70)
    write_model(deep / "m.gguf")
    candidates, (entry,), _ = walk(tmp_path)
    assert (candidates, entry.code) == ([], Reject.UNREADABLE)


MOUNTS = [
    Mount("/", "ext4"),
    Mount("/mnt/nas", "nfs4"),
    Mount("/mnt/nas/local", "ext4"),
    Mount("/media/windows", "cifs"),
    Mount("/home/me/far away", "fuse.sshfs"),
    Mount("/c", "9p"),
    Mount("/stacked", "nfs"),
    Mount("/stacked", "ext4"),
]


@pytest.mark.parametrize(
    ("path", "remote"),
    [
        ("/home/me/models", False),
        ("/mnt/nas", True),
        ("/mnt/nas/models", True),
        ("/mnt/nas2/models", False),
        ("/mnt/nas/local/models", False),
        ("/media/windows/models", True),
        ("/home/me/far away/models", True),
        ("/c/Users/me", True),
        ("/stacked/models", False),
    ],
)
def test_network_drives_are_known_by_what_is_mounted(path: str, remote: bool) -> None:
    assert lies_on_remote(path, MOUNTS) is remote


def test_this_machine_s_own_disk_is_no_network_drive(tmp_path: Path) -> None:
    assert is_remote(str(tmp_path)) is False


def test_a_deleted_folder_is_not_away_and_one_whose_drive_is_gone_is(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    assert is_away(gone, errno.ENOENT, was_mount=False) is False
    assert is_away(gone, errno.EIO, was_mount=False) is True
    assert is_away(gone, errno.ESTALE, was_mount=False) is True
    assert is_away(str(tmp_path / "drive" / "models"), errno.ENOENT, was_mount=False) is True
    (tmp_path / "link").symlink_to(tmp_path / "drive" / "models")
    assert is_away(str(tmp_path / "link"), errno.ENOENT, was_mount=False) is True
    assert is_away(str(tmp_path), None, was_mount=False) is False
    assert is_away(str(tmp_path), None, was_mount=True) is True
    drive = tmp_path.stat().st_dev
    assert is_away(gone, errno.ENOENT, was_mount=False, device=drive) is False
    # What is left of /media/stick/models without the stick: the empty folder /media/stick, on the system's drive.
    assert is_away(gone, errno.ENOENT, was_mount=False, device=drive + 1) is True


def test_names_that_are_no_text_can_be_told_all_the_same() -> None:
    assert printable("/models/größe 好.gguf") == "/models/größe 好.gguf"
    assert (
        printable("/models/\udcff.gguf") == "/models/\N{REPLACEMENT CHARACTER}.gguf"
    )  # a byte, as Linux allows
    assert printable("C:\\models\\\ud800.gguf") == "C:\\models\\?.gguf"  # half a character, as Windows does
