"""Whether a model fits, with the way out where it does not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from model_switcher.domain.fit import bounds, fit, place_of
from model_switcher.domain.need import Fit, FitKind
from model_switcher.engine.needs.estimate import SMALLEST_CONTEXT

if TYPE_CHECKING:
    from model_switcher.domain.fit import Space
    from model_switcher.domain.need import Need
    from model_switcher.engine.needs.estimate import Estimate
    from model_switcher.engine.needs.ledger import Circumstances

_STEP = 256


def fit_of(estimate: Estimate | None, now: Circumstances, *, margin: int) -> Fit:
    """Whether a model that is not loaded fits. Where it does not, or only with less than it asks for, with what would.

    Args:
        estimate: What it takes; None if nobody knows.
        now: What is free.
        margin: What is to be left free beside others.
    """
    if estimate is None:
        return Fit(kind=FitKind.UNKNOWN)
    # A model whose layers llama-server would move is short of what the whole of it takes.
    moved = estimate.whole is not estimate.predicted
    wanted = estimate.whole if moved else estimate.need
    there = now.spaces[place_of(wanted, now.readings)]
    found = fit(wanted, there, margin=margin)
    if estimate.shortened:
        found = replace(found, ctx_size=wanted.ctx_size)
    if moved:
        found = replace(found, n_gpu_layers=estimate.predicted.n_gpu_layers)
    if found.kind is not FitKind.SHORT:
        return found
    return replace(
        found,
        ctx_size=None if estimate.shortened else _context(estimate, there, margin),
        n_gpu_layers=found.n_gpu_layers or estimate.layers,
    )


def fit_of_resident(need: Need | None, now: Circumstances) -> Fit:
    """That it is loaded, and what it takes."""
    if need is None:
        return Fit(kind=FitKind.RESIDENT)
    return fit(need, now.spaces[place_of(need, now.readings)], resident=True)


def _context(estimate: Estimate, there: Space, margin: int) -> int | None:
    """The largest context that would fit with the margin, in proportion between the least and the whole."""
    least, whole = estimate.least, estimate.whole
    if least is None or there.whole is None or whole.ctx_size <= least.ctx_size:
        return None
    low, high = _most(least, there), _most(whole, there)
    room = there.whole - margin
    if low > room or high <= low:
        return None
    more = (whole.ctx_size - least.ctx_size) * (room - low) // (high - low)
    return max(SMALLEST_CONTEXT, (least.ctx_size + more) // _STEP * _STEP)


def _most(need: Need, there: Space) -> int:
    return bounds(need, there.place, driver=there.driver)[1]
