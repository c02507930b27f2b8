"""What the instance file says of engine processes while they come and go."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from model_switcher.cli.instance_file import InstanceFile
from model_switcher.domain.snapshot import ServerView, Snapshot
from model_switcher.domain.states import ServerState
from model_switcher.engine.instance import read_record
from model_switcher.places import Places, places
from model_switcher.processes import process_created

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    return places(tmp_path / "settings.toml")


@pytest.fixture
def begin() -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Begins processes that wait for the end of the test."""
    begun: list[subprocess.Popen[bytes]] = []

    def one() -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
        )
        begun.append(process)
        return process

    yield one
    for process in begun:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.communicate()


def running(*processes: subprocess.Popen[bytes]) -> Snapshot:
    servers = tuple(
        ServerView(
            model=f"model-{process.pid}", state=ServerState.READY, engine="b1", pid=process.pid, port=None, alias="",
            progress=None, since=0.0, in_flight=0, draining=False, load_seconds=None,
        )
        for process in processes
    )  # fmt: skip
    return Snapshot(version="1", time=0.0, servers=servers)


def listed(where: Places) -> list[int]:
    record = read_record(where)
    assert record is not None
    assert all(process_created(pid) in (None, born) for pid, born in record.servers)
    return [pid for pid, _ in record.servers]


def test_a_process_is_there_as_soon_as_it_is_known(
    where: Places, begin: Callable[[], subprocess.Popen[bytes]]
) -> None:
    file = InstanceFile(where, key="k", mode="headless")
    file.keep(running())
    assert listed(where) == []
    first, second = begin(), begin()
    file.keep(running(first))
    assert listed(where) == [first.pid]
    file.keep(running(first, second))
    assert listed(where) == [first.pid, second.pid]


def test_one_that_ended_goes_when_another_begins_and_nothing_is_written_for_it_alone(
    where: Places, begin: Callable[[], subprocess.Popen[bytes]]
) -> None:
    file = InstanceFile(where, key="k", mode="headless")
    first, second = begin(), begin()
    file.keep(running(first))
    before = where.instance.stat().st_ino
    end(first)
    file.keep(running())
    assert where.instance.stat().st_ino == before
    file.keep(running(second))
    assert listed(where) == [second.pid]


def test_one_that_will_not_end_stays_for_the_next_start_to_end(
    where: Places, begin: Callable[[], subprocess.Popen[bytes]]
) -> None:
    file = InstanceFile(where, key="k", mode="headless")
    stuck, second = begin(), begin()
    file.keep(running(stuck))
    file.keep(running())
    file.keep(running(second))
    assert listed(where) == [second.pid, stuck.pid]


def test_a_file_that_went_away_is_written_anew_with_the_next_change(
    where: Places, begin: Callable[[], subprocess.Popen[bytes]]
) -> None:
    file = InstanceFile(where, key="k", mode="headless")
    first = begin()
    file.keep(running(first))
    where.instance.unlink()
    file.keep(running(first))
    assert listed(where) == [first.pid]
