"""The lines between the head and the list: what was chosen while requests run, and what went wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_switcher.desktop.language import tr
from model_switcher.desktop.view_state.controls import remedy
from model_switcher.desktop.view_state.tones import Tone
from model_switcher.desktop.wording import could_not_be_loaded, name_of, with_full_stops
from model_switcher.domain.snapshot import Phase, Reason, Result

if TYPE_CHECKING:
    from model_switcher.desktop.view_state.controls import Control
    from model_switcher.domain.snapshot import Outcome, Snapshot
    from model_switcher.domain.states import Failure


@dataclass(frozen=True, slots=True)
class BusyView:
    """Answers that run while another model is next: what stands there, and the model that is next."""

    text: str
    model: str


@dataclass(frozen=True, slots=True)
class Banner:
    """Something that the user should know.

    Attributes:
        key: Two banners with the same key are the same news: one that was put away stays away.
        tone: How bad it is.
        title: What happened, in bold.
        text: Why, and what can be done.
        action: What can be done here; None for nothing.
        target: The model or the file that the action is about.
    """

    key: str
    tone: Tone
    title: str
    text: str
    action: Control | None = None
    target: str = ""


def busy_view(snapshot: Snapshot) -> BusyView | None:
    """The question what shall become of running answers; None while none stand in the way of a choice."""
    switch = snapshot.switch
    if switch is None or switch.phase is not Phase.DRAIN or switch.reason is not Reason.CHOICE:
        return None
    count = sum(server.in_flight for server in snapshot.servers)
    if not count:
        return None
    text = tr("1 request is running") if count == 1 else tr("%n requests are running", "", count)
    return BusyView(text, switch.target)


def banners(snapshot: Snapshot) -> tuple[Banner, ...]:
    """What is wrong, the worst first."""
    found = [
        None if snapshot.switch is not None else _of_failure(snapshot),
        _of_spill(snapshot) or _of_low_memory(snapshot),
        _of_text(tr("Model Switcher"), snapshot.notice),
        _of_text(tr("The settings file"), snapshot.settings_notice),
        _of_text(tr("Memory that did not come back"), snapshot.memory_notice),
        _of_text(tr("The model's file"), snapshot.file_notice),
    ]
    return tuple(banner for banner in found if banner is not None)


def _of_failure(snapshot: Snapshot) -> Banner | None:
    failure, outcome = snapshot.failure, snapshot.outcome
    if failure is not None:
        title = could_not_be_loaded(name_of(snapshot, snapshot.selected))
        action, target = remedy(failure, snapshot.selected)
        key = f"{failure.cause} {snapshot.selected}"
        return Banner(key, Tone.BAD, title, _why(failure), action, target)
    if outcome is None or outcome.failure is None:
        return None
    title = could_not_be_loaded(name_of(snapshot, outcome.target))
    action, target = remedy(outcome.failure, outcome.target)
    text = with_full_stops(_why(outcome.failure), _afterwards(snapshot, outcome))
    return Banner(f"{outcome.finished}", Tone.WARNING, title, text, action, target)


def _of_spill(snapshot: Snapshot) -> Banner | None:
    spill = snapshot.spill
    if spill is None:
        return None
    text = with_full_stops(spill.sentence(name_of(snapshot, spill.model)), spill.hint)
    return Banner(f"spill {spill.model} {spill.since}", Tone.WARNING, tr("Out of GPU memory"), text)


def _of_low_memory(snapshot: Snapshot) -> Banner | None:
    low = snapshot.low_memory
    if low is None:
        return None
    text = with_full_stops(low.sentence, low.hint)
    return Banner(f"low {low.device} {low.since}", Tone.WARNING, tr("Memory is nearly full"), text)


def _of_text(title: str, text: str | None) -> Banner | None:
    return None if not text else Banner(text, Tone.WARNING, title, text)


def _why(failure: Failure) -> str:
    return with_full_stops(failure.sentence, failure.hint)


def _afterwards(snapshot: Snapshot, outcome: Outcome) -> str:
    if outcome.serving is None:
        return ""
    name = name_of(snapshot, outcome.serving)
    match outcome.result:
        case Result.REFUSED:
            return tr("{model} keeps running").format(model=name)
        case Result.ROLLED_BACK:
            return tr("{model} is back").format(model=name)
        case _:
            return tr("{model} is served instead").format(model=name)
