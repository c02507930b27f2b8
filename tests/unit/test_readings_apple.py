"""Apple's one memory, on a macOS that plays what a test says."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from model_switcher.domain.memory import Gpu, Ram
from model_switcher.domain.units import GIB, MIB
from model_switcher.engine.readings.apple import AppleGpu


@dataclass
class Mac:
    """A Mac with 32 GiB."""

    numbers: dict[str, int] = field(
        default_factory=lambda: {"hw.optional.arm64": 1, "hw.memsize": 32 * GIB, "iogpu.wired_limit_mb": 0}
    )
    metal: int | None = 23 * GIB
    available: int | None = 12 * GIB
    now: float = 0.0

    def __post_init__(self) -> None:
        self.reader = AppleGpu(self, self._ram, lambda: self.now)

    def number(self, name: str) -> int | None:
        return self.numbers.get(name)

    def text(self, name: str) -> str | None:
        return "Apple M2 Max" if name == "machdep.cpu.brand_string" else None

    def working_set(self) -> int | None:
        return self.metal

    def _ram(self) -> Ram | None:
        return None if self.available is None else Ram(total=32 * GIB, available=self.available)

    def gpu(self) -> Gpu:
        (found,) = self.reader.read()[0]
        return found


def test_the_gpu_has_what_metal_recommends_and_what_of_it_is_free() -> None:
    assert Mac().gpu() == Gpu(
        index=0,
        name="Apple M2 Max",
        source="apple",
        total=23 * GIB,
        used=11 * GIB,
        free=12 * GIB,
        id="apple",
        integrated=True,
    )


def test_more_free_memory_than_the_gpu_may_use_is_not_the_gpus() -> None:
    gpu = Mac(available=30 * GIB).gpu()
    assert (gpu.free, gpu.used) == (23 * GIB, 0)


@pytest.mark.parametrize(
    ("memory", "limit_mb", "expected"),
    [
        (16 * GIB, 0, 16 * GIB * 2 // 3),
        (64 * GIB, 0, 48 * GIB),
        (32 * GIB, 26_000, 26_000 * MIB),
        (None, 0, None),
    ],
)
def test_without_metals_word_it_is_the_users_limit_or_the_usual_part(
    memory: int | None, limit_mb: int, expected: int | None
) -> None:
    mac = Mac(metal=None)
    mac.numbers["iogpu.wired_limit_mb"] = limit_mb
    if memory is None:
        del mac.numbers["hw.memsize"]
    else:
        mac.numbers["hw.memsize"] = memory
    assert mac.gpu().total == expected


def test_a_limit_that_the_user_changes_is_seen_in_a_while() -> None:
    mac = Mac()
    mac.gpu()
    mac.metal = 30 * GIB
    assert mac.gpu().total == 23 * GIB
    mac.now += 31
    assert mac.gpu().total == 30 * GIB


def test_without_main_memorys_figures_nothing_is_known_about_what_is_free() -> None:
    gpu = Mac(available=None).gpu()
    assert (gpu.total, gpu.used, gpu.free) == (23 * GIB, None, None)


def test_a_mac_with_a_processor_of_intels_has_no_such_gpu() -> None:
    assert Mac(numbers={}).reader.read() == ((), None)
