"""What the settings window shows, as frozen values. Knows no Qt."""

from model_switcher.desktop.view_state.settings.draft import Draft, Key
from model_switcher.desktop.view_state.settings.fields import Choice, Editor, Effect, FieldView, typed
from model_switcher.desktop.view_state.settings.page import (
    PageId,
    PageView,
    Section,
    Sources,
    WindowView,
    window_view,
)

__all__ = [
    "Choice",
    "Draft",
    "Editor",
    "Effect",
    "FieldView",
    "Key",
    "PageId",
    "PageView",
    "Section",
    "Sources",
    "WindowView",
    "typed",
    "window_view",
]
