"""What the user is told about changes, as values made from two snapshots. Knows no Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from model_switcher.desktop.language import seconds_text, tr
from model_switcher.desktop.view_state.controls import Command, remedy
from model_switcher.desktop.wording import could_not_be_loaded, name_of, with_full_stops
from model_switcher.domain.owners import RAM
from model_switcher.domain.snapshot import Result, Snapshot
from model_switcher.domain.states import ServerState

if TYPE_CHECKING:
    from collections.abc import Collection

    from model_switcher.domain.snapshot import LeaseView, Outcome, ServerView
    from model_switcher.domain.states import Failure

_KINDS = {
    Result.SWITCHED: "switched",
    Result.ROLLED_BACK: "rolled back",
    Result.FELL_BACK: "rolled back",
    Result.NOTHING_LEFT: "failed",
    Result.REFUSED: "failed",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to the user.

    Attributes:
        kind: A word of `settings.desktop.notifications`; "instance" is always shown.
        title: What happened.
        text: Why, and what can be done.
        warning: False for good news.
        click: That a click on it does something, for desktops that tell of clicks.
        action: What that is; None opens the panel.
        target: The model or the file that the action is about.
    """

    kind: str
    title: str
    text: str
    warning: bool = True
    click: str = ""
    action: Command | None = None
    target: str = ""


def notices(before: Snapshot | None, now: Snapshot, kinds: Collection[str]) -> list[Notice]:
    """What to tell of the change from `before` to `now`: at most one notice for one event, of `kinds` only.

    Snapshots in between may have been skipped; `before` is None for the first one.
    """
    before = before if before is not None else Snapshot()
    found = [
        _of_outcome(before, now) or _of_crash(before, now) or _of_failure(before, now),
        *_of_leases(before, now),
        _of_spill(before, now) or _of_low_memory(before, now),
    ]
    for said, said_before in (
        (now.notice, before.notice),
        (now.settings_notice, before.settings_notice),
    ):
        if said is not None and said != said_before:
            found.append(Notice("instance", "Model Switcher", said))
    return [notice for notice in found if notice is not None and notice.kind in {*kinds, "instance"}]


def _of_outcome(before: Snapshot, now: Snapshot) -> Notice | None:
    outcome = now.outcome
    if outcome is None or outcome == before.outcome or outcome.result not in _KINDS:
        return None
    if _was_told(before, outcome.failure):
        return None
    kind, name = _KINDS[outcome.result], name_of(now, outcome.target)
    if outcome.result is Result.SWITCHED:
        took = tr("Loaded in {time}.").format(time=seconds_text(outcome.seconds))
        return Notice(kind, tr("{model} is ready").format(model=name), took, warning=False)
    refused = outcome.result is Result.REFUSED
    title = tr("{model} was not loaded").format(model=name) if refused else could_not_be_loaded(name)
    text = with_full_stops(_why(outcome.failure), _afterwards(now, outcome))
    return _with_action(
        Notice(kind, title, text), outcome.failure, outcome.target, running=bool(outcome.serving)
    )


def _of_crash(before: Snapshot, now: Snapshot) -> Notice | None:
    """A server that had been ready, failed, and was not meant to stop."""
    if now.switch is not None or not now.awake:
        return None
    known = {_start_of(server) for server in before.servers if server.state is ServerState.FAILED}
    for server in now.servers:
        was_ready = server.load_seconds is not None
        if was_ready and server.state is ServerState.FAILED and _start_of(server) not in known:
            why = _why(now.failure) or tr("It is started again.")
            return _with_log(Notice("crashed", _stopped(name_of(now, server.model)), why))
    return None


def _of_failure(before: Snapshot, now: Snapshot) -> Notice | None:
    """A failure outside of a switch; within one, the outcome tells it."""
    failure = now.failure
    if failure is None or now.switch is not None or failure == before.failure:
        return None
    if now.outcome is not None and now.outcome.failure == failure:
        return None  # told with the outcome, or of a kind that the user does not want
    was_ready = any(server.load_seconds is not None for server in before.servers)
    name = name_of(now, now.selected)
    if was_ready:
        return _with_log(Notice("crashed", _stopped(name), _why(failure)))
    notice = Notice("failed", could_not_be_loaded(name), _why(failure))
    return _with_action(notice, failure, now.selected, running=False)


def _of_leases(before: Snapshot, now: Snapshot) -> list[Notice]:
    """What was lent since: a model that a program waits for is no news yet, and one that came back is none any more."""
    known = {lease.id for lease in before.leases if lease.granted}
    return [
        Notice(
            "borrowed",
            tr("{program} has borrowed {model}").format(program=lease.owner, model=lease.model_name),
            _comes_back(now, lease),
            warning=False,
        )
        for lease in now.leases
        if lease.granted and lease.id not in known
    ]


def _comes_back(now: Snapshot, lease: LeaseView) -> str:
    if lease.returns_to in (None, lease.model):
        return tr("It has it to itself until it gives it back.")
    return tr("{model} comes back when it is given back.").format(model=name_of(now, lease.returns_to))


def _of_spill(before: Snapshot, now: Snapshot) -> Notice | None:
    """Told once for each start of a server."""
    spill, told = now.spill, before.spill
    if spill is None or (told is not None and (told.model, told.since) == (spill.model, spill.since)):
        return None
    text = with_full_stops(spill.sentence(name_of(now, spill.model)), spill.hint)
    return Notice("spill", tr("Out of GPU memory"), text)


def _of_low_memory(before: Snapshot, now: Snapshot) -> Notice | None:
    """A model that has spilled has told of a full GPU already."""
    low, told = now.low_memory, before.low_memory
    if low is None or (told is not None and (told.device, told.since) == (low.device, low.since)):
        return None
    if now.spill is not None and low.device != RAM:
        return None
    return Notice("low memory", tr("Memory is nearly full"), with_full_stops(low.sentence, low.hint))


def _with_action(notice: Notice, failure: Failure | None, model: str | None, *, running: bool) -> Notice:
    """The notice with the one thing that a click on it does.

    While another model runs that is nothing that would take its place: a click may be meant to put the notice away.
    """
    control, target = (None, "") if failure is None else remedy(failure, model)
    match None if control is None else control.command:
        case Command.SHOW_FILE:
            return _with_click(notice, tr("Click to show the file."), Command.SHOW_FILE, target)
        case Command.RESCAN:
            return _with_click(notice, tr("Click to look for models again."), Command.RESCAN)
        case Command.TRY_AGAIN if not running:
            return _with_click(notice, tr("Click to try again."), Command.TRY_AGAIN, target)
    return _with_log(notice)


def _with_log(notice: Notice) -> Notice:
    return _with_click(notice, tr("Click to show the log."), Command.SHOW_LOG)


def _with_click(notice: Notice, says: str, action: Command, target: str = "") -> Notice:
    return replace(notice, click=says, action=action, target=target)


def _start_of(server: ServerView) -> tuple[str, str, int | None]:
    """What tells one start from another: the random alias, and should it be missing, model and process."""
    return server.alias, server.model, server.pid


def _was_told(before: Snapshot, failure: Failure | None) -> bool:
    """Whether `failure` stood in the last snapshot by itself: then it was told, and its outcome only follows it."""
    if failure is None or before.switch is not None or before.failure != failure:
        return False
    return before.outcome is None or before.outcome.failure != failure


def _why(failure: Failure | None) -> str:
    return "" if failure is None else with_full_stops(failure.sentence, failure.hint)


def _stopped(name: str) -> str:
    return tr("{model} stopped unexpectedly").format(model=name)


def _afterwards(now: Snapshot, outcome: Outcome) -> str:
    if outcome.serving is None:
        return tr("Nothing is served now.")
    name = name_of(now, outcome.serving)
    match outcome.result:
        case Result.REFUSED:
            return tr("{model} keeps running.").format(model=name)
        case Result.ROLLED_BACK:
            return tr("{model} is back.").format(model=name)
        case _:
            return tr("{model} is served instead.").format(model=name)
