"""All about one model: the facts of its header, its memory by context, and the options it is started with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_switcher.desktop.language import about, number, size_text, tokens_text, tr
from model_switcher.desktop.view_state.fits import FitView, fit_view
from model_switcher.desktop.view_state.listing import listing
from model_switcher.desktop.view_state.loads import LoadsView, loads_view
from model_switcher.desktop.view_state.plot import PlotView, plot_view
from model_switcher.desktop.wording import alive
from model_switcher.domain.catalog import Kind
from model_switcher.domain.need import Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from model_switcher.domain.catalog import Model
    from model_switcher.domain.history import HistoryReport
    from model_switcher.domain.launch import Option
    from model_switcher.domain.snapshot import Snapshot

BILLION, MILLION = 10**9, 10**6


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of the details: what it is about, and what is so."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DetailsView:
    """All about one model.

    Attributes:
        id: Its id, which programs name in their requests.
        title: Its name.
        fit: Whether it can be loaded now.
        loadable: Whether it can be loaded from here: it is there, and not loaded yet.
        facts: Of its header and its file; only what is known.
        plot: Its memory by context; None where that is unknown.
        loads: How its last loads went; None where none is known.
        options: What it is started with beyond the engine's defaults.
        path: Its file.
    """

    id: str
    title: str
    fit: FitView
    loadable: bool
    facts: tuple[Fact, ...]
    plot: PlotView | None
    loads: LoadsView | None
    options: tuple[Fact, ...]
    path: str


def details_view(
    snapshot: Snapshot,
    model_id: str,
    options: Mapping[str, Option],
    history: HistoryReport | None = None,
) -> DetailsView | None:
    """All about the model of that id; None if it is gone.

    Args:
        snapshot: What is the case.
        model_id: Of the model.
        options: What it would be started with.
        history: How past loads went; None where that is not known yet.
    """
    model = snapshot.catalog.get(model_id)
    if model is None:
        return None
    loaded = any(server.model == model_id for server in alive(snapshot))
    return DetailsView(
        id=model.id,
        title=model.name,
        fit=FitView(fit_view(snapshot, model).tone, tr("in memory")) if loaded else fit_view(snapshot, model),
        loadable=model.available and not loaded,
        facts=_facts(snapshot, model),
        plot=plot_view(snapshot, model, options),
        loads=loads_view(history, model_id, snapshot.time),
        options=tuple(Fact(f"--{name}", _value(value)) for name, value in sorted(options.items())),
        path=model.path,
    )


def _facts(snapshot: Snapshot, model: Model) -> tuple[Fact, ...]:
    place = listing(snapshot.catalog).places[model.id]
    seconds = snapshot.expected.get(model.id)
    facts = (
        (tr("File"), f"{size_text(model.size)} · {place}"),
        (tr("Weights"), _joined(_parameters(model), model.quantization)),
        (tr("Architecture"), _joined(model.architecture, _layers(model))),
        (tr("Trained for"), _tokens(model)),
        (tr("Good for"), _abilities(model)),
        (tr("Made from"), model.base_model),
        (tr("Languages"), ", ".join(model.languages)),
        (tr("License"), model.license),
        (tr("Takes"), _needs(snapshot, model)),
        (tr("Loads in"), None if seconds is None else tr("about {time}").format(time=about(seconds))),
        (tr("Also called"), ", ".join(model.aliases)),
    )
    return tuple(Fact(label, value) for label, value in facts if value)


def _needs(snapshot: Snapshot, model: Model) -> str:
    """What it takes by the best that is known, and what was predicted beside what was measured."""
    return "; ".join(
        _joined(
            tr("{size} on the GPU").format(size=size_text(need.device.total)) if need.device.total else "",
            tr("{size} of main memory").format(size=size_text(need.host.total)) if need.host.total else "",
            tr("{context} context").format(context=tokens_text(need.ctx_size)),
            _source(need.source),
        )
        for need in snapshot.needs.get(model.id, ())
    )


def _source(source: Source) -> str:
    match source:
        case Source.MEASURED:
            return tr("measured")
        case Source.ENGINE:
            return tr("by the engine")
        case _:
            return tr("predicted")


def _joined(*parts: str | None) -> str:
    return " · ".join(part for part in parts if part)


def _parameters(model: Model) -> str:
    if model.parameters is None:
        return model.size_label or ""
    whole = _count(model.parameters)
    if model.active_parameters is None or model.active_parameters == model.parameters:
        return whole
    return tr("{count}, {active} of them for each token").format(
        count=whole, active=_count(model.active_parameters)
    )


def _count(weights: int) -> str:
    if weights >= BILLION / 10:
        return tr("{count} billion").format(count=number(weights / BILLION, 1))
    return tr("{count} million").format(count=number(weights / MILLION, 1))


def _layers(model: Model) -> str:
    return "" if model.block_count is None else tr("%n layer(s)", "", model.block_count)


def _tokens(model: Model) -> str:
    context = model.context_length
    return "" if context is None else tr("{count} tokens of context").format(count=number(context))


def _abilities(model: Model) -> str:
    if model.kind is not Kind.TEXT:
        return tr("embeddings") if model.kind is Kind.EMBEDDING else tr("reranking")
    abilities = (
        tr("chat") if model.chat_template else "",
        tr("tool calls") if model.tools else "",
        tr("images") if model.vision else "",
    )
    return ", ".join(ability for ability in abilities if ability)


def _value(value: Option) -> str:
    if isinstance(value, bool):
        return tr("on") if value else tr("off")
    return str(value)
