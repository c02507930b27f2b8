"""What Windows' counters, its list of adapters and NVIDIA's driver become together; each plays what a test says."""

from __future__ import annotations

import ctypes
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import psutil
import pytest

from model_switcher.domain.memory import Gpu, GpuProcess
from model_switcher.domain.units import GIB, MIB
from model_switcher.engine.readings.windows import WindowsGpus
from model_switcher.engine.readings.windows.adapters import (
    AdapterInfo,
    EnumAdapters,
    QueryAdapterInfo,
    RegistryInfo,
    SegmentSize,
)
from model_switcher.engine.readings.windows.counters import CounterItem
from model_switcher.engine.readings.windows.ports import (
    ADAPTER_DEDICATED,
    ADAPTER_SHARED,
    PROCESS_DEDICATED,
    PROCESS_SHARED,
    Adapter,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

CARD, OTHER = (0, 0xD1A3), (0, 0xE5F0)
RADEON = Adapter(luid=CARD, name="AMD Radeon RX 7900 XT", dedicated=20 * GIB, place=(3, 0, 0))
GEFORCE = Adapter(luid=CARD, name="NVIDIA GeForce RTX 4060 Ti", dedicated=16 * GIB, place=(1, 0, 0))
INSIDE = Adapter(luid=OTHER, name="Intel(R) UHD Graphics 770", dedicated=128 * MIB, place=(0, 2, 0))
RENDERER = Adapter(luid=(0, 7), name="Microsoft Basic Render Driver", dedicated=0, place=None, software=True)
FROM_NVML = Gpu(
    index=0,
    name="NVIDIA GeForce RTX 4060 Ti",
    source="nvml",
    total=16 * GIB,
    used=6 * GIB,
    free=9 * GIB,
    temperature=61,
    processes=(GpuProcess(pid=7, name="unsaid", used=None),),
    id="GPU-d1e2",
    pci="0000:01:00.0",
    process_source="nvml",
)


def of(luid: tuple[int, int], pid: int | None = None, chip: int = 0) -> str:
    """An instance's name, as the graphics kernel writes it."""
    process = "" if pid is None else f"pid_{pid}_"
    return f"{process}luid_0x{luid[0]:08X}_0x{luid[1]:08X}_phys_{chip}"


class Computer:
    """A Windows computer."""

    def __init__(self, *adapters: Adapter, nvidia: tuple[Gpu, ...] = ()) -> None:
        self.adapters = adapters
        self.nvidia = nvidia
        self.figures: dict[str, dict[str, int]] = {
            ADAPTER_DEDICATED: {of(adapter.luid): 5 * GIB for adapter in adapters},
            ADAPTER_SHARED: {of(adapter.luid): GIB for adapter in adapters},
            PROCESS_DEDICATED: {},
            PROCESS_SHARED: {},
        }
        self.listed = self.closed = 0
        self.reader = WindowsGpus(self, self._list, self._Nvidia(self))

    class _Nvidia:
        def __init__(self, computer: Computer) -> None:
            self._computer = computer

        def read(self, server_pids: Sequence[int]) -> tuple[tuple[Gpu, ...], str | None]:
            del server_pids
            gpus = self._computer.nvidia
            return gpus, None if gpus else "There is no NVIDIA driver on this computer."

        def close(self) -> None:
            self._computer.closed += 1

    def _list(self) -> Sequence[Adapter]:
        self.listed += 1
        return self.adapters

    def read(self) -> dict[str, dict[str, int]]:
        return self.figures

    def close(self) -> None:
        self.closed += 1

    def holds(self, pid: int, dedicated: int, shared: int = 0, luid: tuple[int, int] = CARD) -> None:
        self.figures[PROCESS_DEDICATED][of(luid, pid)] = dedicated
        self.figures[PROCESS_SHARED][of(luid, pid)] = shared

    def gpus(self) -> tuple[Gpu, ...]:
        return self.reader.read(())[0]


def test_a_card_of_any_maker_is_read_with_its_processes() -> None:
    computer = Computer(RADEON, RENDERER)
    computer.holds(os.getpid(), 4 * GIB, GIB // 2)
    computer.holds(4194305, 8 * GIB)
    assert computer.gpus() == (
        Gpu(
            index=0,
            name="AMD Radeon RX 7900 XT",
            source="windows",
            total=20 * GIB,
            used=5 * GIB,
            free=15 * GIB,
            processes=(
                GpuProcess(pid=4194305, name=None, used=8 * GIB, shared=0),
                GpuProcess(pid=os.getpid(), name=psutil.Process().name(), used=4 * GIB, shared=GIB // 2),
            ),
            id="0000:03:00.0",
            pci="0000:03:00.0",
            process_source="windows",
            shared_used=GIB,
        ),
    )


def test_nvidias_driver_gives_totals_and_sensors_windows_the_processes() -> None:
    computer = Computer(GEFORCE, nvidia=(FROM_NVML,))
    computer.holds(100, 4 * GIB, MIB)
    assert computer.gpus() == (
        replace(
            FROM_NVML,
            processes=(GpuProcess(pid=100, name=None, used=4 * GIB, shared=MIB),),
            process_source="windows",
            shared_used=GIB,
        ),
    )


def test_two_equal_cards_are_told_apart_by_their_place_on_the_bus() -> None:
    second = replace(GEFORCE, luid=OTHER, place=(2, 0, 0))
    twins = (replace(FROM_NVML, id="GPU-two", pci="0000:02:00.0"), FROM_NVML)
    computer = Computer(GEFORCE, second, nvidia=twins)
    computer.holds(100, 4 * GIB, luid=OTHER)
    held = {gpu.id: [process.pid for process in gpu.processes or ()] for gpu in computer.gpus()}
    assert held == {"GPU-d1e2": [], "GPU-two": [100]}


def test_where_a_place_is_not_known_the_name_has_to_do() -> None:
    computer = Computer(replace(GEFORCE, place=None), nvidia=(FROM_NVML,))
    assert [(gpu.id, gpu.source) for gpu in computer.gpus()] == [("GPU-d1e2", "nvml")]


def test_without_counters_nvidias_driver_is_all_there_is() -> None:
    computer = Computer(GEFORCE, nvidia=(FROM_NVML,))
    computer.figures = {}
    assert computer.gpus() == (FROM_NVML,)


def test_without_counters_another_makers_card_is_known_by_its_size_alone() -> None:
    computer = Computer(RADEON)
    computer.figures = {}
    (gpu,) = computer.gpus()
    assert (gpu.total, gpu.used, gpu.free, gpu.processes, gpu.process_source) == (
        20 * GIB,
        None,
        None,
        None,
        None,
    )


def test_a_driver_that_windows_does_not_list_is_still_read() -> None:
    assert Computer(nvidia=(FROM_NVML,)).gpus() == (FROM_NVML,)


@pytest.mark.parametrize(
    ("adapter", "integrated"),
    [
        (RADEON, False),
        (INSIDE, True),
        (replace(RADEON, integrated=True), True),
        (replace(INSIDE, dedicated=None), False),
    ],
)
def test_graphics_inside_a_processor_are_told_apart(adapter: Adapter, integrated: bool) -> None:
    (gpu,) = Computer(adapter).gpus()
    assert gpu.integrated is integrated


def test_a_card_of_several_chips_is_one() -> None:
    computer = Computer(RADEON)
    computer.figures[ADAPTER_DEDICATED] = {of(CARD, chip=0): GIB, of(CARD, chip=1): 2 * GIB}
    computer.figures[PROCESS_DEDICATED] = {of(CARD, 9, chip=0): GIB, of(CARD, 9, chip=1): GIB}
    (gpu,) = computer.gpus()
    assert gpu.used == 3 * GIB
    assert [(process.pid, process.used) for process in gpu.processes or ()] == [(9, 2 * GIB)]


def test_what_every_window_has_is_left_out() -> None:
    computer = Computer(RADEON)
    computer.holds(5, MIB // 2)
    computer.holds(6, 0, 2 * MIB)
    (gpu,) = computer.gpus()
    assert [process.pid for process in gpu.processes or ()] == [6]


def test_instances_of_another_kind_are_passed_over() -> None:
    computer = Computer(RADEON)
    computer.figures[PROCESS_DEDICATED] = {"_Total": GIB, of(CARD): GIB, "pid_x_luid": GIB}
    computer.figures[ADAPTER_DEDICATED]["_Total"] = 99 * GIB
    (gpu,) = computer.gpus()
    assert (gpu.used, gpu.processes) == (5 * GIB, ())


def test_adapters_are_listed_again_when_others_appear() -> None:
    computer = Computer(RADEON)
    computer.gpus()
    computer.gpus()
    assert computer.listed == 1
    back = replace(RADEON, luid=(0, 0xFFFF))
    computer.adapters = (back,)
    computer.figures[ADAPTER_DEDICATED] = {of(back.luid): 2 * GIB}
    computer.figures[ADAPTER_SHARED] = {}
    (gpu,) = computer.gpus()
    assert (computer.listed, gpu.used, gpu.id) == (2, 2 * GIB, "0000:03:00.0"), "the same card as before"


def test_a_card_whose_driver_restarts_is_away_meanwhile() -> None:
    computer = Computer(RADEON, INSIDE)
    assert len(computer.gpus()) == 2
    del computer.figures[ADAPTER_DEDICATED][of(CARD)], computer.figures[ADAPTER_SHARED][of(CARD)]
    assert [gpu.name for gpu in computer.gpus()] == [INSIDE.name]


def test_a_computer_without_a_gpu_has_the_drivers_word_for_it() -> None:
    computer = Computer()
    assert computer.reader.read(()) == ((), "There is no NVIDIA driver on this computer.")
    computer.reader.close()
    assert computer.closed == 2


@pytest.mark.parametrize(
    ("structure", "size"),
    [
        (CounterItem, 24),
        (AdapterInfo, 20),
        (EnumAdapters, 16),
        (QueryAdapterInfo, 24),
        (SegmentSize, 24),
        (RegistryInfo, 2080),
    ],
)
def test_structures_have_the_size_that_64_bit_windows_expects(
    structure: type[ctypes.Structure], size: int
) -> None:
    assert ctypes.sizeof(structure) == size
