"""The settings as fields: what each is called, how it is changed, when it counts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from model_switcher.desktop.language import tr
from model_switcher.desktop.view_state.settings.draft import Checked, Draft, Key, default_of
from model_switcher.domain.settings_rules import (
    MODEL_RULES,
    NOTIFICATION_LIST,
    PATHS,
    RULES,
    STORE_LIST,
    TOGGLE,
    Kind,
    Rule,
)

if TYPE_CHECKING:
    from collections.abc import Mapping


class Editor(StrEnum):
    """How a value is changed."""

    TEXT = "text"
    NUMBER = "number"
    CHOICE = "choice"
    TOGGLE = "toggle"
    CHECKS = "checks"
    LIST = "list"
    FOLDERS = "folders"
    SECRETS = "secrets"


class Effect(StrEnum):
    """When a change counts."""

    AT_ONCE = "at once"
    NEXT_LOAD = "next load"
    NEXT_START = "next start"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the values that a field can have: as it stands in the file, and for people."""

    value: str
    label: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldView:
    """One setting in the window.

    Attributes:
        key: Where it stands in the file.
        label, about: What it is, in a word or two, and in a sentence.
        editor: How it is changed.
        value: A text, whether it is on, or several texts, as the editor needs it.
        choices: What can be chosen.
        problem: What is wrong with the value; empty if nothing is.
        changed: Whether it is not saved yet.
        effect: When a change counts.
        hint: What an empty field stands for.
    """

    key: Key
    label: str
    about: str
    editor: Editor
    value: str | bool | tuple[str, ...]
    choices: tuple[Choice, ...] = ()
    problem: str = ""
    changed: bool = False
    effect: Effect = Effect.AT_ONCE
    hint: str = ""


def labels() -> Mapping[Key, str]:
    """What each setting is called, by its key."""
    return {
        ("model-folders",): tr("Folders"),
        ("stores",): tr("Other programs"),
        ("default-model",): tr("Model at start"),
        ("start-server",): tr("Load it"),
        ("server", "host"): tr("Listen on"),
        ("server", "port"): tr("Port"),
        ("server", "api-keys"): tr("API keys"),
        ("server", "allowed-origins"): tr("Web pages"),
        ("server", "engine"): tr("Engine"),
        ("server", "unknown-model"): tr("Unknown model names"),
        ("server", "hold-timeout"): tr("Longest wait"),
        ("server", "hold-limit"): tr("Most waiting requests"),
        ("server", "hold-bytes"): tr("Memory for waiting requests"),
        ("server", "drain-timeout"): tr("Grace of “now”"),
        ("server", "starvation-bound"): tr("Patience with a busy model"),
        ("server", "return-after"): tr("Return after"),
        ("server", "lease-limit"): tr("Longest loan"),
        ("memory", "keep-resident"): tr("Keep in memory"),
        ("memory", "margin"): tr("Leave free"),
        ("memory", "unload-after-idle"): tr("Unload when idle for"),
        ("memory", "warm-up"): tr("Read ahead"),
        ("desktop", "start-at-login"): tr("Start at login"),
        ("desktop", "notifications"): tr("Notifications"),
        ("desktop", "theme"): tr("Colours"),
        ("models", "alias"): tr("Further names"),
        ("models", "pinned"): tr("Pinned"),
        ("models", "engine"): tr("Engine"),
        ("models", "port"): tr("Port of its own"),
    }


def abouts() -> Mapping[Key, str]:
    """What a setting is about, where the file's own words speak of the file."""
    return {
        ("stores",): tr("Where else models are looked for: folders of programs that are installed here."),
        ("default-model",): tr(
            "Selected at start, and served where another one fails and nothing else is left."
        ),
        ("server", "host"): tr(
            "127.0.0.1 is this computer only; 0.0.0.0 is every computer that can reach it, and needs a key."
        ),
        ("server", "allowed-origins"): tr("Pages that may call the server from a browser, besides our own."),
        ("server", "drain-timeout"): tr("How long running answers go on when a model is switched “now”."),
        ("models", "alias"): tr("Programs may call the model by these names too."),
        ("models", "pinned"): tr("It is never unloaded to make room for another one."),
        ("models", "engine"): tr("The program that runs this model."),
        ("models", "port"): tr("A second address that always means this model."),
        ("desktop", "start-at-login"): tr("The tray starts when you log in."),
        ("desktop", "theme"): tr("Of the panel, the menu and this window."),
        ("memory", "warm-up"): tr(
            "The file of the model that comes next is read into free main memory ahead of its load."
        ),
    }


def choice_labels() -> Mapping[str, str]:
    """What the values that are words are called."""
    return {
        "huggingface": "Hugging Face",
        "llama.cpp": "llama.cpp",
        "lm-studio": "LM Studio",
        "ollama": "Ollama",
        "jan": "Jan",
        "gpt4all": "GPT4All",
        "text-generation-webui": "text-generation-webui",
        "koboldcpp": "KoboldCpp",
        "at start": tr("when the program starts"),
        "on first request": tr("on the first request"),
        "selected": tr("go to the selected model"),
        "error": tr("are an error"),
        "while it fits": tr("as many models as fit"),
        "one at a time": tr("one model at a time"),
        "system": tr("as the system"),
        "light": tr("light"),
        "dark": tr("dark"),
        "switched": tr("a model was switched"),
        "failed": tr("a model could not be loaded"),
        "crashed": tr("a model stopped unexpectedly"),
        "rolled back": tr("the old model came back"),
        "borrowed": tr("a program borrowed a model"),
        "spill": tr("a model spilled out of the GPU"),
        "low memory": tr("memory runs low"),
    }


def rule_of(key: Key) -> Rule:
    """The rule of a key."""
    if key[0] == "models":
        return next(rule for rule in MODEL_RULES if rule.key == key[-1])
    table, name = key if len(key) > 1 else ("", key[0])
    return next(rule for rule in RULES if (rule.table, rule.key) == (table, name))


def field(draft: Draft, checked: Checked, key: Key, *, choices: tuple[Choice, ...] = ()) -> FieldView:
    """The field of one key.

    Args:
        draft: What was changed.
        checked: What is wrong with it.
        key: Where it stands in the file.
        choices: What can be chosen, where the rule does not say.
    """
    rule = rule_of(key)
    editor = _editor(rule, bool(choices))
    default = default_of(key)
    raw = draft.value(key)
    words = choice_labels()
    listed = choices or tuple(Choice(word, words.get(word, word)) for word in rule.kind.choices)
    known = key if key[0] != "models" else ("models", key[-1])
    return FieldView(
        key=key,
        label=labels()[known],
        about=abouts().get(known, rule.about),
        editor=editor,
        value=_shown(default if raw is None else raw, editor),
        choices=listed,
        problem=checked.problems.get(key, ""),
        changed=draft.is_changed(key),
        effect=effect_of(key),
        hint=_hint(rule, default),
    )


def typed(view: FieldView, value: str | bool | tuple[str, ...]) -> Any:
    """What an editor holds, as it stands in the file; None for nothing, which is the default."""
    rule = rule_of(view.key)
    if isinstance(value, bool):
        return value
    if isinstance(value, tuple):
        return list(value)
    plain = value.strip()
    if not plain:
        return None
    if view.editor is Editor.NUMBER and plain.lstrip("-").isdecimal():
        return int(plain)
    return plain if rule.kind.choices else value.strip()


def effect_of(key: Key) -> Effect:
    """When a change of that key counts."""
    if key in {("server", "host"), ("server", "port"), ("start-server",)}:
        return Effect.NEXT_START
    if key[0] == "models" and key[-1] == "port":
        return Effect.NEXT_START
    now = key[0] == "models" and key[-1] in {"alias", "pinned"}
    if key[0] in {"launch", "models"} and not now:
        return Effect.NEXT_LOAD
    return Effect.NEXT_LOAD if key == ("server", "engine") else Effect.AT_ONCE


def effect_text(effect: Effect) -> str:
    """The same for people; empty where it counts at once."""
    match effect:
        case Effect.NEXT_LOAD:
            return tr("counts when a model is loaded the next time")
        case Effect.NEXT_START:
            return tr("counts from the next start of Model Switcher on")
        case _:
            return ""


def _editor(rule: Rule, chosen: bool) -> Editor:
    kind: Kind = rule.kind
    tests = (
        (rule.secret, Editor.SECRETS),
        (kind is TOGGLE, Editor.TOGGLE),
        (kind is PATHS, Editor.FOLDERS),
        (kind in (STORE_LIST, NOTIFICATION_LIST), Editor.CHECKS),
        ("list" in kind.expects, Editor.LIST),
        (bool(kind.choices) or chosen, Editor.CHOICE),
        ("number" in kind.expects or "port" in kind.expects, Editor.NUMBER),
    )
    return next((editor for applies, editor in tests if applies), Editor.TEXT)


def _shown(value: Any, editor: Editor) -> str | bool | tuple[str, ...]:
    if editor is Editor.TOGGLE:
        return bool(value)
    if editor in (Editor.CHECKS, Editor.LIST, Editor.FOLDERS, Editor.SECRETS):
        items = [value] if isinstance(value, str) else value or ()
        return tuple(str(item) for item in items)
    return "" if value is None else str(value)


def _hint(rule: Rule, default: Any) -> str:
    if default in (None, [], ()):
        example = rule.example
        return "" if example is None else str(example[0] if isinstance(example, tuple) else example)
    return str(default)
