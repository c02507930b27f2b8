"""The head of the panel: what is served, in large, and how it does, under it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_switcher.desktop.language import about, gib, number, percent, tokens_text, tr
from model_switcher.desktop.view_state.controls import Control, main_control
from model_switcher.desktop.view_state.icon import IconView, icon_view
from model_switcher.desktop.view_state.shares import shares
from model_switcher.desktop.wording import (
    alive,
    coming_up,
    name_of,
    progress_of,
    serving,
    starts_again,
    unfinished,
    waiting,
)
from model_switcher.domain.snapshot import Phase

if TYPE_CHECKING:
    from model_switcher.domain.snapshot import ServerView, Snapshot


@dataclass(frozen=True, slots=True)
class HeaderView:
    """The head of the panel: the picture, the title, the line under it and the button at its right."""

    icon: IconView
    title: str
    line: str
    control: Control


def header_view(snapshot: Snapshot) -> HeaderView:
    """The head of the panel."""
    title, line = _under_way(snapshot) or _settled(snapshot)
    return HeaderView(icon_view(snapshot), title, line, main_control(snapshot))


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def _under_way(snapshot: Snapshot) -> tuple[str, str] | None:
    coming, switch = coming_up(snapshot), snapshot.switch
    if switch is None:
        return None if coming is None else _loading(snapshot, coming.model)
    name, held = name_of(snapshot, switch.target), waiting(snapshot.held)
    match switch.phase:
        case Phase.PREFLIGHT:
            return tr("Checking {model}…").format(model=name), held or tr("Nothing is stopped yet")
        case Phase.DRAIN:
            return tr("{model} is next").format(model=name), _joined(unfinished(snapshot.servers), held)
        case Phase.STOP:
            return tr("{model} is next").format(model=name), _joined(tr("Freeing memory"), held)
        case _:
            # The fallback loads under the name of the model that failed: say what really comes up.
            return _loading(snapshot, switch.target if coming is None else coming.model)


def _loading(snapshot: Snapshot, model: str) -> tuple[str, str]:
    known, switch = shares(snapshot), snapshot.switch
    need, loaded = known.need(snapshot, model), known.of_model(model)
    progress = progress_of(snapshot)
    if need is not None and loaded:
        figures = tr("{loaded} of {need} GiB").format(loaded=gib(loaded), need=gib(need))
    else:
        figures = "" if progress is None else percent(progress)
    left = None if switch is None else switch.seconds_left
    time = "" if left is None else tr("{time} left").format(time=about(left))
    line = _joined(figures, time, waiting(snapshot.held))
    return tr("Loading {model}…").format(model=name_of(snapshot, model)), line or tr("Starting")


def _settled(snapshot: Snapshot) -> tuple[str, str]:
    living, ready = alive(snapshot), serving(snapshot)
    if ready is not None and ready.draining:
        stopping = tr("Stopping · {what}").format(what=unfinished(snapshot.servers))
        return name_of(snapshot, ready.model), stopping
    if ready is not None:
        return name_of(snapshot, ready.model), _ready(snapshot, ready)
    if living:
        return name_of(snapshot, living[0].model), tr("Stopping")
    return _without_server(snapshot)


def _ready(snapshot: Snapshot, ready: ServerView) -> str:
    model = snapshot.catalog.get(ready.model)
    speed, context = ready.tokens_per_second, ready.ctx_size
    return _joined(
        tr("Answering") if ready.in_flight else tr("Ready"),
        (model and model.quantization) or "",
        "" if context is None else tr("{context} context").format(context=tokens_text(context)),
        "" if speed is None else tr("{count} tok/s").format(count=number(speed, 0 if speed >= 10 else 1)),  # noqa: PLR2004 - two digits
        waiting(snapshot.held),
    )


def _without_server(snapshot: Snapshot) -> tuple[str, str]:
    if snapshot.paused:
        return tr("Paused"), tr("The memory is free until you resume")
    if snapshot.engine_trouble is not None:
        return tr("Nothing is served"), tr("There is no engine yet")
    if snapshot.failure is not None:
        return tr("Nothing is served"), tr("Choose another model, or try again")
    if snapshot.selected is None:
        return _without_choice(snapshot)
    name = name_of(snapshot, snapshot.selected)
    if starts_again(snapshot):
        return name, tr("Stopped unexpectedly · starting it again")
    return name, tr("Not loaded · the next request loads it")


def _without_choice(snapshot: Snapshot) -> tuple[str, str]:
    if snapshot.catalog.models:
        return tr("No model is chosen"), tr("Choose one below")
    return tr("Nothing is served"), tr("There is no model yet")
