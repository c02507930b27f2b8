"""From a parsed TOML document to settings, with every problem that it has."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches
from typing import Any

from model_switcher.domain.launch import RESERVED, Option, Options
from model_switcher.domain.settings import (
    DesktopSettings,
    MemorySettings,
    ModelSettings,
    Problem,
    ServerSettings,
    Settings,
)
from model_switcher.domain.settings_rules import MODEL_RULES, RULES, Rule, is_loopback, shown

TABLES = ("server", "memory", "desktop", "launch", "models")

_OPTION_NAME = re.compile(r"^[a-z][a-z0-9.-]*$")


def parse(document: Mapping[str, Any]) -> tuple[Settings, list[Problem]]:
    """The settings that `document` (a TOML file as plain values) asks for, and all that is wrong in it.

    What is wrong has its default in the settings; whether they are good enough is for the caller to decide.
    """
    problems: list[Problem] = []
    tables = {name: _table(document, name, problems) for name in TABLES}
    top = {key: value for key, value in document.items() if key not in TABLES}
    settings = Settings(
        **_values("", top, problems),
        server=ServerSettings(**_values("server", tables["server"], problems)),
        memory=MemorySettings(**_values("memory", tables["memory"], problems)),
        desktop=DesktopSettings(**_values("desktop", tables["desktop"], problems)),
        launch=_options("launch", "[launch]", tables["launch"], problems),
        models=_models(tables["models"], problems),
    )
    return _checked_together(settings, problems), problems


def exposure(server: ServerSettings) -> Problem | None:
    """What is wrong with listening at that address: other computers could reach it without a key."""
    if is_loopback(server.host) or server.api_keys:
        return None
    return Problem(
        "server.host",
        f"[server] host: {shown(server.host)} can be reached by other computers, and there is no key; "
        'set [server] api-keys, or listen on "127.0.0.1"',
    )


def _table(document: Mapping[str, Any], name: str, problems: list[Problem]) -> Mapping[str, Any]:
    table = document.get(name, {})
    if isinstance(table, Mapping):
        return table
    form = '[models."NAME"]' if name == "models" else f"[{name}]"
    problems.append(Problem(name, f"{name} is a table: write {form} on a line of its own, its keys below it"))
    return {}


def _values(table: str, given: Mapping[str, Any], problems: list[Problem]) -> dict[str, Any]:
    rules = {rule.key: rule for rule in RULES if rule.table == table}
    place = f"[{table}] " if table else ""
    path = f"{table}." if table else ""
    found: dict[str, Any] = {}
    for key, value in given.items():
        rule = rules.get(key)
        wrong = _wrong_value(rule, value, found) if rule else _unknown(table, key, value, list(rules))
        if wrong is not None:
            problems.append(Problem(f"{path}{key}", f"{place}{key}: {wrong}"))
    return found


def _wrong_value(rule: Rule, value: Any, found: dict[str, Any]) -> str | None:
    """Put the value of one key into `found`; if it is wrong, say what is wrong instead."""
    try:
        found[rule.field] = rule.kind.read(value)
    except ValueError as error:
        if rule.secret:
            return f"the value is not {rule.kind.expects}"
        return str(error) or f"{shown(value)} is not {rule.kind.expects}"
    return None


def _unknown(table: str, key: str, value: Any, valid: list[str]) -> str:
    """What to say of a key that does not exist: where it belongs, or what it may have been meant to be."""
    plain = key.strip().lower().replace("_", "-")
    if isinstance(value, Mapping) and not table:
        near = get_close_matches(plain, TABLES, n=1)
        return "there is no such table" + (
            f"; did you mean [{near[0]}]?"
            if near
            else f"; there are {', '.join(f'[{name}]' for name in TABLES)}"
        )
    if near := get_close_matches(plain, valid, n=1, cutoff=0.7):
        return f"there is no such key; did you mean {near[0]}?"
    if elsewhere := next((rule for rule in RULES if rule.key == plain), None):
        where = f"in [{elsewhere.table}]" if elsewhere.table else "above the first table"
        return f"this key belongs {where}"
    if near := get_close_matches(plain, valid, n=1, cutoff=0.5):
        return f"there is no such key; did you mean {near[0]}?"
    return f"there is no such key here (options of llama-server belong in [launch]); there are {', '.join(valid)}"


def _models(given: Mapping[str, Any], problems: list[Problem]) -> dict[str, ModelSettings]:
    rules = {rule.key: rule for rule in MODEL_RULES}
    models: dict[str, ModelSettings] = {}
    for name, table in given.items():
        path, place = f"models.{name}", f"[models.{shown(name)}]"
        if not isinstance(table, Mapping):
            problems.append(
                Problem(path, f'[models] {name}: this belongs to one model, in a table [models."NAME"]')
            )
            continue
        found: dict[str, Any] = {}
        for key, rule in rules.items():
            if key in table and (wrong := _wrong_value(rule, table[key], found)) is not None:
                problems.append(Problem(f"{path}.{key}", f"{place} {key}: {wrong}"))
        rest = {key: value for key, value in table.items() if key not in rules}
        models[name] = ModelSettings(**found, launch=_options(path, place, rest, problems, model=name))
    return models


def _options(
    path: str, place: str, given: Mapping[str, Any], problems: list[Problem], *, model: str | None = None
) -> Options:
    options: Options = {}
    for name, value in given.items():
        if model is not None and isinstance(value, Mapping):
            whole = f"{model}.{name}"
            wrong: str | None = f"put the name of a model in quotes if it has a dot: [models.{shown(whole)}]"
        else:
            wrong = _wrong_option_name(name) or _wrong_option_value(value)
        if wrong is None:
            options[name] = value
        else:
            problems.append(Problem(f"{path}.{name}", f"{place} {name}: {wrong}"))
    return options


def _wrong_option_name(name: str) -> str | None:
    right = re.sub(r"[\s_]+", "-", name.strip().lstrip("-").lower())
    if right in RESERVED:
        return f"this cannot be set here, because {RESERVED[right]}"
    if name == right and _OPTION_NAME.match(name):
        return None
    if _OPTION_NAME.match(right):
        return f"write {right}"
    return "this is not the name of an option of llama-server, such as ctx-size"


def _wrong_option_value(value: Option | Any) -> str | None:
    if isinstance(value, (str, bool, int)) or (isinstance(value, float) and math.isfinite(value)):
        return None
    return f"{shown(value)} is not a text, a number, true or false"


def _checked_together(settings: Settings, problems: list[Problem]) -> Settings:
    """`settings` with the defaults where single values are right and do not go together."""
    problem = exposure(settings.server)
    if problem is not None:
        problems.append(problem)
        settings = replace(settings, server=replace(settings.server, host=ServerSettings().host))
    owners = {settings.server.port: "[server]"}
    models = dict(settings.models)
    for name, model in settings.models.items():
        if model.port is None:
            continue
        place = f"[models.{shown(name)}]"
        if model.port in owners:
            text = f"{place} port: {model.port} is the port of {owners[model.port]} already"
            problems.append(Problem(f"models.{name}.port", text))
            models[name] = replace(model, port=None)
        owners.setdefault(model.port, place)
    return replace(settings, models=models)
