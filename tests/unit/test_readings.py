"""Readings through the real pynvml, against a library with NVML's interface that plays a driver."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import psutil
import pytest

from fakes.nvml import SampledProgram, build_library
from model_switcher.domain.units import GIB
from model_switcher.engine.readings.sampler import MemorySampler

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CARD = ("gpu NVIDIA GeForce RTX 4060 Ti", f"memory {16 * GIB} {GIB} {9 * GIB} {6 * GIB}")


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_library(tmp_path_factory.mktemp("nvml")).parent


@pytest.fixture
def program(library: Path, tmp_path: Path) -> Iterator[SampledProgram]:
    with SampledProgram(library, tmp_path / "driver") as running:
        yield running


def test_a_gpu_is_read_with_all_its_figures(program: SampledProgram) -> None:
    program.driver(
        *CARD, "uuid GPU-d1e2", "pci 00000000:01:00.0", "utilization 37", "temperature 61", "power 120500"
    )
    readings = program.sample()
    assert readings["gpus"] == [
        {
            "index": 0,
            "name": "NVIDIA GeForce RTX 4060 Ti",
            "source": "nvml",
            "total": 16 * GIB,
            "used": 6 * GIB,
            "free": 9 * GIB,
            "utilization": 37,
            "temperature": 61,
            "power": 120.5,
            "processes": [],
            "id": "GPU-d1e2",
            "pci": "0000:01:00.0",
            "process_source": "nvml",
            "shared_used": None,
            "integrated": False,
        }
    ]
    assert (readings["gpu_problem"], readings["missing"]) == (None, [])


def test_processes_that_compute_and_draw_are_one_list_with_names(program: SampledProgram) -> None:
    program.driver(
        *CARD,
        f"compute {program.pid} 1000",
        "compute 4194305 5000",
        f"graphics {program.pid} 1000",
        "graphics 1 -1",
    )
    assert program.sample()["gpus"][0]["processes"] == [
        {"pid": 4194305, "name": None, "used": 5000, "shared": None},
        {"pid": program.pid, "name": psutil.Process(program.pid).name(), "used": 1000, "shared": None},
        {"pid": 1, "name": psutil.Process(1).name(), "used": None, "shared": None},
    ]


def test_what_the_driver_does_not_give_is_unknown(program: SampledProgram) -> None:
    program.driver(
        "fail nvmlDeviceGetMemoryInfo 3",
        "fail nvmlDeviceGetMemoryInfo_v2 3",
        "fail nvmlDeviceGetComputeRunningProcesses_v3 3",
        "fail nvmlDeviceGetGraphicsRunningProcesses_v3 4",
        "fail nvmlDeviceGetPowerUsage 999",
        *CARD,
    )
    gpu = program.sample()["gpus"][0]
    unknown = ("total", "used", "free", "utilization", "temperature", "power", "processes")
    assert [gpu[figure] for figure in unknown] == [None] * len(unknown)


def test_one_of_the_two_process_lists_is_enough(program: SampledProgram) -> None:
    program.driver(*CARD, "compute 4194305 5000", "fail nvmlDeviceGetGraphicsRunningProcesses_v3 3")
    assert [process["pid"] for process in program.sample()["gpus"][0]["processes"]] == [4194305]


def test_a_driver_without_the_second_form_of_memory_is_read_by_the_first(program: SampledProgram) -> None:
    program.driver(*CARD, "fail nvmlDeviceGetMemoryInfo_v2 13")
    gpu = program.sample()["gpus"][0]
    assert (gpu["total"], gpu["used"], gpu["free"]) == (16 * GIB, 7 * GIB, 9 * GIB)


def test_a_reloaded_driver_is_connected_to_again_at_once(program: SampledProgram) -> None:
    program.driver("driver 1", *CARD)
    assert program.sample()["gpus"][0]["used"] == 6 * GIB
    program.driver("driver 2", CARD[0], f"memory {16 * GIB} 0 {16 * GIB} 0")
    readings = program.sample()
    assert (readings["gpus"][0]["used"], readings["gpu_problem"]) == (0, None)


def test_a_lost_driver_is_said_and_asked_for_again_after_half_a_minute(program: SampledProgram) -> None:
    program.driver("driver 1", *CARD)
    assert len(program.sample()["gpus"]) == 1
    program.no_driver()
    for _ in range(2):
        readings = program.sample()
        assert (readings["gpus"], readings["gpu_problem"]) == ([], "The NVIDIA driver is not running.")
    program.driver("driver 2", *CARD)
    program.later(29)
    assert program.sample()["gpus"] == []
    program.later(2)
    readings = program.sample()
    assert (len(readings["gpus"]), readings["gpu_problem"]) == (1, None)


def test_a_driver_that_is_lost_over_and_over_is_not_connected_to_each_second(program: SampledProgram) -> None:
    program.driver("driver 1", *CARD)
    program.sample()
    program.driver("driver 2", *CARD)
    assert len(program.sample()["gpus"]) == 1
    program.driver("driver 3", *CARD)
    readings = program.sample()
    assert (readings["gpus"], readings["gpu_problem"]) == (
        [],
        "The GPU does not answer any more: restart the computer.",
    )
    program.later(31)
    assert len(program.sample()["gpus"]) == 1


def test_the_other_gpu_is_still_read_when_one_is_lost(program: SampledProgram) -> None:
    both = ("gpu First", "memory 100 0 60 40", "gpu Second", "memory 200 0 150 50")
    program.driver(*both)
    assert [gpu["name"] for gpu in program.sample()["gpus"]] == ["First", "Second"]
    program.driver(*both, "lost")
    for _ in range(2):
        readings = program.sample()
        assert ([gpu["name"] for gpu in readings["gpus"]], readings["gpu_problem"]) == (["First"], None)
        assert readings["missing"] == ["Second"]
    program.driver(*both)
    program.later(31)
    readings = program.sample()
    assert ([gpu["name"] for gpu in readings["gpus"]], readings["missing"]) == (["First", "Second"], [])


def test_a_driver_with_no_gpu_says_so(program: SampledProgram) -> None:
    program.driver("driver 1")
    assert program.sample()["gpu_problem"] == "The NVIDIA driver finds no GPU."


def test_a_closed_sampler_can_be_used_again(program: SampledProgram) -> None:
    program.driver(*CARD)
    program.sample()
    program.close_sampler()
    assert len(program.sample()["gpus"]) == 1


def test_a_computer_without_a_driver_still_reads_main_memory(tmp_path: Path) -> None:
    with SampledProgram(tmp_path, tmp_path / "driver") as program:
        readings = program.sample(program.pid, 4194305)
    assert (readings["gpus"], readings["gpu_problem"]) == ([], "There is no NVIDIA driver on this computer.")
    assert readings["ram"]["total"] == psutil.virtual_memory().total
    assert readings["servers_rss"].keys() == {str(program.pid)}
    assert readings["servers_rss"][str(program.pid)] > 1_000_000


def test_main_memory_of_servers_that_ended_is_left_out() -> None:
    sampler = MemorySampler()
    readings = sampler.sample([os.getpid(), 4194305])
    sampler.close()
    assert readings.servers_rss is not None
    assert list(readings.servers_rss) == [os.getpid()]
