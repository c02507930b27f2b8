"""The text of a new settings file: every key with what it does and its default, each switched off by a `#`."""

from __future__ import annotations

from typing import Any

import tomlkit

from model_switcher.domain.settings import Settings
from model_switcher.domain.settings_rules import MODEL_RULES, RULES, Rule

_HEAD = """\
# Settings of Model Switcher. Every line is switched off and shows the default, or an example.
# To change something, take away the # in front of its line and write your value.
"""
_LAUNCH = """
# Options of llama-server by their own long names without the dashes, for every model.
[launch]
#ctx-size = 16384
#n-gpu-layers = "auto"
"""
_MODELS = """
# The same for one model, by its name, with these keys besides:
#[models."NAME"]
"""
_MODEL_EXAMPLES = {"alias": ["finance"], "pinned": False, "engine": "D:/llama/llama-server.exe", "port": 8081}


def template() -> str:
    """The settings file for those who have none; it changes nothing until a line is switched on."""
    parts = [_HEAD]
    for table in ("", "server", "memory", "desktop"):
        parts.append(f"\n[{table}]\n" if table else "\n")
        parts += [f"# {rule.about}\n{_line(rule)}\n" for rule in RULES if rule.table == table]
    parts += [_LAUNCH, _MODELS]
    parts += [f"#{rule.key} = {_toml(_MODEL_EXAMPLES[rule.key])}    # {rule.about}\n" for rule in MODEL_RULES]
    return "".join(parts)


def commented_default(key: tuple[str, ...]) -> str | None:
    """The template's switched-off line for `key`; None if it has none that is the only one of its kind."""
    path = key if len(key) > 1 else ("", *key)
    return next((_line(rule) for rule in RULES if (rule.table, rule.key) == path), None)


def _line(rule: Rule) -> str:
    settings = Settings()
    default = getattr(getattr(settings, rule.table) if rule.table else settings, rule.field)
    value = rule.example if default in (None, ()) and rule.example is not None else default
    return f"#{rule.key} = {_toml(rule.kind.write(value))}"


def _toml(value: Any) -> str:
    return str(tomlkit.item(value).as_string())
