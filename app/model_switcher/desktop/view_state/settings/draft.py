"""What was changed in the window and is not saved yet, with all that is wrong with it."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from model_switcher.desktop.language import tr
from model_switcher.domain.option_help import find
from model_switcher.domain.settings import ModelSettings, Settings
from model_switcher.domain.settings_form import parse
from model_switcher.domain.settings_rules import MODEL_RULES, RULES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model_switcher.domain.launch import Option
    from model_switcher.domain.option_help import OptionHelp
    from model_switcher.domain.settings_state import SettingsState

Key = tuple[str, ...]
_MODEL_KEYS = frozenset(rule.key for rule in MODEL_RULES)


@dataclass(frozen=True, slots=True)
class Checked:
    """A draft with its problems: what it would be as settings, and what is wrong, by key."""

    settings: Settings
    problems: dict[Key, str]


class Draft:
    """Changes on top of what the file says. A value is as it would stand in the file; None takes it away."""

    def __init__(self, state: SettingsState) -> None:
        self.state = state
        self._base = document_of(state.file)
        self._changes: dict[Key, Any] = {}

    @property
    def changes(self) -> dict[Key, Any]:
        """What is to be written."""
        return dict(self._changes)

    def value(self, key: Key) -> Any:
        """What would stand in the file; None if nothing."""
        if key in self._changes:
            return self._changes[key]
        return _get(self._base, key)

    def is_changed(self, key: Key) -> bool:
        """Whether that is another value than that of the file."""
        return key in self._changes

    def set(self, key: Key, value: Any) -> None:
        """Another value; that of the file again is no change."""
        if value == _get(self._base, key) and type(value) is type(_get(self._base, key)):
            self._changes.pop(key, None)
        else:
            self._changes[key] = value

    def rebase(self, state: SettingsState) -> None:
        """The file says something else by now: what was changed here stays changed."""
        self.state, self._base = state, document_of(state.file)
        for key, value in self.changes.items():
            self.set(key, value)

    def discard(self) -> None:
        """Back to what the file says."""
        self._changes.clear()

    def document(self) -> dict[str, Any]:
        """The whole file as plain values, as far as it is not at its default."""
        document = copy.deepcopy(self._base)
        for key, value in self._changes.items():
            _set(document, key, value)
        return document

    def options(self, table: Key) -> dict[str, Option]:
        """The launch options in a table, `("launch",)` or `("models", NAME)`."""
        found = _get(self.document(), table) or {}
        own = table[0] == "models"
        return {name: value for name, value in found.items() if not (own and name in _MODEL_KEYS)}

    def check(self, known: Sequence[OptionHelp] = ()) -> Checked:
        """All that is wrong with it.

        Args:
            known: The options of the engine; none where it could not be asked.
        """
        document = self.document()
        settings, found = parse(document)
        dotted = {".".join(key): key for key in self._keys(document)}
        problems: dict[Key, str] = {}
        for one in found:
            key = dotted.get(one.key, tuple(one.key.split(".")))
            problems[key] = _short(one.message, key[-1])
        if known:
            models = document.get("models", {})
            # What an engine of a model's own knows is not known here: the preflight of its next load says it.
            tables = [
                ("launch",),
                *(("models", name) for name, table in models.items() if "engine" not in table),
            ]
            for table in tables:
                for name, value in self.options(table).items():
                    if (wrong := wrong_option(name, value, known)) is not None:
                        problems.setdefault((*table, name), wrong)
        return Checked(settings, problems)

    def _keys(self, document: dict[str, Any]) -> list[Key]:
        keys: list[Key] = [*self._changes]
        for name, value in document.items():
            keys.append((name,))
            for inner, deeper in value.items() if isinstance(value, dict) else ():
                keys.append((name, inner))
                keys += [(name, inner, last) for last in deeper] if isinstance(deeper, dict) else []
        return keys


def wrong_option(name: str, value: Option, known: Sequence[OptionHelp]) -> str | None:
    """What is wrong with a launch option, by the engine's own help."""
    option = find(known, name)
    if option is None:
        names = [one for option in known for one in option.names]
        near = get_close_matches(name, names, n=1)
        if near:
            return tr("The engine has no such option; did you mean {name}?").format(name=near[0])
        return tr("The engine has no such option")
    if not option.argument:
        return None if isinstance(value, bool) else tr("This is on or off")
    if isinstance(value, bool) or not str(value).strip():
        return tr("A value is missing: {argument}").format(argument=option.argument)
    return _wrong_value(value, option)


def _wrong_value(value: Option, option: OptionHelp) -> str | None:
    text = str(value)
    if option.choices and text not in option.choices:
        told = tr("{value} is none of {list}").format(value=text, list=", ".join(option.choices))
        near = get_close_matches(text, option.choices, n=1)
        return f"{told}; {tr('did you mean {near}?').format(near=near[0])}" if near else told
    words = re.findall(r"[\w.-]+", option.text)
    if option.argument == "N" and not isinstance(value, (int, float)) and text not in words:
        return tr("{value} is not a number").format(value=text)
    return None


def typed_option(text: str, option: OptionHelp | None) -> Option:
    """What was typed as a value, as it stands in the file: a number where it is one."""
    plain = text.strip()
    if option is not None and not option.argument:
        return plain in ("on", "true", "")
    for kind in (int, float):
        try:
            return kind(plain)
        except ValueError:
            continue
    return plain


def document_of(settings: Settings) -> dict[str, Any]:
    """Settings as plain values, as a file would have them; what is at its default is left out."""
    default = type(settings)()
    document: dict[str, Any] = {}
    for rule in RULES:
        holder, plain = (getattr(one, rule.table) if rule.table else one for one in (settings, default))
        value = getattr(holder, rule.field)
        if value != getattr(plain, rule.field):
            _set(document, (rule.table, rule.key) if rule.table else (rule.key,), rule.kind.write(value))
    if settings.launch:
        document["launch"] = dict(settings.launch)
    for name, model in settings.models.items():
        table: dict[str, Any] = dict(model.launch)
        for rule in MODEL_RULES:
            value = getattr(model, rule.field)
            if value not in (None, (), False):
                table[rule.key] = rule.kind.write(value)
        document.setdefault("models", {})[name] = table
    return document


def default_of(key: Key) -> Any:
    """The default of a key as a file would have it; None if it has none."""
    if key[0] == "models":
        rule = next((one for one in MODEL_RULES if one.key == key[-1]), None)
        return None if rule is None else _written(rule.kind.write, getattr(ModelSettings(), rule.field))
    table, name = key if len(key) > 1 else ("", key[0])
    rule = next((one for one in RULES if (one.table, one.key) == (table, name)), None)
    if rule is None:
        return None
    holder = getattr(Settings(), table) if table else Settings()
    return _written(rule.kind.write, getattr(holder, rule.field))


def _written(write: Any, value: Any) -> Any:
    return None if value is None else write(value)


def _short(message: str, name: str) -> str:
    """A message without the place, which its field shows."""
    _, found, rest = message.partition(f"{name}: ")
    return rest[:1].upper() + rest[1:] if found else message


def _get(document: dict[str, Any], key: Key) -> Any:
    found: Any = document
    for part in key:
        if not isinstance(found, dict) or part not in found:
            return None
        found = found[part]
    return found


def _set(document: dict[str, Any], key: Key, value: Any) -> None:
    *tables, name = key
    for table in tables:
        document = document.setdefault(table, {})
    if value is None:
        document.pop(name, None)
    else:
        document[name] = value
