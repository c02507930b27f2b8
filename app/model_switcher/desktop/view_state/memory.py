"""The memory bar: who holds what, and what another model would add."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from model_switcher.desktop.language import gib, size_text, tr
from model_switcher.desktop.view_state.ghosts import Ghost, ghosts_of
from model_switcher.desktop.view_state.shares import Shares, shares
from model_switcher.desktop.wording import alive, coming_up, name_of
from model_switcher.domain.owners import Owner, OwnerKind, Split
from model_switcher.domain.states import COMING_UP

if TYPE_CHECKING:
    from model_switcher.domain.snapshot import Snapshot

SMALLEST = 1 / 400
"""Part of the memory below which a share cannot be seen."""


class Whose(StrEnum):
    """Whose memory a piece of the bar is: its colour."""

    OTHER = "other"
    DESKTOP = "desktop"
    OWN = "own"
    LOADING = "loading"
    GHOST = "ghost"


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the bar: whose, which part of all (0.0–1.0), and what it says under the pointer."""

    whose: Whose
    part: float
    text: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One memory: its name where there are several, its figures, its pieces from the left, and what may come."""

    name: str
    figures: str
    segments: tuple[Segment, ...]
    ghost: Ghost | None = None


@dataclass(frozen=True, slots=True)
class Legend:
    """An entry under the bar: "other apps **5.4**".

    Attributes:
        whose: The piece of the bar that it is about.
        text: What it is.
        figure: How much, in GiB.
        rest: What follows the figure in a lighter way.
        short: What it is, where there is no room for `text`.
    """

    whose: Whose
    text: str
    figure: str
    rest: str = ""
    short: str = ""


@dataclass(frozen=True, slots=True)
class MemoryView:
    """All about memory.

    Attributes:
        bars: One for each GPU, or one for main memory.
        legend: What the pieces are.
        figures: "10.4 / 16.0 GiB" of one memory; the sum of several.
        note: What is wrong with the figures; empty when they are right.
        spoken: All of it in sentences, for those who cannot see it.
    """

    bars: tuple[Bar, ...]
    legend: tuple[Legend, ...]
    figures: str
    note: str
    spoken: str


def memory_view(snapshot: Snapshot, pointed: str | None = None) -> MemoryView:
    """The memory, with the ghost of the model `pointed` at."""
    known = shares(snapshot)
    note = _note(snapshot, known)
    if not known.splits:
        return MemoryView((), (), "", note, note)
    ghosts = ghosts_of(snapshot, known, pointed)
    several = len(known.splits) > 1
    bars = tuple(
        Bar(
            (one.name or known.label) if several else "",
            _figures(_used(one), one.total),
            _segments(snapshot, one),
            ghosts.on.get(one.device),
        )
        for one in known.splits
    )
    legend = _legend(snapshot, known)
    if ghosts.legend is not None:
        text, short, figure = ghosts.legend
        legend = (*legend, Legend(Whose.GHOST, text, figure, short=short))
    figures = _figures(sum(map(_used, known.splits)), sum(one.total for one in known.splits))
    spoken = _spoken(known.label, figures, legend)
    return MemoryView(bars, legend, figures, note, f"{spoken} {note}".strip())


def _note(snapshot: Snapshot, known: Shares) -> str:
    readings = snapshot.readings
    if readings is None:
        return ""
    if readings.missing:
        names = ", ".join(dict.fromkeys(readings.missing))
        return tr("{gpu} does not answer; its memory is unknown").format(gpu=names)
    if not known.splits:
        return tr("How much memory is in use is unknown")
    problem = readings.gpu_problem or ""
    return problem[:1].upper() + problem[1:]


def _segments(snapshot: Snapshot, one: Split) -> tuple[Segment, ...]:
    coming = {server.model for server in snapshot.servers if server.state in COMING_UP}
    order = sorted(one.owners, key=lambda owner: owner.kind is OwnerKind.SERVER)  # ours after all others
    return tuple(
        Segment(_whose(owner, coming), owner.used / one.total, _owner_text(snapshot, owner))
        for owner in order
        if owner.kind is not OwnerKind.FREE and owner.used / one.total >= SMALLEST
    )


def _whose(owner: Owner, coming: set[str]) -> Whose:
    match owner.kind:
        case OwnerKind.SERVER:
            return Whose.LOADING if owner.name in coming else Whose.OWN
        case OwnerKind.PROGRAM:
            return Whose.OTHER
        case _:
            return Whose.DESKTOP


def _owner_text(snapshot: Snapshot, owner: Owner) -> str:
    match owner.kind:
        case OwnerKind.SERVER:
            name = name_of(snapshot, owner.name)
        case OwnerKind.PROGRAM:
            name = owner.name
        case OwnerKind.DESKTOP:
            name = tr("desktop and driver")
        case _:
            name = tr("other programs")
    return f"{name}: {size_text(owner.used)}"


def _legend(snapshot: Snapshot, known: Shares) -> tuple[Legend, ...]:
    ours = known.of(OwnerKind.SERVER)
    others = known.used - ours
    living = alive(snapshot)
    # Where the driver does not tell whose memory it is, ours is among the rest.
    nobody_knows = bool(living) and not ours
    text, short = (tr("in use"), "") if nobody_knows else (tr("other apps"), tr("others"))
    entries = [Legend(Whose.OTHER, text, gib(others), short=short)]
    coming = coming_up(snapshot)
    loaded = 0 if coming is None else known.of_model(coming.model)
    if ours > loaded or (ours and coming is None):
        count = len(living) - (coming is not None)
        text = tr("this server") if count == 1 else tr("%n server(s)", "", count)
        short = tr("server") if count == 1 else ""
        entries.append(Legend(Whose.OWN, text, gib(ours - loaded), short=short))
    if coming is not None and loaded:
        need = known.need(snapshot, coming.model)
        entries.append(
            Legend(Whose.LOADING, tr("loading"), gib(loaded), "" if need is None else f"/ {gib(need)}")
        )
    return tuple(entries)


def _used(one: Split) -> int:
    return one.total - one.used_by(OwnerKind.FREE)


def _figures(used: int, total: int) -> str:
    return tr("{used} / {total} GiB").format(used=gib(used), total=gib(total))


def _spoken(label: str, figures: str, legend: tuple[Legend, ...]) -> str:
    entries = ", ".join(" ".join(part for part in (one.text, one.figure, one.rest) if part) for one in legend)
    return f"{label}: {figures}; {entries}."
