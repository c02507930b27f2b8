"""The style sheet of those parts of the panel that Qt draws: buttons, the filter field, scroll bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from model_switcher.desktop.panel.look import Look


def sheet(look: Look) -> str:
    """The style sheet in these colours and sizes; a `kind` property tells one sort of button from another."""
    c, px = look.colours, look.px
    return f"""
    QWidget {{ color: {c.text}; font-size: {look.line.pixelSize()}px; }}
    QPushButton {{
        background: {c.card}; border: 1px solid {c.line}; border-radius: {px(7)}px;
        padding: {px(5)}px {px(10)}px; min-height: {px(16)}px;
    }}
    QPushButton:hover {{ border-color: {c.dim}; }}
    QPushButton:pressed {{ background: {c.free}; }}
    QPushButton:focus {{ border: 2px solid {c.accent}; padding: {px(5) - 1}px {px(10) - 1}px; outline: none; }}
    QPushButton[kind="link"] {{
        background: transparent; border: 1px solid transparent; color: {c.dim};
        padding: {px(3)}px {px(5)}px;
    }}
    QPushButton[kind="link"]:hover {{ color: {c.text}; text-decoration: underline; }}
    QPushButton[kind="link"]:focus {{
        color: {c.text}; border: 2px solid {c.accent}; border-radius: {px(5)}px;
        padding: {px(3) - 1}px {px(5) - 1}px;
    }}
    QPushButton[kind="main"] {{ background: {c.accent}; color: {c.on_accent}; border-color: {c.accent}; }}
    QPushButton[kind="main"]:disabled {{ background: {c.free}; color: {c.dim}; border-color: {c.free}; }}
    QPushButton[kind="main"]:focus {{ border: 2px solid {c.text}; }}
    QPushButton[kind="part"] {{ padding: {px(3)}px {px(9)}px; border-radius: {px(6)}px; }}
    QPushButton[kind="part"]:checked {{
        background: {c.accent}; color: {c.on_accent}; border-color: {c.accent};
    }}
    QPushButton[kind="part"]:focus {{
        border: 2px solid {c.accent}; padding: {px(3) - 1}px {px(9) - 1}px;
    }}
    QPushButton[kind="part"]:checked:focus {{ border-color: {c.text}; }}
    QPushButton:disabled, QPushButton[kind="link"]:disabled {{ color: {c.other}; }}
    QLineEdit {{
        background: {c.card}; border: 1px solid {c.line}; border-radius: {px(8)}px;
        padding: {px(6)}px {px(4)}px; font-size: {look.text.pixelSize()}px; min-height: {px(19)}px;
        selection-background-color: {c.accent}; selection-color: {c.on_accent};
        placeholder-text-color: {c.dim};
    }}
    QLineEdit:focus {{ border-color: {c.accent}; }}
    QListView, QScrollArea, QScrollArea > QWidget > QWidget {{ background: transparent; border: none; outline: none; }}
    QScrollBar:vertical {{ background: transparent; width: {px(10)}px; margin: 0 0 {px(2)}px 0; }}
    QScrollBar::handle:vertical {{
        background: {c.other}; border-radius: {px(3)}px; min-height: {px(28)}px;
        margin: 0 {px(2)}px 0 {px(2)}px;
    }}
    QScrollBar::handle:vertical:hover {{ background: {c.dim}; }}
    QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page {{
        background: none; border: none; height: 0;
    }}
    QToolTip {{
        background: {c.card}; color: {c.text}; border: 1px solid {c.line}; padding: {px(3)}px;
        font-size: {look.line.pixelSize()}px;
    }}
    """
