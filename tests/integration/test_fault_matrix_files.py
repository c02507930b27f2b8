"""Faults of the files around an instance, on every occasion: it serves all the same, and no file is lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from fakes.full_disk import FullDisk
from fakes.household import Household
from fakes.occasions import OCCASIONS, Fault, culprits
from fakes.verdict import check


def change_the_settings(it: Household) -> None:
    """The user is in the middle of an edit: new options, and a line that is no TOML."""
    it.write_by_hand(it.written.replace(b"ctx-size = 512", b"ctx-size = 64") + b"= nonsense\n")


def damage_the_instance_file(it: Household) -> None:
    it.places.runtime.mkdir(parents=True, exist_ok=True, mode=0o700)
    it.places.instance.write_bytes(b"\x00garbage")


FAULTS = {
    "settings file changed meanwhile": Fault(strike=change_the_settings),
    "instance file damaged": Fault(before=damage_the_instance_file, strike=damage_the_instance_file),
}
CELLS = [
    pytest.param(fault, occasion, id=f"{name}-{occasion}-{fault.told(occasion)}")
    for name, fault in FAULTS.items()
    for occasion in OCCASIONS
]


@pytest.mark.parametrize(("fault", "occasion"), CELLS)
async def test_a_file_that_somebody_else_writes(
    fault: Fault, occasion: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Household(tmp_path, monkeypatch) as it:
        await check(it, await OCCASIONS[occasion](it, fault), culprits(occasion, fault))


def fill_the_disk(it: Household) -> None:
    cast("FullDisk", it).fill()


@pytest.mark.parametrize("occasion", OCCASIONS)
async def test_a_full_disk(occasion: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fault = Fault(before=fill_the_disk, strike=fill_the_disk)
    async with FullDisk(tmp_path, monkeypatch) as it:
        expected = await OCCASIONS[occasion](it, fault)
        if expected.runs:
            await it.make_room()
        written = {"first start": 0, "switch": 1, "rollback": 2, "lease": 1, "quit": 2}[occasion]
        expected = replace(expected, loads=expected.loads[:written])
        if occasion == "switch":
            expected = replace(expected, remembered=None)
        if occasion == "first start":
            expected = replace(expected, notice="Other programs cannot find this instance: ")
        await check(it, expected, culprits(occasion, fault))
