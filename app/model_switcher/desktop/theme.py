"""The colours of the desktop, dark and light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import Qt

if TYPE_CHECKING:
    from PySide6.QtGui import QStyleHints


@dataclass(frozen=True, slots=True, kw_only=True)
class Colours:
    """One set of colours, as "#rrggbb".

    Attributes:
        background, text, dim, line, card, hover, accent: Of windows and menus.
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
    dim="#6a707c",
    line="#e6e8ec",
    accent="#2f6fed",
    on_accent="#ffffff",
    own="#2f6fed",
    other="#a9b0bd",
    free="#e9ecf1",
    good="#1a8f4c",
    warning="#b26a00",
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
    accent="#6ea0ff",
    on_accent="#14161a",
    own="#6ea0ff",
    other="#6b7280",
    free="#33373f",
    good="#4cc983",
    warning="#e8a33d",
    bad="#ff6b81",
    track="#4a505c",
    idle="#8b93a1",
    ram="#9a86ff",
)


def colours(setting: Literal["system", "light", "dark"], hints: QStyleHints) -> Colours:
    """The colours that the setting, or else the system, asks for.

    A system that does not tell gets the dark ones: panels that hold a tray are dark there as a rule.
    """
    if setting == "system":
        return LIGHT if hints.colorScheme() is Qt.ColorScheme.Light else DARK
    return LIGHT if setting == "light" else DARK


def menu_style(c: Colours) -> str:
    """The style sheet of menus that Qt draws itself (Windows, older Linux trays)."""
    return f"""
    QMenu {{ background: {c.background}; color: {c.text}; border: 1px solid {c.line}; padding: 5px; }}
    QMenu::item {{ padding: 6px 12px 6px 14px; border-radius: 5px; }}
    QMenu::item:selected {{ background: {c.accent}; color: {c.on_accent}; }}
    QMenu::item:disabled {{ background: transparent; color: {c.dim}; }}
    QMenu::indicator {{ width: 8px; height: 8px; border-radius: 4px; margin-left: 9px; }}
    QMenu::indicator:checked {{ background: {c.text}; }}
    QMenu::indicator:checked:selected {{ background: {c.on_accent}; }}
    QMenu::separator {{ height: 1px; background: {c.line}; margin: 5px 8px; }}
    """
