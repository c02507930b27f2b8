"""AMD's and Intel's GPUs, read from folders that are laid out as the kernel's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import psutil
import pytest

from fakes.kernel_files import KernelFiles, client
from model_switcher.domain.memory import Gpu, GpuProcess
from model_switcher.domain.units import GIB, KIB
from model_switcher.engine.readings.drm import DrmCards
from model_switcher.engine.readings.drm.clients import LOOK_AT_HOLDER, LOOK_AT_SERVER

if TYPE_CHECKING:
    from pathlib import Path

PLACE = "0000:03:00.0"
VRAM = {"mem_info_vram_total": 24 * GIB, "mem_info_vram_used": 5 * GIB, "mem_info_gtt_used": GIB}


class Reading:
    """The reader on a test's folders, with a clock that the test moves."""

    def __init__(self, root: Path) -> None:
        self.kernel = KernelFiles(root)
        self.now = 1000.0
        self.reader = DrmCards(lambda: self.now, str(root))

    def gpus(self, *servers: int) -> tuple[Gpu, ...]:
        return self.reader.read(servers)[0]

    def gpu(self, *servers: int) -> Gpu:
        (found,) = self.gpus(*servers)
        return found

    def held(self, *servers: int) -> dict[int, tuple[int | None, int | None]]:
        processes = self.gpu(*servers).processes
        assert processes is not None
        return {process.pid: (process.used, process.shared) for process in processes}


@pytest.fixture
def it(tmp_path: Path) -> Reading:
    return Reading(tmp_path)


def test_a_card_is_read_with_all_its_figures(it: Reading) -> None:
    folder = it.kernel.card(1, **VRAM, gpu_busy_percent=37)
    it.kernel.sensors(folder, temp1_input=61_400, power1_average=120_500_000)
    it.kernel.process(os.getpid(), client(7, 2048, 512))
    assert it.gpus() == (
        Gpu(
            index=1,
            name="AMD Radeon RX 7900 XT/7900 XTX/7900M",
            source="amdgpu",
            total=24 * GIB,
            used=5 * GIB,
            free=19 * GIB,
            utilization=37,
            temperature=61,
            power=120.5,
            processes=(
                GpuProcess(pid=os.getpid(), name=psutil.Process().name(), used=2048 * KIB, shared=512 * KIB),
            ),
            id=PLACE,
            pci=PLACE,
            process_source="fdinfo",
            shared_used=GIB,
        ),
    )


def test_a_computer_without_such_a_card_is_no_problem(it: Reading) -> None:
    it.kernel.card(driver="nvidia", vendor=0x10DE)
    assert it.reader.read() == ((), None)


def test_what_the_kernel_does_not_tell_is_unknown(it: Reading) -> None:
    it.kernel.card(mem_info_vram_total=GIB)
    gpu = it.gpu()
    assert (gpu.total, gpu.used, gpu.free) == (GIB, None, None)
    assert (gpu.utilization, gpu.temperature, gpu.power, gpu.shared_used) == (None,) * 4
    assert gpu.processes == ()


def test_a_driver_that_writes_nonsense_gives_unknown_figures(it: Reading) -> None:
    it.kernel.card(mem_info_vram_total=GIB, mem_info_vram_used="n/a", gpu_busy_percent="")
    assert (it.gpu().used, it.gpu().utilization) == (None, None)


def test_power_is_read_by_either_of_its_names(it: Reading) -> None:
    it.kernel.sensors(it.kernel.card(**VRAM), power1_input=8_000_000)
    assert it.gpu().power == 8.0


def test_a_sleeping_card_is_not_woken_by_a_question_for_its_temperature(it: Reading) -> None:
    folder = it.kernel.card(**VRAM, gpu_busy_percent=3)
    it.kernel.sensors(folder, temp1_input=40_000)
    it.kernel.write(f"{folder}/power/runtime_status", "suspended")
    assert (it.gpu().used, it.gpu().temperature, it.gpu().utilization) == (5 * GIB, None, None)
    it.kernel.write(f"{folder}/power/runtime_status", "active")
    assert (it.gpu().temperature, it.gpu().utilization) == (40, 3)


@pytest.mark.parametrize(("revision", "integrated"), [(1, False), (2, True), (3, True), (None, False)])
def test_graphics_inside_a_processor_are_told_apart(
    it: Reading, revision: int | None, integrated: bool
) -> None:
    it.kernel.card(**VRAM, device=0x1638, metrics_revision=revision)
    assert it.gpu().integrated is integrated


def test_several_cards_are_told_apart_by_their_place(it: Reading) -> None:
    it.kernel.card(0, **VRAM)
    it.kernel.card(1, place="0000:0A:00.0", mem_info_vram_total=8 * GIB, mem_info_vram_used=0)
    it.kernel.process(100, client(1, 1), client(2, 20, place="0000:0a:00.0"))
    assert [(gpu.id, gpu.total) for gpu in it.gpus()] == [(PLACE, 24 * GIB), ("0000:0a:00.0", 8 * GIB)]
    assert [[process.used for process in gpu.processes or ()] for gpu in it.gpus()] == [[KIB], [20 * KIB]]


def test_intels_cards_tell_their_processes_alone(it: Reading) -> None:
    it.kernel.card(driver="xe", vendor=0x8086, device=0x56A0, metrics_revision=None)
    it.kernel.process(
        100,
        f"drm-client-id:\t9\ndrm-pdev:\t{PLACE}\ndrm-total-vram0:\t9 MiB\ndrm-resident-vram0:\t4 MiB\n"
        "drm-resident-gtt:\t3000\ndrm-resident-stolen-local0:\t7 KiB",
    )
    gpu = it.gpu()
    assert (gpu.name, gpu.source, gpu.total, gpu.used) == ("Intel Arc A770", "xe", None, None)
    assert it.held() == {100: (4096 * KIB, 3000)}


def test_intels_graphics_inside_a_processor_have_no_figures(it: Reading) -> None:
    it.kernel.card(driver="i915", vendor=0x8086, device=0x9999, place="0000:00:02.0", metrics_revision=None)
    it.kernel.process(100, client(1, 5, place="0000:00:02.0"))
    gpu = it.gpu()
    assert (gpu.name, gpu.integrated, gpu.processes) == ("Intel 8086:9999", True, None)


def test_a_client_open_twice_counts_once(it: Reading) -> None:
    it.kernel.card(**VRAM)
    it.kernel.process(100, client(1, 10), client(1, 10), client(2, 5))
    it.kernel.process(101, client(1, 10))
    assert it.held() == {100: (15 * KIB, 0)}
    assert it.held(101) == {101: (10 * KIB, 0), 100: (5 * KIB, 0)}, "of our servers before others"


def test_a_process_that_ends_holds_nothing(it: Reading) -> None:
    it.kernel.card(**VRAM)
    it.kernel.process(100, client(1, 10))
    assert it.held() == {100: (10 * KIB, 0)}
    it.kernel.end_process(100)
    assert it.held() == {}


def test_a_process_that_opens_the_gpu_later_is_found_at_its_next_look(it: Reading) -> None:
    it.kernel.card(**VRAM)
    it.kernel.process(100)
    assert it.held() == {}
    it.kernel.process(100, client(1, 10))
    assert it.held() == {}, "it was looked at just now"
    it.now += 2.1
    assert it.held() == {100: (10 * KIB, 0)}


def test_a_server_is_looked_at_every_time(it: Reading) -> None:
    it.kernel.card(**VRAM)
    it.kernel.process(100)
    assert it.held(100) == {}
    it.kernel.process(100, client(1, 10))
    assert it.held(100) == {100: (10 * KIB, 0)}


def test_a_process_that_never_uses_a_gpu_is_looked_at_ever_more_seldom(it: Reading) -> None:
    it.kernel.card(**VRAM)
    looks: list[int] = []
    look = it.reader._clients._look
    it.reader._clients._look = lambda pid, now: (looks.append(pid), look(pid, now))  # type: ignore[method-assign,assignment,func-returns-value]
    it.kernel.process(100)
    for _ in range(300):
        it.held()
        it.now += 1.0
    assert 5 <= len(looks) <= 8


@pytest.mark.parametrize(("servers", "after"), [((), LOOK_AT_HOLDER), ((100,), LOOK_AT_SERVER)])
def test_further_devices_of_a_process_are_found_in_a_while(
    it: Reading, servers: tuple[int, ...], after: float
) -> None:
    it.kernel.card(**VRAM)
    it.kernel.process(100, client(1, 10))
    it.held(*servers)
    it.kernel.process(100, client(1, 10), client(2, 5))
    it.now += after - 0.1
    assert it.held(*servers) == {100: (10 * KIB, 0)}
    it.now += 0.2
    assert it.held(*servers) == {100: (15 * KIB, 0)}


def test_a_device_that_was_closed_is_no_longer_counted(it: Reading) -> None:
    it.kernel.card(**VRAM)
    it.kernel.process(100, client(1, 10), client(2, 5))
    it.held()
    it.kernel.process(100, client(1, 10))
    assert it.held() == {100: (10 * KIB, 0)}


def test_more_processes_than_are_looked_at_in_one_reading_are_all_found(it: Reading) -> None:
    it.kernel.card(**VRAM)
    for pid in range(100, 220):
        it.kernel.process(pid, client(pid, 1))
    for _ in range(3):
        it.held()
    assert len(it.held()) == 120


def test_memory_of_rocm_counts_where_no_client_tells_of_it(it: Reading) -> None:
    it.kernel.card(**VRAM)
    it.kernel.process(100, client(1, 10))
    node = "sys/class/kfd/kfd/topology/nodes"
    it.kernel.write(f"{node}/0/gpu_id", 0)
    it.kernel.write(f"{node}/0/properties", "cpu_cores_count 16\nlocation_id 0\ndomain 0")
    it.kernel.write(f"{node}/1/gpu_id", 51234)
    it.kernel.write(f"{node}/1/properties", f"cpu_cores_count 0\nlocation_id {3 << 8}\ndomain 0")
    it.kernel.write("sys/class/kfd/kfd/proc/100/vram_51234", 5 * GIB)
    it.kernel.write("sys/class/kfd/kfd/proc/100/sdma_51234", 7)
    it.kernel.write("sys/class/kfd/kfd/proc/200/vram_51234", 4096)
    it.kernel.write("sys/class/kfd/kfd/proc/300/vram_9", 4096)
    assert it.held() == {100: (5 * GIB, 0), 200: (4096, 0)}


def test_a_card_that_is_pulled_out_is_said_and_back_at_once(it: Reading) -> None:
    it.kernel.card(**VRAM)
    assert len(it.gpus()) == 1
    it.kernel.remove_card()
    for _ in range(2):
        assert it.reader.read() == ((), "AMD Radeon RX 7900 XT/7900 XTX/7900M does not answer any more.")
    it.kernel.card(**VRAM)
    assert it.reader.read()[1] is None
    assert it.gpu().used == 5 * GIB


def test_the_other_card_is_still_read_when_one_is_lost(it: Reading) -> None:
    it.kernel.card(0, **VRAM)
    it.kernel.card(1, place="0000:0a:00.0", **VRAM)
    it.gpus()
    it.kernel.remove_card(0)
    found, problem = it.reader.read()
    assert ([gpu.id for gpu in found], problem) == (["0000:0a:00.0"], None)


def test_a_driver_that_gives_no_figure_any_more_counts_as_gone(it: Reading) -> None:
    folder = it.kernel.card(**VRAM)
    it.gpus()
    for name in VRAM:
        (it.kernel.root / folder / name).unlink()
    assert it.reader.read()[0] == ()
    assert it.reader.read()[1] is not None
    it.kernel.card(**VRAM)
    assert it.gpu().used == 5 * GIB
