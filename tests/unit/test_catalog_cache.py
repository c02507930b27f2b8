from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from fakes.gguf_files import make_hostile, preamble, write_model, write_shards
from model_switcher.domain.catalog import Reject, Rejected
from model_switcher.engine.catalog import HeaderReader, scan
from model_switcher.engine.catalog.cache import VERSION, HeaderCache
from model_switcher.engine.catalog.facts import Facts
from model_switcher.engine.catalog.walk import Candidate, Walk

if TYPE_CHECKING:
    from model_switcher.domain.catalog import Catalog


def candidate(path: Path) -> Candidate:
    found = Walk(lambda: False).file(str(path))
    assert isinstance(found, Candidate)
    return found


def scanned(folder: Path, cache: Path) -> Catalog:
    reader = HeaderReader(cache)
    catalog = scan([folder], reader=reader)
    reader.save()
    return catalog


def spoil(path: Path) -> None:
    """Overwrite a file so that only reading it can tell."""
    status = path.stat()
    with path.open("r+b") as file:
        file.write(b"\xff" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "of" / "headers"


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    write_model(folder / "a.gguf", general__name="A", general__languages=["en", "de"], llama__block_count=3)
    write_model(folder / "b.gguf", types={"Q4_K": 9, "F32": 1}, general__file_type=15)
    write_model(
        folder / "mmproj-a.gguf", general__architecture="clip", general__type="mmproj", general__name="P"
    )
    write_shards(folder, "split", 3)
    make_hostile(folder)
    return folder


def test_files_that_did_not_change_are_not_read_again(models: Path, cache: Path) -> None:
    before = scanned(models, cache)
    assert len(before.models) == 3
    for path in models.glob("*.gguf"):
        if path.is_file() and not path.is_symlink() and path.stat().st_size < 10_000:
            spoil(path)
    assert scanned(models, cache) == before
    assert len(scan([models]).models) == 0


def test_everything_that_can_be_known_of_a_file_comes_back_out_of_the_cache(
    models: Path, cache: Path
) -> None:
    reader = HeaderReader()
    paths = [path for path in models.glob("*.gguf") if path.is_file()]
    outcomes = {path: reader.full(candidate(path)) for path in paths}
    scanned(models, cache)
    again = HeaderReader(cache)
    assert {path: again.known(candidate(path)) for path in paths} == outcomes
    assert {type(outcome) for outcome in outcomes.values()} == {Facts, Rejected}


def test_types_of_weights_that_are_unknown_survive_the_cache(tmp_path: Path, cache: Path) -> None:
    path = write_model(tmp_path / "new.gguf", types={"F32": 2})
    data = path.read_bytes()
    at = data.index(b"F32.weight") + len(b"F32.weight") + 4 + 16
    path.write_bytes(data[:at] + b"\x89\0\0\0" + data[at + 4 :])  # type 137
    first, second = scanned(tmp_path, cache), scanned(tmp_path, cache)
    assert first == second
    assert (first.models[0].quantization, first.models[0].parameters) == (None, 512)


@pytest.mark.parametrize("what", ["size", "time", "inode"])
def test_a_file_that_changed_is_read_again(tmp_path: Path, cache: Path, what: str) -> None:
    path = write_model(tmp_path / "a.gguf", general__name="Old")
    old = path.stat()
    assert scanned(tmp_path, cache).models[0].name == "Old"
    if what == "inode":
        write_model(tmp_path / "other" / "b.gguf", general__name="New").rename(path)
    else:
        longer = {"general__extra": "x"} if what == "size" else {}
        fresh = write_model(tmp_path / "other" / "b.gguf", general__name="New", **longer)
        path.write_bytes(fresh.read_bytes())
        fresh.unlink()
    if what != "time":
        os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))
    else:
        os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns + 1000))
    assert scanned(tmp_path, cache).models[0].name == "New"


def test_a_download_that_goes_on_is_read_again(tmp_path: Path, cache: Path) -> None:
    path = write_model(tmp_path / "a.gguf")
    whole = path.read_bytes()
    path.write_bytes(whole[:-64])
    assert scanned(tmp_path, cache).rejected[0].code == Reject.TRUNCATED
    path.write_bytes(whole)
    assert len(scanned(tmp_path, cache).models) == 1


def test_what_the_system_refused_is_tried_again(tmp_path: Path, cache: Path) -> None:
    path = write_model(tmp_path / "a.gguf")
    wanted = candidate(path)
    path.rename(tmp_path / "away")
    reader = HeaderReader(cache)
    assert isinstance(reader.full(wanted), Rejected)
    (tmp_path / "away").rename(path)
    assert isinstance(reader.full(wanted), Facts)


def _of_another_version(data: bytes) -> bytes:
    content = msgspec.msgpack.decode(data)
    return msgspec.msgpack.encode([VERSION + 1, *content[1:]])


DAMAGES = {
    "empty": lambda _: b"",
    "cut": lambda data: data[: len(data) // 2],
    "no cache": lambda _: b"not a cache" * 99,
    "one bit": lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:],
    "another form": lambda _: msgspec.msgpack.encode({"version": VERSION}),
    "nested": lambda _: b"\x91" * 100_000,
    "another version": _of_another_version,
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_or_foreign_cache_is_made_again_and_logged(
    models: Path, cache: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = scanned(models, cache)
    whole = cache.read_bytes()
    cache.write_bytes(DAMAGES[name](whole))
    with caplog.at_level(logging.INFO):
        assert scanned(models, cache) == before
    assert "made again" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.INFO):
        assert scanned(models, cache) == before
    assert not caplog.records


def test_no_cache_yet_is_nothing_to_tell(models: Path, cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        scanned(models, cache)
    assert not caplog.records
    assert cache.is_file()


def test_a_cache_that_cannot_be_read_or_written_is_logged_and_does_no_harm(
    models: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache.mkdir(parents=True)
    assert len(scanned(models, cache).models) == 3
    assert "cannot be read" in caplog.text
    assert "could not be written" in caplog.text


def test_files_that_are_gone_leave_the_cache(tmp_path: Path, cache: Path) -> None:
    paths = [write_model(tmp_path / "m" / f"{number}.gguf") for number in range(3)]
    scanned(tmp_path, cache)
    assert len(HeaderCache(cache)) == 3
    paths[0].unlink()
    scanned(tmp_path, cache)
    assert len(HeaderCache(cache)) == 2


def test_files_of_a_drive_that_is_away_stay_in_the_cache(tmp_path: Path, cache: Path) -> None:
    path = write_model(tmp_path / "drive" / "a.gguf")
    write_model(tmp_path / "m" / "b.gguf")
    scanned(tmp_path, cache)
    (tmp_path / "drive").rename(tmp_path / "away")
    write_model(tmp_path / "m" / "c.gguf")
    scanned(tmp_path / "m", cache)
    (tmp_path / "away").rename(tmp_path / "drive")
    assert HeaderReader(cache).known(candidate(path)) is not None


def test_a_cache_without_news_is_not_written(models: Path, cache: Path) -> None:
    scanned(models, cache)
    before = cache.stat()
    scanned(models, cache)
    assert cache.stat().st_ino == before.st_ino


def test_several_threads_may_read_and_save_at_once(tmp_path: Path, cache: Path) -> None:
    paths = [write_model(tmp_path / "m" / f"{number}.gguf") for number in range(40)]
    reader = HeaderReader(cache)
    problems: list[BaseException] = []

    def work(start: int) -> None:
        try:
            for path in paths[start::4]:
                assert isinstance(reader.full(candidate(path)), Facts)
                reader.save()
        except BaseException as error:  # noqa: BLE001 - told to the test
            problems.append(error)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reader.save()
    assert problems == []
    assert len(HeaderCache(cache)) == 40


def test_the_quick_pass_gives_what_the_cache_knows(tmp_path: Path, cache: Path) -> None:
    path = write_model(tmp_path / "a.gguf")
    reader = HeaderReader(cache)
    first = reader.quick(candidate(path))
    assert isinstance(first, Facts)
    assert not first.complete
    whole = reader.full(candidate(path))
    assert isinstance(whole, Facts)
    assert whole.complete
    assert reader.quick(candidate(path)) == whole
    (tmp_path / "bad.gguf").write_bytes(preamble(0, 0, 9))
    bad = reader.quick(candidate(tmp_path / "bad.gguf"))
    assert isinstance(bad, Rejected)
    assert bad.code == Reject.VERSION


def test_the_cache_is_read_when_the_first_header_is_asked_for(tmp_path: Path) -> None:
    """Not when it is made, for that happens on the loop."""
    path, file = write_model(tmp_path / "a.gguf"), tmp_path / "cache"
    made, writing = HeaderCache(file), HeaderReader(file)
    outcome = writing.full(candidate(path))
    writing.save()
    assert made.get(candidate(path)) == outcome
