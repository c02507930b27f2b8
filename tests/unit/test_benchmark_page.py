"""The page of benchmarks: what was measured takes the place of its own earlier figures, and of nothing else."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))

from run_all import BENCHMARKS, HEADING, machine, section, with_section  # noqa: E402 - they lie beside the sources


def test_a_section_is_added_once_and_replaced_afterwards() -> None:
    page = "# Benchmarks\n\n## By hand\n\nMine.\n"
    once = with_section(page, "one", section("one", "one.py", "| a |\n|---|\n| 1 |"))
    both = with_section(once, "two", section("two", "two.py", "plain words"))
    again = with_section(both, "one", section("one", "one.py", "| a |\n|---|\n| 2 |"))
    assert again.startswith(page)
    assert again.count(HEADING) == 1
    assert (again.count("### One"), again.count("### Two")) == (1, 1)
    assert "| 2 |" in again
    assert "| 1 |" not in again
    assert "```\nplain words\n```" in again
    assert with_section(again, "one", section("one", "one.py", "| a |\n|---|\n| 2 |")) == again


def test_every_section_says_on_what_it_was_measured() -> None:
    text = machine()
    assert "cores" in text
    assert f"Python {sys.version_info.major}.{sys.version_info.minor}" in text
    assert "PySide6-Essentials" in text


def test_every_benchmark_is_a_program_that_is_there() -> None:
    for one in BENCHMARKS:
        for command in filter(None, (one.command, one.quick)):
            assert (ROOT / "benchmarks" / shlex.split(command)[0]).is_file(), command
    assert len({one.name for one in BENCHMARKS}) == len(BENCHMARKS)
