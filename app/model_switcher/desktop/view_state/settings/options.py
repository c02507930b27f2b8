"""Launch options as rows: those that are set, with the engine's own help, and those that could be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_switcher.desktop.language import tr
from model_switcher.domain.option_help import find, settable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model_switcher.desktop.view_state.settings.draft import Checked, Draft, Key
    from model_switcher.domain.launch import Option
    from model_switcher.domain.option_help import OptionHelp

ON, OFF = "on", "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionRow:
    """A launch option that is set.

    Attributes:
        key: Where it stands in the file.
        name: As llama-server calls it.
        value: As a text; "on" or "off" for a switch.
        choices: The only values, where there are few.
        help: What it does, in the engine's words, in one paragraph.
        default: What holds without it; empty where the engine does not say.
        problem: What is wrong with it.
        changed: Whether it is not saved yet.
    """

    key: Key
    name: str
    value: str
    choices: tuple[str, ...] = ()
    help: str = ""
    default: str = ""
    problem: str = ""
    changed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionOffer:
    """A launch option that could be set: its name, and what people look for it by."""

    name: str
    text: str
    first: Option


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionsView:
    """The launch options of one table: rows, what can be added, and what holds besides."""

    table: Key
    rows: tuple[OptionRow, ...]
    offers: tuple[OptionOffer, ...]
    note: str = ""


def options_view(draft: Draft, checked: Checked, table: Key, known: Sequence[OptionHelp]) -> OptionsView:
    """The options in a table, `("launch",)` or `("models", NAME)`."""
    there = draft.options(table)
    rows = tuple(
        _row(draft, checked, (*table, name), value, find(known, name))
        for name, value in sorted(there.items())
    )
    taken = {option.name for name in there if (option := find(known, name)) is not None}
    offers = tuple(
        OptionOffer(name=option.name, text=_paragraph(option.text), first=_first(option))
        for option in settable(known)
        if option.name not in taken
    )
    note = ""
    if not known:
        note = tr("The engine has not told its options yet; they can be written all the same.")
    elif table == ("launch",):
        note = tr("%n option(s) of the engine that is set", "", len(offers) + len(taken))
    return OptionsView(table=table, rows=rows, offers=offers, note=note)


def best_offer(offers: Sequence[OptionOffer], typed: str) -> str:
    """The option that is most likely meant: of that name, of a name that begins so, then one that is about it.

    What was typed itself where there is none: it is shown with what is wrong with it.
    """
    wanted = typed.strip().lstrip("-").casefold()
    tests = (
        lambda offer: offer.name == wanted,
        lambda offer: offer.name.startswith(wanted),
        lambda offer: wanted in offer.name,
        lambda offer: wanted in offer.text.casefold(),
    )
    found = (offer.name for test in tests for offer in offers if test(offer))
    return next(found, typed.strip().lstrip("-"))


def _row(draft: Draft, checked: Checked, key: Key, value: Option, option: OptionHelp | None) -> OptionRow:
    switch = isinstance(value, bool) or (option is not None and not option.argument)
    choices = (ON, OFF) if switch else option.choices if option is not None else ()
    return OptionRow(
        key=key,
        name=key[-1],
        value=(ON if value is True else OFF if value is False else str(value)),
        choices=choices,
        help=_paragraph(option.text) if option is not None else "",
        default=(option.default or "") if option is not None else "",
        problem=checked.problems.get(key, ""),
        changed=draft.is_changed(key),
    )


def _first(option: OptionHelp) -> Option:
    """What an option begins with when it is added: its default, where that is a value."""
    if not option.argument:
        return not (option.default or "").startswith(("enabled", "true", "on"))
    default = (option.default or "").split(",")[0].strip()
    if option.choices:
        return default if default in option.choices else option.choices[0]
    for kind in (int, float):
        try:
            return kind(default)
        except ValueError:
            continue
    return default if " " not in default else ""


def _paragraph(text: str) -> str:
    return " ".join(text.split())
