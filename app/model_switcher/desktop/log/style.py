"""The style sheet of the log window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_switcher.desktop.panel.style import sheet

if TYPE_CHECKING:
    from model_switcher.desktop.panel.look import Look


def log_sheet(look: Look) -> str:
    """The panel's style sheet, and that of the lines."""
    c, px = look.colours, look.px
    return f"""{sheet(look)}
    QWidget#log {{ background: {c.background}; }}
    QTableView {{
        background: {c.card}; border: none; border-top: 1px solid {c.line}; border-bottom: 1px solid {c.line};
        outline: none;
    }}
    QTableView:focus {{ border-top: 2px solid {c.accent}; border-bottom: 2px solid {c.accent}; }}
    QScrollBar:horizontal {{ background: transparent; height: {px(10)}px; }}
    QScrollBar::handle:horizontal {{
        background: {c.other}; border-radius: {px(3)}px; min-width: {px(28)}px; margin: {px(2)}px 0;
    }}
    QScrollBar::handle:horizontal:hover {{ background: {c.dim}; }}
    """
