"""Whether a model can be loaded now, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_switcher.desktop.language import about, gib, number, tokens_text, tr
from model_switcher.desktop.view_state.shares import room
from model_switcher.desktop.view_state.tones import Tone
from model_switcher.desktop.wording import alive
from model_switcher.domain.need import Fit, FitKind

if TYPE_CHECKING:
    from model_switcher.domain.catalog import Model
    from model_switcher.domain.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class FitView:
    """Whether a model can be loaded now.

    Attributes:
        tone: How good that is.
        text: In two or three words.
        note: What it means: what goes, how long it takes, what would help.
    """

    tone: Tone
    text: str
    note: str = ""


def fit_view(snapshot: Snapshot, model: Model) -> FitView:
    """What is known of how `model` fits; empty texts where nothing is."""
    fit, seconds = snapshot.fits.get(model.id), snapshot.expected.get(model.id)
    takes = "" if seconds is None else f"~{about(seconds)}"
    if not model.available:
        return FitView(Tone.WARNING, tr("not there"), tr("its drive is away"))
    kind = FitKind.UNKNOWN if fit is None else fit.kind
    match kind:
        case FitKind.BESIDE:
            return FitView(Tone.GOOD, _beside(snapshot), _line(tr("no downtime"), takes))
        case FitKind.ALONE:
            return FitView(Tone.GOOD, tr("fits"), _line(_replaces(snapshot), takes))
        case FitKind.TIGHT:
            return FitView(Tone.WARNING, tr("tight"), _spare(snapshot, fit) or _line(takes))
        case FitKind.SHORT:
            return FitView(Tone.BAD, _short_by(fit), _way_out(model, fit))
        case _:
            return FitView(Tone.DIM, "", takes)


def fit_words(snapshot: Snapshot, model: Model) -> str:
    """How `model` fits in the two words that the menu has room for: "fits +2.3", "tight"; empty if unknown."""
    if not model.available:
        return tr("not there")
    fit = snapshot.fits.get(model.id)
    return "" if fit is None else _words(fit)


def _words(fit: Fit) -> str:
    match fit.kind:
        case FitKind.BESIDE | FitKind.ALONE if fit.need is None:
            return tr("fits")
        case FitKind.BESIDE:
            return tr("fits +{size}").format(size=gib(fit.need))
        case FitKind.ALONE:
            return tr("fits {size}").format(size=gib(fit.need))
        case FitKind.TIGHT:
            return tr("tight")
        case FitKind.SHORT:
            short = None if fit.shortfall is None else tr("{size} short").format(size=gib(fit.shortfall))
            return short or tr("too large")
        case _:
            return ""


def _line(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def _beside(snapshot: Snapshot) -> str:
    count = len(alive(snapshot))
    if not count:
        return tr("fits")
    return tr("fits beside it") if count == 1 else tr("fits beside them")


def _replaces(snapshot: Snapshot) -> str:
    return tr("replaces") if alive(snapshot) else ""


def _spare(snapshot: Snapshot, fit: Fit | None) -> str:
    available = room(snapshot)
    if fit is None or fit.need is None or available is None or available < fit.need:
        return ""
    return tr("{size} GiB to spare").format(size=gib(available - fit.need))


def _short_by(fit: Fit | None) -> str:
    if fit is None or fit.shortfall is None:
        return tr("too large")
    return tr("{size} GiB short").format(size=gib(fit.shortfall))


def _way_out(model: Model, fit: Fit | None) -> str:
    if fit is None:
        return ""
    if fit.n_gpu_layers is not None:
        some = number(fit.n_gpu_layers)
        layers = some if model.block_count is None else f"{some}/{number(model.block_count)}"
        return tr("would run on {layers} layers").format(layers=layers)
    if fit.ctx_size is not None:
        return tr("fits with {context} context").format(context=tokens_text(fit.ctx_size))
    return ""
