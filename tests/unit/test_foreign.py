"""Programs that somebody else started."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from model_switcher.domain.errors import ProgramStays
from model_switcher.domain.foreign import Holder
from model_switcher.domain.secrets import without_secrets
from model_switcher.engine.foreign import look_at, stop_foreign
from model_switcher.processes import process_created

if TYPE_CHECKING:
    from collections.abc import Iterator

GONE = -signal.SIGTERM


@contextmanager
def program(body: str = "input()", *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Another program of this user, that is ready."""
    begin = "import signal, sys, time; print(flush=True); "
    with subprocess.Popen(
        [sys.executable, "-c", begin + body, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (["llama-server", "-m", "a.gguf", "--port", "8080"], None),
        (["x", "--api-key", "abc", "-c", "1"], ["x", "--api-key", "***", "-c", "1"]),
        (["x", "--api-key=abc", "--hf-token", "hf_x"], ["x", "--api-key=***", "--hf-token", "***"]),
        (["x", "--ssl-key-file", "/a/key.pem", "--api-key-file", "/a/keys"], None),
        (["x", "--PASSWORD", "--api-key", "b"], ["x", "--PASSWORD", "***", "b"]),
        (["x", "sk-12345", "hf_12345"], ["x", "***", "***"]),
        (["x", "http://me:secret@host/a", "--api-key"], ["x", "http://***@host/a", "--api-key"]),
        ([], None),
    ],
)
def test_a_command_line_is_shown_without_its_secrets(command: list[str], shown: list[str] | None) -> None:
    assert without_secrets(command) == tuple(command if shown is None else shown)


def test_a_program_is_described() -> None:
    with program("input()", "--api-key", "secret") as other:
        found = look_at(other.pid)
        assert found.pid == other.pid
        assert found.created == process_created(other.pid)
        assert found.since == pytest.approx(time.time(), abs=60)
        assert found.program is not None
        assert found.program.casefold().startswith("python")
        assert found.command[-2:] == ("--api-key", "***")
        assert found.own is True
    assert look_at(other.pid) == Holder(pid=other.pid)


async def test_a_program_is_asked_to_end() -> None:
    with program() as other:
        await stop_foreign(look_at(other.pid))
        assert process_created(other.pid) is None


async def test_a_program_that_needs_a_second_request_gets_one() -> None:
    body = (
        "told = []; signal.signal(signal.SIGTERM, lambda *_: told.append(1) or len(told) < 2 or sys.exit()); "
        "print(flush=True); time.sleep(60); time.sleep(60)"
    )
    with program(body) as other:
        assert other.stdout is not None
        other.stdout.readline()
        await stop_foreign(look_at(other.pid), grace=0.3)
        assert process_created(other.pid) is None


async def test_a_program_that_does_not_want_to_end_is_not_killed() -> None:
    body = "signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    with program(body) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(ProgramStays, match="does not"):
            await stop_foreign(look_at(other.pid), grace=0.1)
        assert process_created(other.pid) is not None


async def test_another_process_under_the_same_pid_is_left_alone() -> None:
    with program() as other:
        found = look_at(other.pid)
        assert found.created is not None
        await stop_foreign(replace(found, created=found.created - 100))
        await asyncio.sleep(0.1)
        assert process_created(other.pid) is not None


async def test_what_is_not_known_or_not_ours_is_not_ended() -> None:
    with program() as other:
        found = look_at(other.pid)
        for holder in (Holder(), replace(found, own=False), replace(found, own=None), look_at(os.getpid())):
            with pytest.raises(ProgramStays):
                await stop_foreign(holder)
        assert process_created(other.pid) is not None


def test_a_program_of_another_user_is_not_ours() -> None:
    first = look_at(1)
    assert first.own is (os.getuid() == 0)
