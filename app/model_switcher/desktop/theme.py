"""The colours of the desktop, dark and light."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import Qt

if TYPE_CHECKING:
    from PySide6.QtGui import QStyleHints


@dataclass(frozen=True, slots=True, kw_only=True)
class Colours:
    """One set of colours, as "#rrggbb".

    Attributes:
        background, text, dim, line, frame, card, hover, accent: Of windows and menus; `frame` round words, `card` of
            fields and buttons, `hover` of the row under the mark.
        own, other, free: Of the memory bar: this server, other programs, nothing.
        good, warning, bad: Of states.
        track: Of the part of a ring that is not filled.
        idle: Of a ring or a centre while nothing is served.
        ram: Of the ring where there is no GPU.
    """

    background: str
    text: str
    dim: str
    line: str
    frame: str
    card: str
    hover: str
    accent: str
    on_accent: str
    own: str
    other: str
    free: str
    good: str
    warning: str
    bad: str
    track: str
    idle: str
    ram: str


LIGHT = Colours(
    background="#fbfbfc",
    text="#1d2026",
    dim="#646a76",
    line="#e6e8ec",
    frame="#d5d9e0",
    card="#ffffff",
    hover="#eef3ff",
    accent="#2f6fed",
    on_accent="#ffffff",
    own="#2f6fed",
    other="#a9b0bd",
    free="#e9ecf1",
    good="#157d42",
    warning="#9c5d00",
    bad="#c4314b",
    track="#c3c8d1",
    idle="#7b8291",
    ram="#6b4ee6",
)
DARK = Colours(
    background="#1f2126",
    text="#eceef2",
    dim="#9aa1ad",
    line="#30333a",
    frame="#484d57",
    card="#26292f",
    hover="#2b3550",
    accent="#6ea0ff",
    on_accent="#14161a",
    own="#6ea0ff",
    other="#6b7280",
    free="#33373f",
    good="#4cc983",
    warning="#e8a33d",
    bad="#ff7588",
    track="#4a505c",
    idle="#8b93a1",
    ram="#9a86ff",
)

# For those who ask their system for high contrast: every text at 7:1 and more, every shape at 4.5:1 and more.
LIGHT_CONTRAST = replace(
    LIGHT,
    background="#ffffff",
    text="#000000",
    dim="#3a3d43",
    line="#5c6068",
    frame="#5c6068",
    hover="#dde8ff",
    accent="#0a3fae",
    own="#0a3fae",
    other="#5c6068",
    free="#ffffff",
    good="#00501f",
    warning="#663d00",
    bad="#8c0f28",
    track="#8a8f99",
    idle="#4a4e57",
    ram="#3d22b0",
)
DARK_CONTRAST = replace(
    DARK,
    background="#000000",
    text="#ffffff",
    dim="#d4d8df",
    line="#9aa1ad",
    frame="#9aa1ad",
    card="#000000",
    hover="#1d2c52",
    accent="#a8c6ff",
    on_accent="#000000",
    own="#a8c6ff",
    other="#8b93a1",
    free="#000000",
    good="#7df0ad",
    warning="#ffc66b",
    bad="#ffa8b4",
    track="#5a606c",
    idle="#b9c0cb",
    ram="#c6bbff",
)


def colours(setting: Literal["system", "light", "dark"], hints: QStyleHints) -> Colours:
    """The colours that the setting, or else the system, asks for.

    A system that does not tell gets the dark ones: panels that hold a tray are dark there as a rule.
    """
    light = hints.colorScheme() is Qt.ColorScheme.Light if setting == "system" else setting == "light"
    if wants_contrast(hints):
        return LIGHT_CONTRAST if light else DARK_CONTRAST
    return LIGHT if light else DARK


def wants_contrast(hints: QStyleHints) -> bool:
    """Whether the system asks for high contrast; Qt tells from 6.10 on."""
    accessibility = getattr(hints, "accessibility", None)
    return accessibility is not None and bool(
        accessibility().contrastPreference() is Qt.ContrastPreference.HighContrast
    )


def menu_style(c: Colours) -> str:
    """The style sheet of menus that Qt draws itself (Windows, older Linux trays)."""
    return f"""
    QMenu {{ background: {c.background}; color: {c.text}; border: 1px solid {c.line}; padding: 5px; }}
    QMenu::item {{ padding: 6px 12px 6px 14px; border-radius: 5px; }}
    QMenu[places="true"]::item {{ padding-right: 30px; }}
    QMenu::item:selected {{ background: {c.accent}; color: {c.on_accent}; }}
    QMenu::item:disabled {{ background: transparent; color: {c.dim}; }}
    QMenu::indicator {{ width: 8px; height: 8px; border-radius: 4px; margin-left: 9px; }}
    QMenu::indicator:checked {{ background: {c.text}; }}
    QMenu::indicator:checked:selected {{ background: {c.on_accent}; }}
    QMenu::separator {{ height: 1px; background: {c.line}; margin: 5px 8px; }}
    """
