"""The groups of the panel's list, and which rows are in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_switcher.desktop.language import tr
from model_switcher.desktop.view_state.listing import listing, search_words
from model_switcher.desktop.view_state.rows import RowKey, RowKind
from model_switcher.desktop.wording import alive
from model_switcher.domain.states import COMING_UP

if TYPE_CHECKING:
    from collections.abc import Iterable

    from model_switcher.domain.snapshot import Snapshot

RECENT = 6
"""Rows of the group of recent models."""


@dataclass(frozen=True, slots=True)
class Section:
    """A group: its title, and its rows in order."""

    title: str
    rows: tuple[RowKey, ...]


def sections(snapshot: Snapshot, recent: Iterable[str] = (), pattern: str = "") -> tuple[Section, ...]:
    """The groups that have rows: borrowed, in memory, recent, all others, and files that cannot be loaded.

    Args:
        snapshot: What is the case.
        recent: Ids of models chosen before, the latest first.
        pattern: What is typed into the filter; every word of it must be found in what is known of a model.
    """
    known, words = listing(snapshot.catalog), search_words(pattern)
    shown = {key: model for key, model in known.models.items() if not words or known.matches(model, words)}
    loaded = (server.model for server in alive(snapshot) if server.state not in COMING_UP)
    resident = [key for key in dict.fromkeys(loaded) if key in shown]
    switch = snapshot.switch
    wanted = () if switch is None else (switch.target, switch.source or "")
    used = [key for key in dict.fromkeys((*wanted, snapshot.selected or "", *recent)) if key in shown]
    late = [key for key in used if key not in resident][:RECENT]
    taken = {*resident, *late}
    rest = [key for key in shown if key not in taken]
    broken = [key for key, one in known.rejected.items() if not words or known.matches_file(one, words)]
    groups = (
        (tr("Borrowed"), RowKind.LEASE, [] if words else [one.id for one in snapshot.leases]),
        (tr("In memory"), RowKind.MODEL, resident),
        (tr("Recent"), RowKind.MODEL, late),
        (tr("All other models") if taken else tr("All models"), RowKind.MODEL, rest),
        (tr("Cannot be loaded"), RowKind.FILE, broken),
    )
    return tuple(
        Section(title, tuple(RowKey(kind, key) for key in keys)) for title, kind, keys in groups if keys
    )
