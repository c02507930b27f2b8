"""For which system and processor a program's file is made."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from fakes.engines import LLAMA_SERVER
from model_switcher.engine.binaries.machine import Target, difference, misfit, parse_target, target_of

if TYPE_CHECKING:
    from pathlib import Path


def target(system: str, *machines: str) -> Target:
    return Target(system, frozenset(machines))


def elf(machine: int, *, big: bool = False) -> bytes:
    order = "big" if big else "little"
    return b"\x7fELF\x02" + (b"\x02" if big else b"\x01") + bytes(12) + machine.to_bytes(2, order) + bytes(40)  # type: ignore[arg-type]


def pe(machine: int) -> bytes:
    return (
        b"MZ"
        + bytes(58)
        + (128).to_bytes(4, "little")
        + bytes(64)
        + b"PE\0\0"
        + machine.to_bytes(2, "little")
    )


def fat(*machines: int) -> bytes:
    entries = b"".join(machine.to_bytes(4, "big") + bytes(16) for machine in machines)
    return b"\xca\xfe\xba\xbe" + len(machines).to_bytes(4, "big") + entries


@pytest.mark.parametrize(
    ("data", "made_for"),
    [
        (elf(62), target("Linux", "x86_64")),
        (elf(183), target("Linux", "aarch64")),
        (elf(21, big=True), target("Linux", "ppc64")),
        (elf(9999), target("Linux")),
        (pe(0x8664), target("Windows", "x86_64")),
        (pe(0xAA64), target("Windows", "aarch64")),
        (b"\xcf\xfa\xed\xfe\x0c\0\0\x01" + bytes(20), target("macOS", "aarch64")),
        (fat(0x01000007, 0x0100000C), target("macOS", "aarch64", "x86_64")),
        (b"MZ" + bytes(100), None),
        (b"#!/bin/sh\n", None),
        (b"\x7fEL", None),
        (b"", None),
    ],
)
def test_the_first_bytes_tell_what_a_program_is_made_for(data: bytes, made_for: Target | None) -> None:
    assert parse_target(data) == made_for


@pytest.mark.parametrize("data", [elf(62), pe(0x8664), fat(0x01000007, 0x0100000C), b"MZ" + b"\xff" * 70])
def test_a_file_that_ends_early_is_no_error(data: bytes) -> None:
    for length in range(len(data)):
        parse_target(data[:length])


def test_what_keeps_a_program_from_running_is_told() -> None:
    ours = target("Linux", "x86_64")
    assert difference(ours, ours) is None
    assert difference(target("Linux"), ours) is None
    assert difference(target("macOS", "aarch64", "x86_64"), target("macOS", "x86_64")) is None
    assert difference(target("Windows", "x86_64"), ours) == "made for Windows"
    assert difference(target("Linux", "aarch64"), ours) == "made for aarch64, and this is x86_64"


def test_the_programs_of_this_machine_fit_it(tmp_path: Path) -> None:
    for program in (sys.executable, LLAMA_SERVER.path):
        assert target_of(program) is not None
        assert misfit(program) is None
    assert misfit(tmp_path / "gone") is None
    assert target_of(__file__) is None
