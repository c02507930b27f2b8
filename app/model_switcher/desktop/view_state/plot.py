"""What a model takes by context, beside what there is: the small plot among its details."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from model_switcher.desktop.language import gib, tokens_text, tr
from model_switcher.desktop.view_state.shares import room, shares
from model_switcher.domain.prediction.load import load_options
from model_switcher.domain.prediction.predict import predict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from model_switcher.domain.catalog import Model
    from model_switcher.domain.launch import Option
    from model_switcher.domain.need import Amount
    from model_switcher.domain.prediction.load import LoadOptions
    from model_switcher.domain.snapshot import Snapshot

CONTEXTS = tuple(4096 * 2**power for power in range(9))
"""From 4k to 1M tokens; those beyond what a model was trained for are left out."""
MOST = 6
"""Columns."""


@dataclass(frozen=True, slots=True)
class Column:
    """What the model takes with one context; all sizes are parts of the plot's height (0.0–1.0).

    Attributes:
        context: "16k".
        size: "6.8".
        weights, cache, compute: From the bottom up.
        fits: Whether there is so much memory at all, once everything of ours is unloaded.
        current: Whether this is the context that it is, or would be, started with.
    """

    context: str
    size: str
    weights: float
    cache: float
    compute: float
    fits: bool
    current: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A level across the plot: how high (0.0–1.0), and what it says."""

    height: float
    text: str


@dataclass(frozen=True, slots=True)
class PlotView:
    """The plot: its columns by context, the levels of what there is, and all of it in sentences."""

    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    spoken: str


def plot_view(snapshot: Snapshot, model: Model, options: Mapping[str, Option]) -> PlotView | None:
    """The plot of `model` started with `options`; None where its memory cannot be told from its header."""
    if model.blueprint is None or snapshot.readings is None:
        return None
    gpu, load = bool(snapshot.readings.cards), load_options(options)
    current = load.ctx_size or model.context_length or 0
    found = _amounts(model, load, gpu=gpu, contexts=_contexts(model, current))
    known = _best_known(snapshot, model, current, gpu=gpu)
    if known is not None:
        found = [(context, known if context == current else amount) for context, amount in found]
    if not found:
        return None
    total, free = sum(one.total for one in shares(snapshot).splits), room(snapshot)
    highest = max([total, *(amount.total for _, amount in found)]) * 1.04
    columns = tuple(
        Column(
            context=tokens_text(context),
            size=gib(amount.total),
            weights=amount.weights / highest,
            cache=amount.cache / highest,
            compute=amount.compute / highest,
            fits=free is None or amount.total <= free,
            current=context == current,
        )
        for context, amount in found
    )
    return PlotView(columns, _lines(total, free, highest), _spoken(columns))


def _contexts(model: Model, current: int) -> tuple[int, ...]:
    longest = model.context_length or CONTEXTS[-1]
    usual = [context for context in CONTEXTS if context <= longest]
    around = [context for context in usual if context != current][-MOST + 1 :]
    return tuple(sorted({*around, current})) if current else tuple(around)


def _amounts(
    model: Model, load: LoadOptions, *, gpu: bool, contexts: tuple[int, ...]
) -> list[tuple[int, Amount]]:
    amounts = [(context, _amount(model, load, context, gpu=gpu)) for context in contexts]
    return [(context, amount) for context, amount in amounts if amount is not None]


def _best_known(snapshot: Snapshot, model: Model, context: int, *, gpu: bool) -> Amount | None:
    """What is shown elsewhere for that context: measured, where it was."""
    need = next((one for one in snapshot.needs.get(model.id, ()) if one.ctx_size == context), None)
    if need is None:
        return None
    return need.device if gpu else need.host


def _amount(model: Model, load: LoadOptions, context: int, *, gpu: bool) -> Amount | None:
    if model.blueprint is None:
        return None
    sized = replace(load, ctx_size=context)
    need = predict(model.blueprint, sized, gpu=gpu, projector=model.projector_blueprint)
    if need is None:
        return None
    return need.device if gpu else need.host


def _lines(total: int, free: int | None, highest: float) -> tuple[Line, ...]:
    lines = [Line(total / highest, tr("{size} GiB in all").format(size=gib(total)))] if total else []
    if free is not None and total:
        lines.append(Line(free / highest, tr("{size} GiB beside other programs").format(size=gib(free))))
    return tuple(lines)


def _spoken(columns: tuple[Column, ...]) -> str:
    parts = [tr("{size} GiB with {context}").format(size=one.size, context=one.context) for one in columns]
    return tr("Memory by context: {list}").format(list=", ".join(parts))
