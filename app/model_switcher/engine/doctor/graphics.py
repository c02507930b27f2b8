"""GPUs and main memory: what is there, and whether its driver tells."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from model_switcher.domain.units import format_gib
from model_switcher.engine.doctor.finding import Finding, ok, warning
from model_switcher.engine.readings.sampler import MemorySampler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model_switcher.domain.memory import Readings

TOPIC = "memory"
PCI = Path("/sys/bus/pci/devices")

_DISPLAY = "0x03"  # base class of display controllers (pci.ids)
_VENDORS = {"0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel"}
_DRIVERS = {
    "NVIDIA": ({"nvidia"}, "Install NVIDIA's driver (on Debian and Ubuntu: nvidia-driver), then restart."),
    "AMD": ({"amdgpu", "radeon"}, "Install the firmware of the card (on Debian: firmware-amd-graphics), then restart."),
    "Intel": ({"i915", "xe"}, "Use a kernel that knows the card (drivers i915 and xe), then restart."),
}  # fmt: skip


def read_memory() -> Readings:
    """One look at memory. Blocks."""
    sampler = MemorySampler()
    try:
        return sampler.sample()
    finally:
        sampler.close()


def memory(readings: Readings) -> Iterator[Finding]:
    """What the readings say."""
    for gpu in readings.gpus:
        yield ok(TOPIC, f"{gpu.name}: {format_gib(gpu.used)} of {format_gib(gpu.total)} GiB in use")
    if readings.gpu_problem:
        yield warning(TOPIC, readings.gpu_problem.rstrip("."), "Main memory is shown instead of GPU memory.")
    if readings.ram is not None:
        used, total = format_gib(readings.ram.used), format_gib(readings.ram.total)
        yield ok(TOPIC, f"Main memory: {used} of {total} GiB in use")


def drivers(pci: Path = PCI) -> Iterator[Finding]:
    """Cards without the driver that computes on them. Linux only: elsewhere the system sees to drivers."""
    if sys.platform != "linux":
        return
    for vendor, driver in _cards(pci):
        known, hint = _DRIVERS[vendor]
        if driver is None:
            yield warning(TOPIC, f"There is a GPU of {vendor}, and no driver for it", hint)
        elif driver not in known:
            yield warning(
                TOPIC, f"The GPU of {vendor} runs with {driver}, a driver that engines cannot use", hint
            )


def _cards(pci: Path) -> Iterator[tuple[str, str | None]]:
    """Vendor and driver of each display controller."""
    try:
        devices = sorted(pci.iterdir())
    except OSError:
        return
    for device in devices:
        try:
            if not (device / "class").read_text().startswith(_DISPLAY):
                continue
            vendor = _VENDORS.get((device / "vendor").read_text().strip())
        except OSError:
            continue
        if vendor is not None:
            driver = device / "driver"
            yield vendor, driver.resolve().name if driver.exists() else None
