"""One row of the panel's list: a model, a file that cannot be loaded, or a model that a program has borrowed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from model_switcher.desktop.language import about, percent, size_text, tr
from model_switcher.desktop.view_state.fits import FitView, fit_view
from model_switcher.desktop.view_state.listing import Listing, listing
from model_switcher.desktop.view_state.tones import Tone
from model_switcher.desktop.wording import name_of, progress_of, waiting
from model_switcher.domain.catalog import Kind
from model_switcher.domain.paths import base_name
from model_switcher.domain.snapshot import Phase
from model_switcher.domain.states import COMING_UP, ENDED, ServerState

if TYPE_CHECKING:
    from model_switcher.domain.catalog import Model, Rejected
    from model_switcher.domain.snapshot import LeaseView, ServerView, Snapshot


class Glyph(StrEnum):
    """The shape in front of a row."""

    SERVING = "serving"
    RESIDENT = "resident"
    LOADING = "loading"
    IDLE = "idle"
    BROKEN = "broken"
    BORROWED = "borrowed"
    AWAY = "away"


class RowKind(StrEnum):
    """What a row stands for."""

    MODEL = "model"
    FILE = "file"
    LEASE = "lease"


@dataclass(frozen=True, slots=True)
class RowKey:
    """Which row: its kind, and the model's id, the file's path or the lease's id."""

    kind: RowKind
    id: str


_NOTHING_KNOWN = FitView(Tone.DIM, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowView:
    """What one row shows.

    Attributes:
        glyph: The shape in front.
        name: In bold.
        tags: In small frames behind the name.
        note: Under the name; empty while `progress` is shown there.
        fit: At the right, in two lines.
        progress: Part loaded, 0.0–1.0; None where nothing loads.
        cancel: Whether the load can be given up here.
        model: Id of the model that Enter loads; None where there is none.
    """

    glyph: Glyph
    name: str
    tags: tuple[str, ...] = ()
    note: str = ""
    fit: FitView = _NOTHING_KNOWN
    progress: float | None = None
    cancel: bool = False
    model: str | None = None

    @property
    def spoken(self) -> str:
        """The row as a screen reader says it."""
        parts = (self.name, *self.tags, self.note, self.fit.text, self.fit.note)
        return ", ".join(part for part in parts if part)


def row_view(snapshot: Snapshot, key: RowKey) -> RowView | None:
    """What the row `key` shows; None if what it stood for is gone."""
    known = listing(snapshot.catalog)
    match key.kind:
        case RowKind.MODEL:
            model = known.models.get(key.id)
            return None if model is None else _model(snapshot, model, known)
        case RowKind.FILE:
            rejected = known.rejected.get(key.id)
            return None if rejected is None else _file(rejected)
        case RowKind.LEASE:
            lease = next((one for one in snapshot.leases if one.id == key.id), None)
            return None if lease is None else _lease(snapshot, lease)


def _model(snapshot: Snapshot, model: Model, known: Listing) -> RowView:
    server = next((one for one in snapshot.servers if one.model == model.id and one.state not in ENDED), None)
    glyph = _glyph(snapshot, model, server)
    loading = server is not None and server.state in COMING_UP
    progress = progress_of(snapshot) if loading else None
    return RowView(
        glyph=glyph,
        name=model.name,
        tags=_tags(model, known),
        note="" if progress is not None else _note(snapshot, model, known),
        fit=fit_view(snapshot, model) if server is None else _state(snapshot, server),
        progress=progress,
        cancel=loading and snapshot.switch is not None,
        model=model.id if model.available else None,
    )


def _glyph(snapshot: Snapshot, model: Model, server: ServerView | None) -> Glyph:
    if server is None:
        return Glyph.IDLE if model.available else Glyph.AWAY
    if server.state in COMING_UP:
        return Glyph.LOADING
    return Glyph.SERVING if model.id == snapshot.selected else Glyph.RESIDENT


def _tags(model: Model, known: Listing) -> tuple[str, ...]:
    parts = len(model.files)
    tags = (
        model.quantization or "",
        tr("vision") if model.vision else "",
        tr("embedding") if model.kind is Kind.EMBEDDING else "",
        tr("reranker") if model.kind is Kind.RERANKER else "",
        tr("%n part(s)", "", parts) if parts > 1 else "",
        model.id if known.has_twin(model) else "",
    )
    return tuple(tag for tag in tags if tag)


def _note(snapshot: Snapshot, model: Model, known: Listing) -> str:
    switch = snapshot.switch
    if switch is not None and switch.target == model.id:
        if switch.phase is Phase.PREFLIGHT:
            return tr("is being checked; nothing is stopped yet")
        if switch.phase in (Phase.DRAIN, Phase.STOP):
            return tr("loads next")
    if switch is not None and switch.source == model.id and switch.phase in (Phase.STOP, Phase.START):
        return tr("comes back if this load fails")
    held = snapshot.held_by_model.get(model.id, 0)
    if held:
        return waiting(held)
    ahead = snapshot.warm_up
    if ahead is not None and ahead.model == model.id:
        return tr("is read ahead: {percent}").format(percent=percent(ahead.fraction))
    return _file_note(model, known)


def _file_note(model: Model, known: Listing) -> str:
    size = size_text(model.size)
    whole = size if len(model.files) > 1 else tr("{size} file").format(size=size)
    return f"{whole} · {known.places[model.id]}"


def _state(snapshot: Snapshot, server: ServerView) -> FitView:
    """What stands at the right of a model that has a server."""
    if server.state in COMING_UP:
        return _coming(snapshot)
    if server.state is ServerState.STOPPING:
        return FitView(Tone.DIM, tr("stopping"))
    if server.draining:
        return FitView(Tone.WARNING, tr("stopping"), tr("%n answer(s) to finish", "", server.in_flight))
    busy = tr("%n request(s)", "", server.in_flight) if server.in_flight else ""
    if server.model == snapshot.selected:
        return FitView(Tone.PLAIN, tr("serving now"), busy)
    return FitView(Tone.PLAIN, tr("ready"), busy)


def _coming(snapshot: Snapshot) -> FitView:
    progress = progress_of(snapshot)
    left = None if snapshot.switch is None else snapshot.switch.seconds_left
    text = tr("loading") if progress is None else percent(progress)
    return FitView(Tone.PLAIN, text, "" if left is None else tr("{time} left").format(time=about(left)))


def _file(rejected: Rejected) -> RowView:
    return RowView(
        glyph=Glyph.BROKEN,
        name=base_name(rejected.path),
        note=rejected.reason,
        fit=FitView(Tone.BAD, tr("cannot load")),
    )


def _lease(snapshot: Snapshot, lease: LeaseView) -> RowView:
    owner = lease.owner if lease.pid is None else f"{lease.owner} ({lease.pid})"
    since = about(max(0.0, snapshot.time - lease.since))
    if lease.granted:
        back = lease.returns_to
        note = tr("lent to {program}").format(program=owner)
        returns = "" if back is None else tr("then {model} again").format(model=name_of(snapshot, back))
        fit = FitView(Tone.PLAIN, tr("for {time}").format(time=since), returns)
    else:
        note = tr("{program} waits for it").format(program=owner)
        fit = FitView(Tone.DIM, tr("waits {time}").format(time=since))
    return RowView(glyph=Glyph.BORROWED, name=lease.model_name, note=note, fit=fit)
