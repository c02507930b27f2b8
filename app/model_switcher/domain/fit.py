"""Whether a model fits, from what it takes and what is free. Sizes are bytes; what cannot be known is None.

One memory counts: that of the GPUs together, for llama.cpp divides the layers among them (what the division wastes is
not counted), or main memory where there is no GPU, where it has none of its own, and for a model that takes nothing
of it. What counts as free is what is free right now, so what other programs have taken since is counted too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from model_switcher.domain.memory import Readings
from model_switcher.domain.need import Fit, FitKind, Need
from model_switcher.domain.release import held_by
from model_switcher.domain.units import MIB

# What NVIDIA's driver holds for a process besides its buffers, as long as it was not measured: an assumption, between
# the 300 and 600 MiB that are usual. Other drivers are not known to hold anything worth mentioning.
ASSUMED_NVIDIA = 450 * MIB


class Place(StrEnum):
    """A memory that counts."""

    GPU = "gpu"
    RAM = "ram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One of our servers: its process, None until it has one, and what it is known or expected to take."""

    pid: int | None
    need: Need | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """One memory at one moment.

    Attributes:
        place: Which.
        free: Bytes free for us right now; None if unknown.
        ours: Bytes that our servers would give back; None if that is unknown of one of them.
        servers: How many of ours are in it.
        driver: What the GPU's driver is assumed to hold for each process besides.
    """

    place: Place
    free: int | None
    ours: int | None = 0
    servers: int = 0
    driver: int = 0

    @property
    def whole(self) -> int | None:
        """What would be free if everything of ours were unloaded."""
        return None if self.free is None or self.ours is None else self.free + self.ours


def place_of(need: Need | None, readings: Readings) -> Place:
    """The memory that counts for a need; without one, the memory that counts on this machine.

    A need on a GPU that nothing is known of is one on a GPU all the same: then nobody knows whether it fits.
    """
    if need is None:
        return Place.GPU if any(card.free is not None for card in readings.cards) else Place.RAM
    integrated = bool(readings.gpus) and not readings.cards
    return Place.GPU if need.device.total > 0 and not integrated else Place.RAM


def driver_of(readings: Readings) -> int:
    """What the GPU's driver is assumed to hold for each process besides its buffers."""
    nvidia = any(card.source == "nvml" or "nvidia" in card.name.lower() for card in readings.cards)
    return ASSUMED_NVIDIA if nvidia else 0


def space(readings: Readings, place: Place, holdings: Iterable[Holding]) -> Space:
    """A memory now, with what our servers hold of it.

    Args:
        readings: Of this moment.
        place: Which memory.
        holdings: All of our servers that run.
    """
    driver = driver_of(readings) if place is Place.GPU else 0
    kept = list(holdings)
    shares = [held(readings, place, holding, driver=driver) for holding in kept]
    ours = [share for share in shares if share is not None]
    return Space(
        place=place,
        free=_free(readings, place, kept),
        ours=sum(ours) if len(ours) == len(shares) else None,
        servers=sum(share != 0 for share in shares),
        driver=driver,
    )


def held(readings: Readings, place: Place, holding: Holding, *, driver: int = 0) -> int | None:
    """What a server holds of a memory, and gives back when it ends: as the system tells it, else what it needs."""
    if place is Place.GPU:
        # Where processes have numbers of their own, as in a container, the driver tells nothing of ours.
        told = held_by(readings, [holding.pid]) if holding.pid is not None else None
    else:
        told = (readings.servers_rss or {}).get(holding.pid) if holding.pid is not None else None
    return told or takes(holding.need, place, driver=driver)


def takes(need: Need | None, place: Place, *, driver: int = 0) -> int | None:
    """What a need takes of a memory, at most.

    Args:
        need: Of a model that is to be loaded, or is.
        place: Of which memory.
        driver: What the GPU's driver is assumed to hold besides, where the need does not say it.
    """
    return None if need is None else bounds(need, place, driver=driver)[1]


def bounds(need: Need, place: Place, *, driver: int = 0) -> tuple[int, int]:
    """What a need takes of a memory, at least and at most; see `takes`."""
    if place is Place.RAM:
        return need.low + need.host.total, need.high + need.host.total
    if need.device.total == 0:
        return 0, 0
    besides = driver if need.driver is None else need.driver
    return need.low + besides, need.high + besides


def fit(need: Need | None, there: Space, *, resident: bool = False, margin: int = 0) -> Fit:
    """Whether a model can be loaded now.

    Args:
        need: What it takes.
        there: The memory that counts for it.
        resident: Whether it is loaded.
        margin: What is to be left free beside others; alone with less it is tight.
    """
    if need is None:
        return Fit(kind=FitKind.RESIDENT if resident else FitKind.UNKNOWN)
    low, high = bounds(need, there.place, driver=there.driver)
    kind = FitKind.RESIDENT if resident else _kind(low, high, there, margin)
    missing = low - there.whole if kind is FitKind.SHORT and there.whole is not None else None
    return Fit(kind=kind, need=high, shortfall=missing)


def _kind(low: int, high: int, there: Space, margin: int) -> FitKind:
    if there.free is not None and there.servers and high + margin <= there.free:
        return FitKind.BESIDE
    if there.whole is None:
        return FitKind.UNKNOWN
    if high + margin <= there.whole:
        return FitKind.ALONE
    return FitKind.TIGHT if low <= there.whole else FitKind.SHORT


def _free(readings: Readings, place: Place, holdings: Iterable[Holding]) -> int | None:
    if place is Place.GPU:
        figures = [card.free for card in readings.cards]
        known = [figure for figure in figures if figure is not None]
        return sum(known) if known and len(known) == len(figures) else None
    if readings.ram is None:
        return None
    # Files that a server has mapped count as available, and must stay in memory all the same.
    return max(0, readings.ram.available - sum(_mapped(readings, holding) for holding in holdings))


def _mapped(readings: Readings, holding: Holding) -> int:
    if holding.need is None or holding.pid is None:
        return 0
    return min(holding.need.host.weights, (readings.servers_rss or {}).get(holding.pid, 0))
