"""What is on the screen, as frozen values made from a snapshot. Knows no Qt, so that all wording is tested as text."""

from model_switcher.desktop.view_state.controls import Command, Control
from model_switcher.desktop.view_state.icon import (
    LEVELS,
    NEARLY_FULL,
    PROGRESS_STEPS,
    Centre,
    IconView,
    Ring,
    icon_view,
)
from model_switcher.desktop.view_state.panel import PanelView, panel_view
from model_switcher.desktop.view_state.rows import Glyph, RowKey, RowKind, RowView, row_view
from model_switcher.desktop.view_state.tones import Tone
from model_switcher.desktop.view_state.tray import (
    ModelEntry,
    PlaceEntries,
    ViewState,
    remember,
    view_state,
)

__all__ = [
    "LEVELS",
    "NEARLY_FULL",
    "PROGRESS_STEPS",
    "Centre",
    "Command",
    "Control",
    "Glyph",
    "IconView",
    "ModelEntry",
    "PanelView",
    "PlaceEntries",
    "Ring",
    "RowKey",
    "RowKind",
    "RowView",
    "Tone",
    "ViewState",
    "icon_view",
    "panel_view",
    "remember",
    "row_view",
    "view_state",
]
