"""What stands below the pages: what is not saved, what is wrong, and what still has to be done for it to count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_switcher.desktop.language import tr
from model_switcher.desktop.view_state.settings.fields import Effect, effect_of
from model_switcher.desktop.view_state.tones import Tone
from model_switcher.desktop.wording import name_of

if TYPE_CHECKING:
    from model_switcher.desktop.view_state.settings.draft import Checked, Draft
    from model_switcher.desktop.view_state.settings.sources import Sources


@dataclass(frozen=True, slots=True, kw_only=True)
class FootView:
    """Below the pages.

    Attributes:
        text: What is the case with the changes.
        tone: How good that is.
        can_save, can_discard: Whether there is anything to save, and nothing wrong; anything to take back.
        broken: Why nothing can be saved: what is wrong with the file; empty if nothing is.
        outdated: Models that run with older settings, by their ids.
        outdated_text: The same in a sentence.
        restart: What counts from the next start on.
    """

    text: str = ""
    tone: Tone = Tone.DIM
    can_save: bool = False
    can_discard: bool = False
    broken: str = ""
    outdated: tuple[str, ...] = ()
    outdated_text: str = ""
    restart: str = ""


def foot_view(draft: Draft, checked: Checked, sources: Sources) -> FootView:
    """What stands there now."""
    state, snapshot = draft.state, sources.snapshot
    broken = "; ".join(problem.message for problem in state.problems)
    text, tone = _text(draft, checked, sources)
    names = [name_of(snapshot, model) for model in snapshot.outdated]
    return FootView(
        text=text,
        tone=tone,
        can_save=bool(draft.changes) and not checked.problems and not broken,
        can_discard=bool(draft.changes),
        broken=broken,
        outdated=snapshot.outdated,
        outdated_text=tr("{models} runs with older settings.").format(models=", ".join(names))
        if names
        else "",
        restart=tr("The address in the file counts from the next start of Model Switcher on.")
        if state.after_restart
        else "",
    )


def _text(draft: Draft, checked: Checked, sources: Sources) -> tuple[str, Tone]:
    if sources.error is not None:
        return " ".join(part for part in (f"{sources.error.message}.", sources.error.hint) if part), Tone.BAD
    if checked.problems:
        return tr("%n value(s) to correct first", "", len(checked.problems)), Tone.BAD
    if draft.changes:
        effects = {effect_of(key) for key in draft.changes}
        count = tr("%n change(s) not saved", "", len(draft.changes))
        return f"{count} · {_when(effects)}", Tone.PLAIN
    if sources.saved:
        return tr("Saved"), Tone.GOOD
    return "", Tone.DIM


def _when(effects: set[Effect]) -> str:
    if effects == {Effect.AT_ONCE}:
        return tr("counts at once")
    parts = (
        tr("models that run have to be loaded again for it") if Effect.NEXT_LOAD in effects else "",
        tr("the program has to be started again for it") if Effect.NEXT_START in effects else "",
    )
    return ", ".join(part for part in parts if part)
