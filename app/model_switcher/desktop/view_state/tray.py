"""Everything that the tray shows: icon, tooltip and menu."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_switcher.desktop.language import percent, tr
from model_switcher.desktop.view_state.controls import Control, control, pause
from model_switcher.desktop.view_state.fits import fit_words
from model_switcher.desktop.view_state.icon import IconView, icon_view
from model_switcher.desktop.view_state.listing import Listing, listing
from model_switcher.desktop.view_state.panel import endpoint, web_ui
from model_switcher.desktop.wording import (
    NAME_LENGTH,
    alive,
    elide,
    gauge_line,
    headline,
    messages,
    no_models,
    progress_of,
    rejected_lines,
    tooltip,
)
from model_switcher.domain.memory import gauge
from model_switcher.domain.snapshot import Reason
from model_switcher.domain.states import COMING_UP

if TYPE_CHECKING:
    from collections.abc import Iterable

    from model_switcher.domain.catalog import Model
    from model_switcher.domain.snapshot import ServerView, Snapshot

SHORT_LIST = 8
"""Models on the first level of the menu."""


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """One model in a list: its id, its name, what stands at its right, and whether it is the chosen one."""

    id: str
    name: str
    detail: str
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class PlaceEntries:
    """The models of one folder or store."""

    place: str
    models: tuple[ModelEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewState:
    """Everything that the tray shows.

    Attributes:
        header: What the server does, in one line.
        gauge: Memory in use, in one line.
        tooltip: Both, in one line of fewer than 120 characters, which Windows shows whole.
        icon: The looks of the tray icon.
        models: The short list: the chosen one, resident ones, recent ones, then others.
        all_models: Every model by place; empty where the short list has them all.
        total: How many models there are.
        empty: What stands in the place of the list where there is no model, unless the header says it.
        rejected: The files that cannot be served, with their reasons.
        messages: What is wrong, in lines; empty when all is well.
        control: The button that starts, stops or cancels.
        pause: The button that frees the memory until it is pressed again.
        endpoint: What client programs are given as base URL; empty until there is one.
        web_ui: Address of the web interface; empty while no server could answer there.
    """

    header: str
    gauge: str
    tooltip: str
    icon: IconView
    models: tuple[ModelEntry, ...]
    all_models: tuple[PlaceEntries, ...]
    total: int
    empty: str
    rejected: tuple[str, ...]
    messages: tuple[str, ...]
    control: Control
    pause: Control
    endpoint: str
    web_ui: str


def view_state(snapshot: Snapshot, *, recent: tuple[str, ...] = ()) -> ViewState:
    """What the tray shows of `snapshot`; `recent` are ids of models chosen before, the latest first."""
    known = listing(snapshot.catalog)
    header, memory = headline(snapshot), gauge(snapshot.readings)
    short = [_entry(snapshot, known, known.models[one]) for one in _short_list(snapshot, known, recent)]
    empty = "" if known.models else no_models(snapshot)
    return ViewState(
        header=header,
        gauge=gauge_line(memory),
        tooltip=tooltip(header, memory, _notice(snapshot)),
        icon=icon_view(snapshot),
        models=tuple(short),
        all_models=_all_models.of(snapshot, known) if len(known.models) > len(short) else (),
        total=len(known.models),
        empty="" if empty == header else empty,
        rejected=rejected_lines(snapshot),
        messages=messages(snapshot),
        control=control(snapshot),
        pause=pause(snapshot),
        endpoint=endpoint(snapshot),
        web_ui=web_ui(snapshot),
    )


def remember(recent: tuple[str, ...], snapshot: Snapshot) -> tuple[str, ...]:
    """`recent` with the chosen model in front."""
    if snapshot.selected is None or recent[:1] == (snapshot.selected,):
        return recent
    return (snapshot.selected, *(one for one in recent if one != snapshot.selected))[:SHORT_LIST]


def _chosen(snapshot: Snapshot) -> str | None:
    """What the mark is on: a model that merely a request or a program wants leaves it where it is."""
    switch = snapshot.switch
    if switch is not None and switch.reason is Reason.CHOICE:
        return switch.target
    return snapshot.selected


def _entry(snapshot: Snapshot, known: Listing, model: Model) -> ModelEntry:
    server = next((one for one in alive(snapshot) if one.model == model.id), None)
    detail = known.detail(model)
    if server is None:
        fits = fit_words(snapshot, model)
        if fits:
            detail = f"{detail}, {fits}" if known.has_namesake(model) else fits
    else:
        detail = _state(snapshot, server) or detail
    name, chosen = elide(model.name, NAME_LENGTH), model.id == _chosen(snapshot)
    return ModelEntry(model.id, name, detail, chosen=chosen)


def _state(snapshot: Snapshot, server: ServerView) -> str:
    """How far a load is, or that a model stands beside the chosen one; empty for that itself."""
    if server.state in COMING_UP:
        progress = progress_of(snapshot)
        return tr("loading") if progress is None else percent(progress)
    return "" if server.model == snapshot.selected else tr("in memory")


def _short_list(snapshot: Snapshot, known: Listing, recent: tuple[str, ...]) -> Iterable[str]:
    resident = [server.model for server in alive(snapshot)]
    wanted = (_chosen(snapshot), *resident, *recent, *known.models)
    return [one for one in dict.fromkeys(wanted) if one in known.models][:SHORT_LIST]


class _AllModels:
    """Every model by place, made anew only where it changes: snapshots come every second."""

    def __init__(self) -> None:
        self._made_of: object = None
        self._places: tuple[PlaceEntries, ...] = ()

    def of(self, snapshot: Snapshot, known: Listing) -> tuple[PlaceEntries, ...]:
        states = [(server.model, server.state) for server in alive(snapshot)]
        made_of = known, snapshot.fits, states, _chosen(snapshot), progress_of(snapshot)
        if made_of != self._made_of:
            self._made_of = made_of
            self._places = _by_place(snapshot, known)
        return self._places


_all_models = _AllModels()


def _by_place(snapshot: Snapshot, known: Listing) -> tuple[PlaceEntries, ...]:
    places: dict[str, list[ModelEntry]] = {}
    for model in known.models.values():
        places.setdefault(known.places[model.id], []).append(_entry(snapshot, known, model))
    return tuple(PlaceEntries(place, tuple(places[place])) for place in sorted(places, key=str.casefold))


def _notice(snapshot: Snapshot) -> str | None:
    """The first thing that the user should know."""
    return snapshot.notice or snapshot.settings_notice or snapshot.memory_notice or snapshot.file_notice
