"""The rows of the panel's list, as a test asks for them."""

from __future__ import annotations

from fakes import panel_states as states
from model_switcher.desktop.view_state import RowView, Tone, panel_view, row_view
from model_switcher.domain.snapshot import Snapshot


def listed(snapshot: Snapshot, pattern: str = "") -> dict[str, list[str]]:
    """The names in each group."""
    view = panel_view(snapshot, recent=states.RECENT, pattern=pattern)
    rows = {section.title: [row_view(snapshot, key) for key in section.rows] for section in view.sections}
    return {title: [row.name for row in group if row is not None] for title, group in rows.items()}


def row(snapshot: Snapshot, name: str) -> RowView:
    """The first row of that name."""
    for section in panel_view(snapshot, recent=states.RECENT).sections:
        for key in section.rows:
            found = row_view(snapshot, key)
            if found is not None and found.name == name:
                return found
    raise LookupError(name)


def fit_of(snapshot: Snapshot, name: str) -> tuple[Tone, str, str]:
    fit = row(snapshot, name).fit
    return fit.tone, fit.text, fit.note
