"""The style sheet of the settings window, beside that of the panel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_switcher.desktop.panel.style import sheet as panel_sheet

if TYPE_CHECKING:
    from model_switcher.desktop.panel.look import Look


def sheet(look: Look) -> str:
    """The style sheet in these colours and sizes."""
    c, px = look.colours, look.px
    return f"""
    {panel_sheet(look)}
    SettingsWindow, QWidget#page {{ background: {c.background}; }}
    QWidget#side {{ background: {c.card}; border-right: 1px solid {c.line}; }}
    QWidget#foot {{ background: {c.card}; border-top: 1px solid {c.line}; }}
    QWidget#notice {{ background: {c.hover}; border-radius: {px(8)}px; }}
    QWidget#strip, QFrame#engine {{
        background: {c.card}; border: 1px solid {c.line}; border-radius: {px(8)}px;
    }}
    QFrame#engine[chosen="true"] {{ border: 1px solid {c.accent}; }}
    QListWidget#pages {{
        background: transparent; border: none; outline: none; font-size: {look.text.pixelSize()}px;
    }}
    QListWidget#pages::item {{
        padding: {px(7)}px {px(10)}px; border-radius: {px(7)}px; color: {c.text}; border: 2px solid transparent;
    }}
    QListWidget#pages::item:hover {{ background: {c.hover}; }}
    QListWidget#pages::item:selected {{ background: {c.accent}; color: {c.on_accent}; }}
    QListWidget#pages::item:focus {{ border: 2px solid {c.text}; }}
    QLineEdit, QComboBox {{
        background: {c.card}; border: 1px solid {c.frame}; border-radius: {px(7)}px;
        padding: {px(3)}px {px(8)}px; min-height: {px(22)}px; font-size: {look.text.pixelSize()}px;
    }}
    QLineEdit:focus, QComboBox:focus {{ border: 2px solid {c.accent}; padding: {px(3) - 1}px {px(8) - 1}px; }}
    QLineEdit[wrong="true"], QComboBox[wrong="true"] {{ border: 2px solid {c.bad}; padding: {px(3) - 1}px {px(8) - 1}px; }}
    QLineEdit:disabled, QComboBox:disabled {{ color: {c.dim}; }}
    QComboBox::drop-down {{ border: none; width: {px(22)}px; }}
    QComboBox::down-arrow {{ image: none; }}
    QComboBox QAbstractItemView, QListView#completions {{
        background: {c.card}; color: {c.text}; border: 1px solid {c.frame}; outline: none;
        selection-background-color: {c.accent}; selection-color: {c.on_accent};
    }}
    QComboBox QAbstractItemView::item, QListView#completions::item {{ min-height: {px(26)}px; padding: 0 {px(6)}px; }}
    QCheckBox, QRadioButton {{ font-size: {look.text.pixelSize()}px; spacing: {px(8)}px; }}
    """
