"""What is on the screen, as frozen values made from a snapshot. Knows no Qt, so that all wording is tested as text."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from model_switcher.desktop.wording import (
    elide,
    gauge_line,
    headline,
    messages,
    no_models,
    place_of,
    progress_of,
    rejected_lines,
    starts_again,
    tooltip,
)
from model_switcher.domain.memory import gauge
from model_switcher.domain.states import COMING_UP, ENDED, ServerState
from model_switcher.domain.units import format_size

if TYPE_CHECKING:
    from collections.abc import Iterable

    from model_switcher.domain.catalog import Model
    from model_switcher.domain.snapshot import Snapshot

LEVELS = 48
"""Steps of the memory ring: as many as a ring of 16 to 64 pixels can show."""
PROGRESS_STEPS = 12
"""Steps of the progress ring, which is smaller."""
NEARLY_FULL = 0.92
"""Part of the memory in use from which the ring warns."""
SHORT_LIST = 8
"""Models on the first level of the menu."""
NAME_LENGTH = 48


class Centre(StrEnum):
    """What the server does: the shape in the middle of the tray icon."""

    READY = "ready"
    LOADING = "loading"
    STOPPED = "stopped"
    FAILED = "failed"


class Ring(StrEnum):
    """What the ring of the tray icon stands for: its colour."""

    VRAM = "vram"
    RAM = "ram"
    NEARLY_FULL = "nearly full"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class IconView:
    """All that decides the looks of the tray icon; equal values look the same.

    Attributes:
        centre: The shape in the middle.
        ring: The colour of the ring.
        level: Memory in use in steps of 1/48; None if unknown.
        progress: Part loaded in steps of 1/12; None if unknown or not loading.
    """

    centre: Centre
    ring: Ring
    level: int | None = None
    progress: int | None = None


class Command(StrEnum):
    """What a button that does different things at different times does at the moment."""

    STOP = "stop"
    CANCEL = "cancel"
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Control:
    """Such a button: what it does, what it says, whether it can be used."""

    command: Command
    text: str
    enabled: bool = True


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
        empty: What stands in the place of the list where there is no model.
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
    entries = _entries(snapshot)
    header, memory = headline(snapshot), gauge_line(gauge(snapshot.readings))
    ready = any(server.state is ServerState.READY for server in snapshot.servers)
    short = [entries[model_id] for model_id in _short_list(snapshot, recent)]
    return ViewState(
        header=header,
        gauge=memory,
        tooltip=tooltip(header, gauge(snapshot.readings), snapshot.notice or snapshot.file_notice),
        icon=icon_view(snapshot),
        models=tuple(short),
        all_models=_by_place(snapshot, entries) if len(entries) > len(short) else (),
        total=len(entries),
        empty="" if entries else no_models(snapshot),
        rejected=rejected_lines(snapshot),
        messages=messages(snapshot),
        control=_control(snapshot),
        pause=_pause(snapshot),
        endpoint=f"{snapshot.address}/v1" if snapshot.address else "",
        web_ui=f"{snapshot.address}/" if snapshot.address and ready else "",
    )


def remember(recent: tuple[str, ...], snapshot: Snapshot) -> tuple[str, ...]:
    """`recent` with the chosen model in front."""
    if snapshot.selected is None or recent[:1] == (snapshot.selected,):
        return recent
    return (snapshot.selected, *(one for one in recent if one != snapshot.selected))[:SHORT_LIST]


def icon_view(snapshot: Snapshot) -> IconView:
    """The looks of the tray icon."""
    centre, memory = _centre(snapshot), gauge(snapshot.readings)
    level = None if memory.level is None else round(memory.level * LEVELS)
    progress = progress_of(snapshot) if centre is Centre.LOADING else None
    steps = None if progress is None else round(progress * PROGRESS_STEPS)
    if centre is Centre.FAILED:
        ring = Ring.FAILED
    elif memory.level is not None and memory.level >= NEARLY_FULL:
        ring = Ring.NEARLY_FULL
    elif centre is Centre.STOPPED:
        ring = Ring.STOPPED
    else:
        ring = Ring.RAM if snapshot.readings is not None and not snapshot.readings.gpus else Ring.VRAM
    return IconView(centre, ring, level, steps)


def _centre(snapshot: Snapshot) -> Centre:
    states = {server.state for server in snapshot.servers}
    if snapshot.switch is not None or states & COMING_UP or starts_again(snapshot):
        return Centre.LOADING
    if ServerState.READY in states:
        return Centre.READY
    return Centre.STOPPED if snapshot.failure is None else Centre.FAILED


def _control(snapshot: Snapshot) -> Control:
    if snapshot.switch is not None:
        return Control(Command.CANCEL, "Cancel")
    alive = [server for server in snapshot.servers if server.state not in ENDED]
    stops = [server for server in alive if server.draining or server.state is ServerState.STOPPING]
    if alive or snapshot.paused or starts_again(snapshot):
        return Control(Command.STOP, "Stop server", enabled=not stops and not snapshot.paused)
    return Control(Command.START, "Start server", enabled=snapshot.selected_model is not None)


def _pause(snapshot: Snapshot) -> Control:
    if snapshot.paused:
        return Control(Command.RESUME, "Resume")
    served = snapshot.selected is not None or snapshot.switch is not None or bool(snapshot.servers)
    return Control(Command.PAUSE, "Free the memory until resumed", enabled=served)


def _chosen(snapshot: Snapshot) -> str | None:
    return snapshot.switch.target if snapshot.switch is not None else snapshot.selected


def _entries(snapshot: Snapshot) -> dict[str, ModelEntry]:
    """An entry for every model, by id, in the order of their names."""
    models = sorted(snapshot.catalog.models, key=_by_name)
    namesakes = Counter((model.name, model.quantization) for model in models)
    twins = Counter((model.name, model.quantization, format_size(model.size)) for model in models)
    chosen = _chosen(snapshot)
    return {
        model.id: ModelEntry(
            model.id,
            elide(model.name, NAME_LENGTH),
            _loading_detail(snapshot, model)
            or _detail(
                model,
                namesake=namesakes[model.name, model.quantization] > 1,
                twin=twins[model.name, model.quantization, format_size(model.size)] > 1,
            ),
            chosen=model.id == chosen,
        )
        for model in models
    }


def _by_name(model: Model) -> tuple[list[str | int], int]:
    """Sorts "8B" before "12B": text and numbers take turns in the list, so that like is compared with like."""
    parts = re.split(r"(\d+)", model.name.casefold())
    return [int(part) if part.isdecimal() else part for part in parts], model.size


def _detail(model: Model, *, namesake: bool, twin: bool) -> str:
    """The quantisation; for a model that shares it with another of its name also the size, or even the id."""
    size = format_size(model.size)
    if twin:
        return f"{model.quantization or size}, {elide(model.id, NAME_LENGTH)}"
    if model.quantization is None:
        return size
    return f"{model.quantization}, {size}" if namesake else model.quantization


def _loading_detail(snapshot: Snapshot, model: Model) -> str | None:
    coming = {server.model for server in snapshot.servers if server.state in COMING_UP}
    if model.id not in coming:
        return None
    progress = progress_of(snapshot)
    return "loading" if progress is None else f"{progress * 100:.0f} %"


def _short_list(snapshot: Snapshot, recent: tuple[str, ...]) -> Iterable[str]:
    known = [model.id for model in sorted(snapshot.catalog.models, key=_by_name)]
    resident = [server.model for server in snapshot.servers if server.state not in ENDED]
    wanted = (_chosen(snapshot), *resident, *recent, *known)
    return [one for one in dict.fromkeys(wanted) if one in set(known)][:SHORT_LIST]


def _by_place(snapshot: Snapshot, entries: dict[str, ModelEntry]) -> tuple[PlaceEntries, ...]:
    places: dict[str, list[ModelEntry]] = {}
    where = {model.id: place_of(model) for model in snapshot.catalog.models}
    for model_id, entry in entries.items():
        places.setdefault(where[model_id], []).append(entry)
    return tuple(PlaceEntries(place, tuple(places[place])) for place in sorted(places, key=str.casefold))
