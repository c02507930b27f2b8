"""Readings of GPU and main memory. Sizes are bytes; what cannot be known is None, never 0."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuProcess:
    """What one process holds on one GPU.

    Attributes:
        pid: Of the process.
        name: As the system says it; None if it does not tell.
        used: Bytes of the GPU's own memory; None where the driver does not tell.
        shared: Bytes of main memory that the GPU works on for it: what found no room (spill), and what was meant to
            lie there.
    """

    pid: int
    name: str | None
    used: int | None
    shared: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One GPU at one moment.

    Attributes:
        index: Position in the source's own order.
        name: As the driver says it.
        source: Where the figures come from: "nvml", "amdgpu", "i915" or "xe" (the driver's sysfs), "windows" (its
            performance counters), "apple".
        total, used, free: Bytes. `used` and `free` may be less than `total` together: the rest is the driver's.
        utilization: Percent of time busy, 0–100.
        temperature: Degrees Celsius.
        power: Watts.
        processes: Who holds memory on it, the greatest first; None where the driver does not tell.
        id: What names this very GPU also after a restart of the driver: its UUID or its place on the PCI bus.
        pci: Its place on the PCI bus, "0000:01:00.0"; None where the source does not tell.
        process_source: Where `processes` comes from: "nvml", "fdinfo", "windows"; None where there are none.
        shared_used: Bytes of main memory that the GPU works on.
        integrated: Its memory is main memory: what it holds is missing there.
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
    id: str = ""
    pci: str | None = None
    process_source: str | None = None
    shared_used: int | None = None
    integrated: bool = False

    @property
    def key(self) -> str:
        """Its id; where the source gives none, the source and the position."""
        return self.id or f"{self.source}:{self.index}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ram:
    """Main memory at one moment, in bytes; `source` says by whose word."""

    total: int
    available: int
    source: str = "psutil"

    @property
    def used(self) -> int:
        return self.total - self.available


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """All that was read at one moment.

    Attributes:
        time: Seconds since the epoch.
        gpus: Empty where there is none, or none that can be read. Those with memory of their own come first.
        gpu_problem: Why there are no GPU figures, for a person; None while there are.
        missing: Names of GPUs that were read before and do not answer now.
        ram: None if even that could not be read.
        servers_rss: Resident main memory of our servers and of what they started, in bytes by the server's pid.
            A server that ended is not in it.
        kin: Processes that our servers started: pid to the pid of the server.
        busy: Percent of all processors that programs other than our servers keep busy, 0–100.
    """

    time: float
    gpus: tuple[Gpu, ...] = ()
    gpu_problem: str | None = None
    missing: tuple[str, ...] = ()
    ram: Ram | None = None
    servers_rss: dict[int, int] | None = None
    kin: dict[int, int] = field(default_factory=dict)
    busy: float | None = None

    @property
    def cards(self) -> tuple[Gpu, ...]:
        """The GPUs with memory of their own."""
        return tuple(gpu for gpu in self.gpus if not gpu.integrated)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """The one memory figure that a small view shows: the first GPU's own, or main memory where there is none."""

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
    if readings.cards:
        gpu = readings.cards[0]
        return Gauge(label="VRAM", used=gpu.used, total=gpu.total)
    if readings.ram is not None:
        return Gauge(label="RAM", used=readings.ram.used, total=readings.ram.total)
    return Gauge(label="memory", used=None, total=None)
