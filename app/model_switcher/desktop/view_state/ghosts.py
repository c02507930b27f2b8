"""The ghost in the memory bar: what the model under the pointer, or the one that loads, will take."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from model_switcher.desktop.language import gib, tr
from model_switcher.desktop.view_state.tones import Tone
from model_switcher.desktop.wording import alive, coming_up, elide, name_of
from model_switcher.domain.need import FitKind
from model_switcher.domain.owners import OwnerKind

if TYPE_CHECKING:
    from model_switcher.desktop.view_state.shares import Shares
    from model_switcher.domain.owners import Split
    from model_switcher.domain.snapshot import Snapshot

SHORT_NAME = 18
"""Characters of a name that the legend has room for."""

_TONES = {FitKind.TIGHT: Tone.WARNING, FitKind.SHORT: Tone.BAD}


@dataclass(frozen=True, slots=True)
class Ghost:
    """A piece of the bar that is not there yet: where it begins and how long it is (parts of all), and how it is meant."""

    begin: float
    length: float
    tone: Tone = Tone.GOOD


@dataclass(frozen=True, slots=True)
class Ghosts:
    """The ghosts by device, and what the legend says of them: text, a shorter one, and figure."""

    on: dict[str, Ghost] = field(default_factory=dict)
    legend: tuple[str, str, str] | None = None


def ghosts_of(snapshot: Snapshot, known: Shares, pointed: str | None) -> Ghosts:
    """What the model that loads will still take, or the one that is next; else what the model `pointed` at would."""
    coming = coming_up(snapshot)
    if coming is not None:
        need = known.need(snapshot, coming.model)
        missing = 0 if need is None else need - known.of_model(coming.model)
        return Ghosts(_beside(known, missing, Tone.GOOD)) if missing > 0 else Ghosts()
    if snapshot.switch is not None:
        pointed = snapshot.switch.target
    if pointed is None or any(server.model == pointed for server in alive(snapshot)):
        return Ghosts()
    return _pointed(snapshot, known, pointed)


def _pointed(snapshot: Snapshot, known: Shares, model: str) -> Ghosts:
    fit = snapshot.fits.get(model)
    if fit is None or fit.need is None:
        return Ghosts()
    tone = _TONES.get(fit.kind, Tone.GOOD)
    name = elide(name_of(snapshot, model), SHORT_NAME)
    if fit.kind is FitKind.BESIDE or not known.of(OwnerKind.SERVER):
        text = tr("with {model}").format(model=name)
        return Ghosts(_beside(known, fit.need, tone), (text, tr("with it"), f"+{gib(fit.need)}"))
    text = tr("{model} instead").format(model=name)
    return Ghosts(_instead(known, fit.need, tone), (text, tr("instead"), gib(fit.need)))


def _beside(known: Shares, need: int, tone: Tone) -> dict[str, Ghost]:
    free = [(one, one.used_by(OwnerKind.FREE)) for one in known.splits]
    return _spread(free, need, tone)


def _instead(known: Shares, need: int, tone: Tone) -> dict[str, Ghost]:
    """Over what is ours now: all of that goes first."""
    free = [(one, one.used_by(OwnerKind.FREE) + one.used_by(OwnerKind.SERVER)) for one in known.splits]
    return _spread(free, need, tone)


def _spread(free: list[tuple[Split, int]], need: int, tone: Tone) -> dict[str, Ghost]:
    """llama.cpp gives each GPU layers by the memory that is free on it; what finds no room is cut at the end."""
    everything = sum(size for _, size in free)
    if not everything:
        return {}
    ghosts = {}
    for one, size in free:
        part = min(need * size / everything, size)
        ghosts[one.device] = Ghost((one.total - size) / one.total, part / one.total, tone)
    return ghosts
