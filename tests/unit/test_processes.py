from __future__ import annotations

import os
import sys

import psutil
import pytest

from model_switcher.processes import is_same_process, process_created

CREATED = process_created(os.getpid()) or 0.0


def test_a_process_is_itself() -> None:
    assert is_same_process(os.getpid(), CREATED)


def test_a_process_of_another_time_is_another() -> None:
    assert not is_same_process(os.getpid(), CREATED - 60)


def test_nobody_is_not_running() -> None:
    assert process_created(2**22 + 1) is None


@pytest.mark.parametrize("clock_was_set_by", [-3600, 0, 3600])
def test_a_process_stays_itself_when_the_clock_is_set(
    monkeypatch: pytest.MonkeyPatch, clock_was_set_by: int
) -> None:
    if sys.platform == "linux":
        # What psutil adds to the time since the start of the system, and what changes with the clock.
        before = psutil.boot_time()
        monkeypatch.setattr("psutil._pslinux.boot_time", lambda: before + clock_was_set_by)
    assert is_same_process(os.getpid(), CREATED)
