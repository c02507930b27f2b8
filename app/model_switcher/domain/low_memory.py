"""Whether memory runs out under a model that is loaded, because something else took it: before it spills or is killed.

A state machine without a clock of its own, as `spill` is. A model that filled the GPU by itself is no reason: that was
known when it was loaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from model_switcher.domain.memory import Readings
from model_switcher.domain.owners import RAM, OwnerKind, Split
from model_switcher.domain.units import MIB, format_size

# Longer than a spill needs to be sure: where the model has spilled, that is the news.
LASTING_SECONDS = 20.0
TAKEN = 128 * MIB
_GPU_LEAST, _GPU_SHARE = 192 * MIB, 64
_RAM_LEAST, _RAM_SHARE = 512 * MIB, 32
_RECOVERED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class LowMemory:
    """A memory that is nearly full.

    Attributes:
        device: The GPU's key, or "ram".
        name: Of the GPU; empty for main memory.
        free, total: Bytes.
        since: Seconds since the epoch.
        holder: The program that holds most of it, apart from our servers and the desktop; empty if that is not known.
        held: Bytes that it holds.
    """

    device: str
    name: str
    free: int
    total: int
    since: float
    holder: str = ""
    held: int | None = None

    @property
    def sentence(self) -> str:
        """What is the case, for a person."""
        what = self.name or "Main memory"
        held = f"; {self.holder} holds {format_size(self.held)}" if self.holder and self.held else ""
        return f"{what} has {format_size(self.free)} of {format_size(self.total)} left{held}"

    @property
    def hint(self) -> str:
        """The way out, for a person."""
        if self.device == RAM:
            return "Close other programs, or the system may end the engine."
        return "Close other programs that use the GPU, or answers become many times slower."


@dataclass(frozen=True, slots=True)
class _Level:
    """One memory as it was seen: the most that was free since the servers came up, and since when it is low."""

    most: int
    low_since: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LowMemoryWatch:
    """What has been seen while the same servers ran.

    Attributes:
        starts: Of which servers: the names of their starts.
        levels: Of each memory, by its key.
        alarm: The memory that is low; it stays until there is clearly more again.
    """

    starts: tuple[str, ...] = ()
    levels: tuple[tuple[str, _Level], ...] = ()
    alarm: LowMemory | None = None


def watch_low(
    state: LowMemoryWatch, starts: tuple[str, ...], readings: Readings, owners: Iterable[Split]
) -> LowMemoryWatch:
    """The state after another reading.

    Args:
        state: Before.
        starts: Names of the starts of the servers that are ready; other ones than before begin anew.
        readings: Of now.
        owners: Who holds what.
    """
    if state.starts != starts:
        state = LowMemoryWatch(starts=starts)
    if not starts:
        return state
    before, levels, low = dict(state.levels), {}, []
    for device, name, free, total in _memories(readings):
        level = before.get(device, _Level(free))
        most = max(level.most, free)
        is_low = free <= _threshold(device, total) and (device == RAM or most - free >= TAKEN)
        since = (readings.time if level.low_since is None else level.low_since) if is_low else None
        levels[device] = _Level(most, since)
        if since is not None and readings.time - since >= LASTING_SECONDS:
            holder, held = _biggest(device, owners)
            low.append(
                LowMemory(
                    device=device, name=name, free=free, total=total, since=since, holder=holder, held=held
                )
            )
    return LowMemoryWatch(
        starts=starts, levels=tuple(levels.items()), alarm=_alarm(state.alarm, low, readings)
    )


def _alarm(before: LowMemory | None, low: list[LowMemory], readings: Readings) -> LowMemory | None:
    """The alarm that stands stays as it is until there is clearly more; then the first other one."""
    if before is not None:
        now = {device: free for device, _, free, _ in _memories(readings)}
        free = now.get(before.device)
        if free is not None and free < _RECOVERED * _threshold(before.device, before.total):
            return before
    return next(iter(low), None)


def _memories(readings: Readings) -> list[tuple[str, str, int, int]]:
    """Key, name, free and total of each memory whose figures are known."""
    known = [
        (gpu.key, gpu.name, gpu.free, gpu.total)
        for gpu in readings.cards
        if gpu.free is not None and gpu.total is not None
    ]
    if readings.ram is not None:
        known.append((RAM, "", readings.ram.available, readings.ram.total))
    return known


def _threshold(device: str, total: int) -> int:
    least, share = (_RAM_LEAST, _RAM_SHARE) if device == RAM else (_GPU_LEAST, _GPU_SHARE)
    return max(least, total // share)


def _biggest(device: str, owners: Iterable[Split]) -> tuple[str, int | None]:
    programs = [
        owner
        for split in owners
        if split.device == device
        for owner in split.owners
        if owner.kind is OwnerKind.PROGRAM and owner.name
    ]
    biggest = max(programs, key=lambda owner: owner.used, default=None)
    return ("", None) if biggest is None else (biggest.name, biggest.used)
