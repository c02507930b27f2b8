"""Buttons that do different things at different times."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from model_switcher.desktop.language import tr
from model_switcher.desktop.wording import alive, starts_again
from model_switcher.domain.remedies import RemedyKind
from model_switcher.domain.states import ServerState

if TYPE_CHECKING:
    from model_switcher.domain.snapshot import Snapshot
    from model_switcher.domain.states import Failure


class Command(StrEnum):
    """What such a button does at the moment."""

    STOP = "stop"
    CANCEL = "cancel"
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    TRY_AGAIN = "try again"
    SHOW_FILE = "show file"
    RESCAN = "rescan"
    SHOW_LOG = "show log"
    CHOOSE_FOLDER = "choose folder"
    GET_ENGINE = "get engine"
    CHOOSE_ENGINE = "choose engine"
    USE_ENGINE = "use engine"


@dataclass(frozen=True, slots=True)
class Control:
    """Such a button: what it does, what it says, whether it can be used, and what it is about, if that is one thing."""

    command: Command
    text: str
    enabled: bool = True
    target: str = ""


def control(snapshot: Snapshot) -> Control:
    """The button that stops, cancels or starts."""
    if snapshot.switch is not None:
        return Control(Command.CANCEL, tr("Cancel"))
    living = alive(snapshot)
    stops = [server for server in living if server.draining or server.state is ServerState.STOPPING]
    if living or snapshot.paused or starts_again(snapshot):
        return Control(Command.STOP, tr("Stop server"), enabled=not stops and not snapshot.paused)
    return Control(Command.START, tr("Start server"), enabled=snapshot.selected_model is not None)


def pause(snapshot: Snapshot) -> Control:
    """The button that frees the memory until it is pressed again."""
    if snapshot.paused:
        return Control(Command.RESUME, tr("Resume"))
    served = snapshot.selected is not None or snapshot.switch is not None or bool(snapshot.servers)
    return Control(Command.PAUSE, tr("Free the memory until resumed"), enabled=served)


def main_control(snapshot: Snapshot) -> Control:
    """The one button at the head of the panel, in one word."""
    if snapshot.paused:
        return Control(Command.RESUME, tr("Resume"))
    whole = control(snapshot)
    short = {Command.STOP: tr("Stop"), Command.START: tr("Start")}
    return Control(whole.command, short.get(whole.command, whole.text), whole.enabled)


def remedy(failure: Failure, model: str | None) -> tuple[Control | None, str]:
    """The one thing that can be done about a failure from here, and the model or the file that it is about."""
    way_out = failure.action
    if way_out is not None and way_out.action is RemedyKind.SHOW_FILE and way_out.path is not None:
        return Control(Command.SHOW_FILE, tr("Show the file")), way_out.path
    if way_out is not None and way_out.action is RemedyKind.RESCAN:
        return Control(Command.RESCAN, tr("Rescan")), ""
    if way_out is not None and way_out.action is RemedyKind.GET_ENGINE:
        return Control(Command.GET_ENGINE, tr("Get llama.cpp")), ""
    if model is None:
        return None, ""
    return Control(Command.TRY_AGAIN, tr("Try again")), model
