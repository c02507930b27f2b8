"""Where in the settings file a launch option stands, so that a failure can name the line."""

from __future__ import annotations

import re
import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from model_switcher.domain.remedies import RemedyKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from model_switcher.domain.states import Failure

_HEADER = re.compile(r"^\s*\[(?!\[).*\]\s*(?:#.*)?$")
_KEY = re.compile(
    r"""^\s*(?P<key>(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*="""
)


class Spot(NamedTuple):
    """A line of the settings file, from 1 on, and the table that it stands in: "launch", 'models."phinance"'."""

    line: int
    table: str


def with_line(failure: Failure, settings: Path, names: Collection[str]) -> Failure:
    """The failure with the line of the settings file that its option stands in; the same if there is none. Blocks.

    Args:
        failure: Its action tells the option.
        settings: The settings file.
        names: All names under which the settings may speak of the model.
    """
    action = failure.action
    if action is None or action.action is not RemedyKind.EDIT_SETTINGS or action.option is None:
        return failure
    try:
        text = settings.read_text("utf-8-sig")
    except (OSError, ValueError):
        return failure
    spot = find_option(text, action.option, names)
    if spot is None:
        return failure
    table = f" ([{spot.table}])" if spot.table else ""
    where = f"It stands in line {spot.line} of {settings.name}{table}."
    return replace(
        failure,
        hint=f"{where} {failure.hint}".strip(),
        action=replace(action, line=spot.line, path=str(settings)),
    )


def find_option(text: str, option: str, names: Collection[str]) -> Spot | None:
    """Where `option` is set for a model of these names: in its own table, else in `[launch]`; None if nowhere.

    Args:
        text: A settings file.
        option: A launch option, by its long name.
        names: All names of the model.
    """
    wanted = {name.casefold() for name in names}
    # Of several tables the last one of the model's own wins, as it does for the settings themselves.
    spots = [
        (path, spot)
        for path, spot in _keys(text)
        if path[-1].removeprefix("no-") == option.removeprefix("no-")
    ]
    own = [spot for path, spot in spots if _is_own(path, wanted)]
    common = [spot for path, spot in spots if path[:-1] == ("launch",)]
    found = own or common
    return found[-1] if found else None


def _is_own(path: tuple[str, ...], names: Collection[str]) -> bool:
    match path:
        case ("models", name, *_, _):
            return name.casefold() in names
    return False


def _keys(text: str) -> Iterator[tuple[tuple[str, ...], Spot]]:
    """Each key at the beginning of a line, by its whole path. Lines of a value that spans several may be among them."""
    table: tuple[str, ...] = ()
    name = ""
    for number, line in enumerate(text.splitlines(), 1):
        if _HEADER.match(line):
            table = _path(line)
            name = line.strip().partition("]")[0].lstrip("[").strip()
        elif (match := _KEY.match(line)) and (path := table + _path(f"{match['key']} = 0")):
            yield path, Spot(number, name)


def _path(line: str) -> tuple[str, ...]:
    """The keys that one line of TOML nests into each other; none if it is not TOML by itself."""
    try:
        value: Mapping[str, Any] | Any = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return ()
    keys: list[str] = []
    while isinstance(value, dict) and value:
        key, value = next(iter(value.items()))
        keys.append(key)
    return tuple(keys)
