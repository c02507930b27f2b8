"""The settings of one model, with what it would take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_switcher.desktop.language import gib, number, size_text, tokens_text, tr
from model_switcher.desktop.view_state.settings.engines import engine_choices
from model_switcher.desktop.view_state.settings.fields import Choice, FieldView, field
from model_switcher.desktop.view_state.settings.options import OptionsView, options_view
from model_switcher.desktop.view_state.tones import Tone
from model_switcher.domain.need import FitKind

if TYPE_CHECKING:
    from model_switcher.desktop.view_state.settings.draft import Checked, Draft
    from model_switcher.desktop.view_state.settings.sources import Sources
    from model_switcher.domain.catalog import Model
    from model_switcher.domain.need import Fit, Need, Supposed
    from model_switcher.domain.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class SupposedView:
    """What a model would take: the sum, its parts, and whether it would fit."""

    total: str
    parts: str
    fit: str
    tone: Tone


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelView:
    """One model's own settings.

    Attributes:
        id: Its id; empty where there is no model.
        name: What its table is called.
        models: All models to choose among.
        supposed: What it would take as the window has it now.
        fields: Names, pinned, engine, port.
        options: Its launch options.
        inherited: What it takes over from the options of all models.
    """

    id: str
    name: str
    models: tuple[Choice, ...]
    supposed: SupposedView | None
    fields: tuple[FieldView, ...]
    options: OptionsView | None
    inherited: str


def model_view(draft: Draft, checked: Checked, sources: Sources) -> ModelView:
    """The page of the model that is looked at: of the first one that has settings, else of the selected one."""
    catalog = sources.snapshot.catalog
    own = {name.casefold() for name, table in draft.document().get("models", {}).items() if table}
    with_own = [one for one in catalog.models if not own.isdisjoint(_folded(one))] if own else []
    first = next(iter(with_own), None) or sources.snapshot.selected_model or next(iter(catalog.models), None)
    model = catalog.get(sources.model) or first
    marked = {one.id for one in with_own}
    note = tr("own settings")
    models = tuple(Choice(one.id, one.name, note if one.id in marked else "") for one in catalog.models)
    if model is None:
        return ModelView(id="", name="", models=models, supposed=None, fields=(), options=None, inherited="")
    name = table_of(draft, model)
    key = ("models", name)
    fields = (
        field(draft, checked, (*key, "alias")),
        field(draft, checked, (*key, "pinned")),
        field(draft, checked, (*key, "engine"), choices=engine_choices(sources)),
        field(draft, checked, (*key, "port")),
    )
    return ModelView(
        id=model.id,
        name=name,
        models=models,
        supposed=supposed_view(sources.supposed),
        fields=fields,
        options=options_view(draft, checked, key, sources.options),
        inherited=_inherited(draft, key),
    )


def table_of(draft: Draft, model: Model) -> str:
    """What the model's table in the file is called; its id where it has none."""
    names = _folded(model)
    tables = draft.document().get("models", {})
    return next((name for name in tables if name.casefold() in names), model.id)


def _folded(model: Model) -> set[str]:
    return {name.casefold() for name in names_of(model)}


def names_of(model: Model) -> tuple[str, ...]:
    """All names under which the settings may speak of a model."""
    stem = model.path.replace("\\", "/").rpartition("/")[2].removesuffix(".gguf")
    return (model.id, model.name, stem, *model.aliases)


def wanted(settings: Settings, model: Model, draft: Draft) -> tuple[dict[str, str | int | float | bool], str]:
    """The launch options and the engine that a model would be started with."""
    names = (*names_of(model), table_of(draft, model))
    return settings.launch_options(names), settings.engine_for(names)


def supposed_view(supposed: Supposed | None) -> SupposedView | None:
    """What a model would take, in words; None until it is known."""
    if supposed is None:
        return None
    need = supposed.need
    if need is None:
        return SupposedView(total=tr("Nobody knows what it takes"), parts="", fit="", tone=Tone.DIM)
    text, tone = _fit(supposed.fit) if supposed.fit is not None else ("", Tone.DIM)
    return SupposedView(total=_total(need), parts=_parts(need), fit=text, tone=tone)


def _fit(fit: Fit) -> tuple[str, Tone]:
    match fit.kind:
        case FitKind.BESIDE:
            return tr("fits beside what runs"), Tone.GOOD
        case FitKind.ALONE | FitKind.RESIDENT:
            return tr("fits"), Tone.GOOD
        case FitKind.TIGHT:
            return tr("tight: less is left free than you want"), Tone.WARNING
        case FitKind.SHORT:
            missing = "" if fit.shortfall is None else tr("{size} short").format(size=_size(fit.shortfall))
            return missing or tr("too large"), Tone.BAD
        case _:
            return "", Tone.DIM


def _total(need: Need) -> str:
    sums = (
        tr("{size} on the GPU").format(size=_size(need.device.total)) if need.device.total else "",
        tr("{size} of main memory").format(size=_size(need.host.total)) if need.host.total else "",
    )
    return " + ".join(part for part in sums if part)


def _parts(need: Need) -> str:
    whole = need.device if need.device.total else need.host
    layers = need.n_gpu_layers
    parts = (
        tr("weights {size}").format(size=_size(whole.weights)),
        tr("cache {size}").format(size=_size(whole.cache)),
        tr("compute {size}").format(size=_size(whole.compute)),
        tr("{context} context").format(context=tokens_text(need.ctx_size)),
        "" if layers is None or not need.device.total else tr("{count} layers").format(count=number(layers)),
    )
    return " · ".join(part for part in parts if part)


def _size(size: int) -> str:
    return f"{gib(size)} GiB" if size >= 1 << 30 else size_text(size)


def _inherited(draft: Draft, key: tuple[str, ...]) -> str:
    own = draft.options(key)
    common = [
        f"{name} {value}" for name, value in sorted(draft.options(("launch",)).items()) if name not in own
    ]
    return tr("From all models: {list}").format(list=", ".join(common)) if common else ""
