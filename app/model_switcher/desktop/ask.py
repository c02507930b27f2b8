"""What the fixed entries of the menu and the links of the panel ask for."""

from __future__ import annotations

from enum import StrEnum


class Ask(StrEnum):
    """One thing that is asked for by a click."""

    CONTROL = "control"
    PAUSE = "pause"
    COPY = "copy"
    WEB_UI = "web ui"
    LOG = "log"
    RESCAN = "rescan"
    PANEL = "panel"
    SETTINGS = "settings"
    LOGIN = "login"
    QUIT = "quit"
