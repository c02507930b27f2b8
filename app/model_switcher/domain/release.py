"""Whether the memory of a process that ended is free again: a pure function of readings before and after. Bytes.

That the process is gone proves nothing by itself (a driver's counter was seen to stay as it was for 8 s after the end),
and neither do two equal readings: memory counts as released when the process is in no list of its GPUs any more and
the free memory rose by what it held, less what others took meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from model_switcher.domain.memory import Gpu, GpuProcess, Readings
from model_switcher.domain.units import MIB

# What drivers and desktops take and give by themselves, of which no process tells.
_NOISE = 64 * MIB
_NOISE_SHARE = 8


class Evidence(StrEnum):
    """What a release is proven by; stable, part of the public interface."""

    MEMORY = "free memory rose"
    PROCESS = "the process is gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taker:
    """A program that took memory meanwhile: its name, its process, and how many bytes more it holds."""

    name: str
    pid: int
    used: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """The memory was given back.

    Attributes:
        evidence: `PROCESS` where no figure says more: there is no GPU, or the driver does not tell.
        gained: Bytes of GPU memory that were given back; None without figures.
        takers: Who took of it already, the greatest first: what is free now is that much less.
    """

    evidence: Evidence
    gained: int | None = None
    takers: tuple[Taker, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Not yet. `missing`: bytes that are not free yet; None if that cannot be told."""

    missing: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unproven:
    """The time is up.

    Attributes:
        holder: Who holds the rest, for a person: a program by its name, "the driver", "another program".
        missing: Bytes that are not free; None if that cannot be told.
        device: Name of the GPU; empty for main memory.
    """

    holder: str
    missing: int | None = None
    device: str = ""


def held_by(readings: Readings, pids: Iterable[int]) -> int | None:
    """Bytes that the processes `pids` and what they started hold of all GPUs' own memory; None if no driver tells."""
    ours = _family(readings, frozenset(pids))
    figures = [_held(gpu, ours) for gpu in readings.cards]
    known = [figure for figure in figures if figure is not None]
    return sum(known) if known and len(known) == len(figures) else None


def released(
    before: Readings,
    after: Readings,
    *,
    pids: frozenset[int],
    held: int | None = None,
    waited: float,
    bound: float,
) -> Proven | Waiting | Unproven:
    """Whether what the processes `pids` held was given back.

    Args:
        before: Read shortly before they were told to end.
        after: Read after they ended, with `pids` among the servers asked for.
        pids: The server's process; what it started is known from the readings.
        held: Bytes that they held on all GPUs together, as known otherwise; used where a driver does not tell.
        waited: Seconds since they ended.
        bound: Seconds after which there is no more waiting.
    """
    ours = _family(before, pids) | _family(after, pids)
    short = _alive(after, ours)
    gained: list[int] = []
    for check in () if short is not None else _checks(before, after, ours, held):
        missing = check.missing(ours)
        if isinstance(missing, Unproven):
            short = missing
        elif missing is not None and missing > min(_NOISE, check.held // _NOISE_SHARE):
            short = Unproven(holder=check.suspect(ours), missing=missing, device=check.device)
        elif missing is not None:
            gained.append(check.held - max(missing, 0))
        if short is not None:
            break
    if short is not None:
        return short if waited >= bound else Waiting(missing=short.missing)
    if not gained:
        return Proven(evidence=Evidence.PROCESS)
    return Proven(evidence=Evidence.MEMORY, gained=sum(gained), takers=_takers(before, after, ours))


@dataclass(frozen=True, slots=True)
class _Check:
    """GPUs, before and after, whose free memory has to rise by `held` bytes."""

    gpus: tuple[tuple[Gpu, Gpu | None], ...]
    held: int

    @property
    def device(self) -> str:
        return self.gpus[0][0].name

    def missing(self, ours: frozenset[int]) -> int | Unproven | None:
        """Bytes that are not free yet; None without figures."""
        risen = 0
        for before, after in self.gpus:
            if after is None:
                return Unproven(holder="the driver: the GPU does not answer", device=before.name)
            if before.free is None or after.free is None:
                return None
            risen += after.free - before.free + sum(_growth(before, after, ours).values())
        return self.held - risen

    def suspect(self, ours: frozenset[int]) -> str:
        """Who holds what nobody accounts for."""
        for before, after in self.gpus:
            if after is None or after.processes is None:
                return "another program or the driver"
            known = {process.pid for process in before.processes or ()}
            for process in after.processes:
                if process.used is None and process.pid not in known | ours:
                    return _called(process)
        return "the driver"


def _family(readings: Readings, pids: frozenset[int]) -> frozenset[int]:
    return pids | {pid for pid, server in readings.kin.items() if server in pids}


def _alive(after: Readings, ours: frozenset[int]) -> Unproven | None:
    """What says that a process of ours still runs, or that a driver has not noticed its end."""
    for gpu in after.gpus:
        for process in gpu.processes or ():
            if process.pid in ours:
                return Unproven(holder=_called(process), missing=process.used, device=gpu.name)
    running = ours & (after.servers_rss or {}).keys()
    return Unproven(holder=f"process {min(running)}") if running else None


def _checks(before: Readings, after: Readings, ours: frozenset[int], held: int | None) -> Iterator[_Check]:
    """A check of each GPU whose driver tells what we held; one of all others together.

    A driver that tells of none of our processes at all may not see them: in a container pids are others.
    """
    later = {gpu.key: gpu for gpu in after.gpus}
    pairs = [(gpu, later.get(gpu.key), _held(gpu, ours)) for gpu in before.cards]
    known = sum(figure or 0 for _, _, figure in pairs)
    silent = tuple((gpu, then) for gpu, then, figure in pairs if figure is None or not known)
    for gpu, then, figure in pairs:
        if figure:
            yield _Check(((gpu, then),), figure)
    if silent and held is not None and held > known:
        yield _Check(silent, held - known)


def _held(gpu: Gpu, ours: frozenset[int]) -> int | None:
    """Bytes that our processes hold on it; None if its driver does not tell."""
    if gpu.processes is None:
        return None
    figures = [process.used for process in gpu.processes if process.pid in ours]
    known = [figure for figure in figures if figure is not None]
    return sum(known) if len(known) == len(figures) else None


def _growth(before: Gpu, after: Gpu, ours: frozenset[int]) -> dict[GpuProcess, int]:
    """Bytes that each process of others holds more (less than 0: fewer) than before."""
    if before.processes is None or after.processes is None:
        return {}
    old = {process.pid: process for process in before.processes if process.pid not in ours}
    new = {process.pid: process for process in after.processes if process.pid not in ours}
    grown: dict[GpuProcess, int] = {}
    for pid in old.keys() | new.keys():
        was = old[pid].used if pid in old else 0
        now = new[pid].used if pid in new else 0
        if was is not None and now is not None and was != now:
            grown[new.get(pid) or old[pid]] = now - was
    return grown


def _takers(before: Readings, after: Readings, ours: frozenset[int]) -> tuple[Taker, ...]:
    later = {gpu.key: gpu for gpu in after.gpus}
    takers = [
        Taker(name=_called(process), pid=process.pid, used=more)
        for gpu in before.cards
        if gpu.key in later
        for process, more in _growth(gpu, later[gpu.key], ours).items()
        if more > 0
    ]
    return tuple(sorted(takers, key=lambda taker: -taker.used))


def _called(process: GpuProcess) -> str:
    return process.name or f"process {process.pid}"
