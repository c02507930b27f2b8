"""What part of a file lies in the page cache."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from fakes.cold_files import forget, write_random
from model_switcher.domain.units import MIB
from model_switcher.engine.page_cache import cached_part, is_cold

if TYPE_CHECKING:
    from pathlib import Path

TOLD = sys.platform == "linux"
ROUGHLY = 0.1  # the system may take a little back at any time


async def test_a_file_is_cold_until_it_was_read(tmp_path: Path) -> None:
    file = write_random(tmp_path / "a", 20 * MIB + 123)
    assert cached_part([str(file)]) == (pytest.approx(1.0, rel=ROUGHLY) if TOLD else None)
    forget(file)
    assert cached_part([str(file)]) == (0.0 if TOLD else None)
    assert await is_cold([str(file)]) is (True if TOLD else None)
    file.read_bytes()
    assert await is_cold([str(file)]) is (False if TOLD else None)


def test_files_count_by_their_size(tmp_path: Path) -> None:
    small, large = write_random(tmp_path / "a", 2 * MIB), write_random(tmp_path / "b", 6 * MIB)
    forget(large)
    assert cached_part([str(small), str(large)]) == (pytest.approx(0.25, rel=ROUGHLY) if TOLD else None)


def test_a_large_file_is_looked_at_here_and_there(tmp_path: Path) -> None:
    file = tmp_path / "large"
    with file.open("wb") as sparse:
        sparse.truncate(40 * 1024 * MIB)
    assert cached_part([str(file)]) == (0.0 if TOLD else None)


async def test_what_cannot_be_looked_at_is_not_known(tmp_path: Path) -> None:
    assert await is_cold([str(tmp_path / "gone")]) is None
    (tmp_path / "empty").touch()
    assert cached_part([str(tmp_path / "empty")]) is None
    assert cached_part([]) is None
    assert await is_cold([os.devnull]) is None
