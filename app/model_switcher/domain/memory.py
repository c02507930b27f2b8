"""Readings of GPU and main memory. Sizes are bytes; what cannot be known is None, never 0."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuProcess:
    """What one process holds on one GPU."""

    pid: int
    name: str | None
    used: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One GPU at one moment.

    Attributes:
        index: Position in the source's own order.
        name: As the driver says it.
        source: Where the figures come from ("nvml").
        total, used, free: Bytes.
        utilization: Percent of time busy, 0–100.
        temperature: Degrees Celsius.
        power: Watts.
        processes: Who holds memory on it; None where the driver does not tell.
    """

    index: int
    name: str
    source: str
    total: int | None
    used: int | None
    free: int | None
    utilization: int | None = None
    temperature: int | None = None
    power: float | None = None
    processes: tuple[GpuProcess, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ram:
    """Main memory at one moment, in bytes."""

    total: int
    available: int

    @property
    def used(self) -> int:
        return self.total - self.available


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """All that was read at one moment.

    Attributes:
        time: Seconds since the epoch.
        gpus: Empty where there is none, or none that can be read.
        gpu_problem: Why there are no GPU figures, for a person; None while there are.
        ram: None if even that could not be read.
        servers_rss: Resident main memory of our servers by pid, in bytes.
    """

    time: float
    gpus: tuple[Gpu, ...] = ()
    gpu_problem: str | None = None
    ram: Ram | None = None
    servers_rss: dict[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """The one memory figure that a small view shows: the first GPU, or main memory where there is none."""

    label: str
    used: int | None
    total: int | None

    @property
    def level(self) -> float | None:
        """Part in use, 0.0–1.0; None if unknown."""
        if self.used is None or not self.total:
            return None
        return min(1.0, max(0.0, self.used / self.total))


def gauge(readings: Readings | None) -> Gauge:
    """What the tray shows of `readings`."""
    if readings is None:
        return Gauge(label="memory", used=None, total=None)
    if readings.gpus:
        gpu = readings.gpus[0]
        return Gauge(label="VRAM", used=gpu.used, total=gpu.total)
    if readings.ram is not None:
        return Gauge(label="RAM", used=readings.ram.used, total=readings.ram.total)
    return Gauge(label="memory", used=None, total=None)
