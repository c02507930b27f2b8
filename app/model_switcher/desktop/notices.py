"""What the user is told about changes, as values made from two snapshots. Knows no Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_switcher.desktop.language import seconds_text, tr
from model_switcher.desktop.wording import could_not_be_loaded, name_of, with_full_stops
from model_switcher.domain.snapshot import Result, Snapshot
from model_switcher.domain.states import ServerState

if TYPE_CHECKING:
    from collections.abc import Collection

    from model_switcher.domain.snapshot import Outcome, ServerView
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
    """

    kind: str
    title: str
    text: str
    warning: bool = True


def notices(before: Snapshot | None, now: Snapshot, kinds: Collection[str]) -> list[Notice]:
    """What to tell of the change from `before` to `now`: at most one notice for one event, of `kinds` only.

    Snapshots in between may have been skipped; `before` is None for the first one.
    """
    before = before if before is not None else Snapshot()
    found = [_of_outcome(before, now) or _of_crash(before, now) or _of_failure(before, now)]
    if now.notice is not None and now.notice != before.notice:
        found.append(Notice("instance", "Model Switcher", now.notice))
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
    return Notice(kind, title, with_full_stops(_why(outcome.failure), _afterwards(now, outcome)))


def _of_crash(before: Snapshot, now: Snapshot) -> Notice | None:
    """A server that had been ready, failed, and was not meant to stop."""
    if now.switch is not None or not now.awake:
        return None
    known = {_start_of(server) for server in before.servers if server.state is ServerState.FAILED}
    for server in now.servers:
        was_ready = server.load_seconds is not None
        if was_ready and server.state is ServerState.FAILED and _start_of(server) not in known:
            why = _why(now.failure) or tr("It is started again.")
            return Notice("crashed", _stopped(name_of(now, server.model)), why)
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
        return Notice("crashed", _stopped(name), _why(failure))
    return Notice("failed", could_not_be_loaded(name), _why(failure))


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
