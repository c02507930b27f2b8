"""For which system and processor a program's file is made, from its first bytes."""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import os

_ENOUGH = 4096

_SAME = {
    "amd64": "x86_64",
    "x64": "x86_64",
    "arm64": "aarch64",
    "i686": "x86",
    "i386": "x86",
    "armv7l": "arm",
}
_SYSTEMS = {"linux": "Linux", "win32": "Windows", "darwin": "macOS"}

# elf.h, winnt.h, mach/machine.h
_ELF_MACHINES = {
    3: "x86",
    40: "arm",
    62: "x86_64",
    183: "aarch64",
    243: "riscv64",
    21: "ppc64",
    258: "loongarch64",
}
_PE_MACHINES = {0x14C: "x86", 0x8664: "x86_64", 0xAA64: "aarch64", 0x1C4: "arm"}
_MACHO_MACHINES = {0x01000007: "x86_64", 0x0100000C: "aarch64", 7: "x86"}
_MACHO_LITTLE = {b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe"}
_MACHO_SEVERAL = b"\xca\xfe\xba\xbe"
_MOST_PARTS = 16  # of a program for several processors


class Target(NamedTuple):
    """What a program's file is made for; `machines` is empty where that is not known."""

    system: str
    machines: frozenset[str]


def target_of(path: str | os.PathLike[str]) -> Target | None:
    """What the program in that file is made for; None if it is no program, or cannot be read."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - a path as the settings have it
            return parse_target(file.read(_ENOUGH))
    except OSError:
        return None


def parse_target(data: bytes) -> Target | None:
    """The same of the first bytes of a file."""
    if data[:4] == b"\x7fELF":
        order = "big" if data[5:6] == b"\x02" else "little"
        return Target("Linux", _known(_ELF_MACHINES, int.from_bytes(data[18:20], order)))  # type: ignore[arg-type]
    if data[:2] == b"MZ":
        header = int.from_bytes(data[60:64], "little")
        if data[header : header + 4] != b"PE\0\0":
            return None
        return Target(
            "Windows", _known(_PE_MACHINES, int.from_bytes(data[header + 4 : header + 6], "little"))
        )
    if data[:4] in _MACHO_LITTLE:
        return Target("macOS", _known(_MACHO_MACHINES, int.from_bytes(data[4:8], "little")))
    if data[:4] == _MACHO_SEVERAL:
        starts = range(8, 8 + 20 * min(_MOST_PARTS, int.from_bytes(data[4:8], "big")), 20)
        kinds = [int.from_bytes(data[start : start + 4], "big") for start in starts]
        return Target("macOS", frozenset().union(*(_known(_MACHO_MACHINES, kind) for kind in kinds)))
    return None


def misfit(path: str | os.PathLike[str]) -> str | None:
    """What about a program does not fit this machine, to follow "it is": "made for aarch64"; None if it does, or nobody knows."""
    target = target_of(path)
    if target is None:
        return None
    machine = platform.machine().casefold()
    ours = Target(_SYSTEMS.get(sys.platform, sys.platform), frozenset({_SAME.get(machine, machine)}))
    return difference(target, ours)


def difference(target: Target, ours: Target) -> str | None:
    """What keeps a program for `target` from running on `ours`, as `misfit` says it."""
    if target.system != ours.system:
        return f"made for {target.system}"
    if not target.machines or target.machines & ours.machines:
        return None
    return f"made for {' and '.join(sorted(target.machines))}, and this is {' '.join(ours.machines)}"


def _known(machines: dict[int, str], number: int) -> frozenset[str]:
    return frozenset({machines[number]} if number in machines else ())
