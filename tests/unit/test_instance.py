"""The lock of an instance, its file, and what a crash leaves behind."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from model_switcher.domain.instance import InstanceRecord
from model_switcher.engine.instance import (
    InstanceLock,
    end_leftovers,
    is_alive,
    read_record,
    remove_record,
    write_record,
)
from model_switcher.places import Places
from model_switcher.processes import process_created

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HOLDER = """
import pathlib, sys
from model_switcher.engine.instance import InstanceLock
lock = InstanceLock(pathlib.Path(sys.argv[1]))
print(lock.try_acquire(), flush=True)
sys.stdin.read()
"""
_WAITER = "import sys; print(1, flush=True); sys.stdin.read()"
_PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"])
print(child.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(
        settings=tmp_path / "settings.toml",
        runtime=tmp_path / "run" / "instance",
        cache=tmp_path / "cache",
        logs=tmp_path / "logs",
        state=tmp_path / "state",
    )


@contextmanager
def running(program: str, *arguments: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A Python process that has written its first line and runs until its standard input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def created(pid: int) -> float:
    moment = process_created(pid)
    assert moment is not None
    return moment


def record(**fields: object) -> InstanceRecord:
    own = InstanceRecord(
        pid=os.getpid(),
        created=created(os.getpid()),
        address="http://127.0.0.1:8080",
        key="secret",
        mode="headless",
        version="0.1.0",
    )
    return replace(own, **fields)  # type: ignore[arg-type]


def test_the_lock_is_held_by_one_process_at_a_time(places: Places) -> None:
    lock = InstanceLock(places.lock)
    with running(_HOLDER, places.lock) as (_, answer):
        assert answer == "True"
        assert not lock.try_acquire()
        assert not lock.held
    assert lock.try_acquire()
    assert lock.try_acquire()
    with running(_HOLDER, places.lock) as (_, answer):
        assert answer == "False"
    lock.release()
    lock.release()
    with running(_HOLDER, places.lock) as (_, answer):
        assert answer == "True"


def test_two_locks_in_one_process_exclude_each_other(places: Places) -> None:
    first, second = InstanceLock(places.lock), InstanceLock(places.lock)
    assert first.try_acquire()
    assert not second.try_acquire()
    first.release()
    assert second.try_acquire()
    second.release()


def test_a_killed_holder_loses_the_lock(places: Places) -> None:
    lock = InstanceLock(places.lock)
    with running(_HOLDER, places.lock) as (process, answer):
        assert answer == "True"
        process.kill()
        process.wait()
        assert lock.try_acquire()
    lock.release()


def test_a_program_started_by_the_holder_does_not_keep_the_lock(places: Places) -> None:
    lock = InstanceLock(places.lock)
    assert lock.try_acquire()
    with running(_WAITER):
        lock.release()
        assert InstanceLock(places.lock).try_acquire()


async def test_waiting_for_the_lock_ends_when_it_becomes_free(places: Places) -> None:
    first, second = InstanceLock(places.lock), InstanceLock(places.lock)
    assert first.try_acquire()
    waiting = asyncio.create_task(second.acquire(30))
    await asyncio.sleep(0)
    assert not waiting.done()
    first.release()
    assert await waiting
    assert second.held
    second.release()


async def test_waiting_for_the_lock_ends_with_the_time_given(places: Places) -> None:
    first, second = InstanceLock(places.lock), InstanceLock(places.lock)
    assert first.try_acquire()
    assert not await second.acquire(0.01)
    assert not second.held
    first.release()


def test_the_folder_and_the_record_are_for_the_user_alone(places: Places) -> None:
    lock = InstanceLock(places.lock)
    lock.try_acquire()
    write_record(places, record())
    assert stat.S_IMODE(places.runtime.stat().st_mode) == 0o700
    assert stat.S_IMODE(places.instance.stat().st_mode) == 0o600
    lock.release()


def test_a_record_is_read_as_it_was_written(places: Places) -> None:
    assert read_record(places) is None
    written = record(servers=((4711, 12.5), (4712, 13.5)))
    write_record(places, written)
    assert read_record(places) == written
    remove_record(places)
    assert read_record(places) is None
    remove_record(places)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"pid": 1}', b"\xff\xfe", b'{"pid": "one"}'])
def test_a_damaged_record_counts_as_none(places: Places, data: bytes) -> None:
    write_record(places, record())
    places.instance.write_bytes(data)
    assert read_record(places) is None


def test_an_instance_is_alive_while_that_very_process_is() -> None:
    with running(_WAITER) as (process, _):
        mine = record(pid=process.pid, created=created(process.pid))
        assert is_alive(mine)
        assert process_created(process.pid) == pytest.approx(mine.created)
        assert not is_alive(replace(mine, created=mine.created - 60))
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not is_alive(mine), "a zombie is not alive"
    assert process_created(process.pid) is None


def test_engines_of_a_crashed_instance_are_killed_with_their_children() -> None:
    with (
        running(_WAITER) as (instance, _),
        running(_PARENT) as (engine, child),
        running(_WAITER) as (other, _),
    ):
        crashed = record(
            pid=instance.pid,
            created=created(instance.pid),
            servers=((engine.pid, created(engine.pid)), (other.pid, created(other.pid) - 60), (4194305, 1.0)),
        )
        assert end_leftovers(crashed) == []
        assert engine.poll() is None, "the instance still lives"
        instance.kill()
        instance.wait()
        assert end_leftovers(crashed) == [engine.pid, int(child)]
        assert process_created(int(child)) is None
        assert other.poll() is None, "another program that got the pid of an engine is left alone"
        assert end_leftovers(crashed) == []
