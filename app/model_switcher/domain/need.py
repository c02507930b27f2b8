"""What a model takes of memory, and whether that fits. Sizes are bytes; what cannot be known is None."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Source(StrEnum):
    """Where the figures of a need come from; a later one is the better one."""

    RULES = "rules"
    ENGINE = "engine"
    MEASURED = "measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """Memory in one place, by what it is for, as llama.cpp's `memory breakdown` splits it."""

    weights: int = 0
    cache: int = 0
    compute: int = 0

    @property
    def total(self) -> int:
        return self.weights + self.cache + self.compute


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What one server takes when it has loaded one model with certain options.

    Attributes:
        device: On all GPUs together.
        host: In main memory.
        source: Where the figures come from.
        ctx_size: Context in tokens that they are for.
        n_gpu_layers: Layers on the GPU, the output layer being one; None for all.
        low, high: Bounds of `device.total` where the rules are weak; both equal it elsewhere.
        driver: What the GPU's driver holds for the process besides, once that was measured.
    """

    device: Amount
    host: Amount
    source: Source
    ctx_size: int
    n_gpu_layers: int | None = None
    low: int
    high: int
    driver: int | None = None


class FitKind(StrEnum):
    """Whether a model can be loaded now, in one word or two; stable, part of the public interface."""

    RESIDENT = "resident"
    BESIDE = "fits beside"
    ALONE = "fits alone"
    TIGHT = "tight"
    SHORT = "short"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Whether a model can be loaded now.

    Attributes:
        kind: In a word.
        need: Bytes that it takes on the device that counts: the GPUs, or main memory where there is none.
        shortfall: Bytes that are missing even when everything of ours is unloaded; None unless short.
        ctx_size: The largest context that would fit, where the one asked for does not; None if none would.
        n_gpu_layers: The most layers that would fit with the context asked for; None if that does not help.
    """

    kind: FitKind
    need: int | None = None
    shortfall: int | None = None
    ctx_size: int | None = None
    n_gpu_layers: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Supposed:
    """What a model would take if its settings were others, and whether it would fit; None where nobody knows."""

    need: Need | None = None
    fit: Fit | None = None
