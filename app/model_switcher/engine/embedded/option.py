"""What one option is: its spellings, its value, and what it sets on xllamacpp's `CommonParams`."""

from __future__ import annotations

import importlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def native() -> Any:
    """The package xllamacpp: untyped, and imported only when it is needed, because it is large."""
    return importlib.import_module("xllamacpp")


@dataclass(frozen=True, slots=True)
class Option:
    """One option of the command line.

    Attributes:
        spellings: Every way to write it, short ones first; for a switch those that turn it on.
        value: Name of its value in the help; empty for a switch.
        help: One line for a person.
        parse: Makes the value of its text; raises ValueError with a reason.
        assign: Puts the value onto `CommonParams`.
        negative: Spellings that turn a switch off.
    """

    spellings: tuple[str, ...]
    value: str
    help: str
    parse: Callable[[str], Any]
    assign: Callable[[Any, Any], None]
    negative: tuple[str, ...] = ()


def valued(
    spellings: str,
    value: str,
    text: str,
    parse: Callable[[str], Any],
    assign: Callable[[Any, Any], None] | str,
) -> Option:
    """An option with a value; `assign` may be the path of the attribute that takes it."""
    return Option(tuple(spellings.split(", ")), value, text, parse, _setter(assign))


def switch(spellings: str, text: str, assign: Callable[[Any, Any], None] | str) -> Option:
    """An option without a value; spellings whose name begins with "no-" turn it off."""
    names = spellings.split(", ")
    off = tuple(
        name for name in names if name.startswith(("--no-", "-no-")) or name in {"-nkvo", "-nocb", "-nr"}
    )
    on = tuple(name for name in names if name not in off)
    return Option(on, "", text, bool, _setter(assign), off)


def _setter(assign: Callable[[Any, Any], None] | str) -> Callable[[Any, Any], None]:
    return to(assign) if isinstance(assign, str) else assign


# --- values


def text(value: str) -> str:
    return value


def integer(value: str) -> int:
    try:
        return int(value)
    except ValueError as error:
        raise ValueError("a whole number is needed") from error


def decimal(value: str) -> float:
    try:
        number = float(value)
    except ValueError as error:
        raise ValueError("a number is needed") from error
    if not math.isfinite(number):
        raise ValueError("a finite number is needed")
    return number


def positive(value: str) -> float:
    number = decimal(value)
    if number <= 0:
        raise ValueError("a number above zero is needed")
    return number


def choice(*allowed: str) -> Callable[[str], str]:
    """One of the words `allowed`."""

    def parse(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"one of {', '.join(allowed)} is needed")
        return value

    return parse


def on_off(value: str) -> bool:
    return choice("on", "off")(value) == "on"


def on_off_auto(value: str) -> bool | None:
    """None for "auto"."""
    return {"on": True, "off": False}.get(choice("on", "off", "auto")(value))


def layers(value: str) -> int:
    """A number of layers as llama.cpp counts them: -1 is auto, -2 is all (llama.cpp, common/common.h)."""
    return {"auto": -1, "all": -2}.get(value) or integer(value)


def words(value: str) -> list[str]:
    return [word for word in value.split(",") if word]


def decimals(value: str) -> list[float]:
    return [decimal(word) for word in value.replace("/", ",").split(",")]


def integers(value: str) -> list[int]:
    return [integer(word) for word in value.split(",")]


def file_text(value: str) -> str:
    try:
        return Path(value).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the file cannot be read ({error})") from error


def json_object(value: str) -> dict[str, str]:
    """Each entry of a JSON object, as JSON again: the form in which llama.cpp keeps template arguments."""
    try:
        found = json.loads(value)
    except json.JSONDecodeError as error:
        raise ValueError(f"a JSON object is needed ({error})") from error
    if not isinstance(found, dict):
        raise ValueError("a JSON object is needed")  # noqa: TRY004 - a wrong value, whatever its type
    return {key: json.dumps(entry) for key, entry in found.items()}


# --- setters


def to(*paths: str) -> Callable[[Any, Any], None]:
    """Sets the attributes at `paths` ("sampling.temp")."""

    def assign(params: Any, value: Any) -> None:
        for path in paths:
            holder, name = _holder(params, path)
            setattr(holder, name, value)

    return assign


def inverted(path: str) -> Callable[[Any, Any], None]:
    """Sets the opposite: for attributes that name what is off."""

    def assign(params: Any, value: Any) -> None:
        to(path)(params, not value)

    return assign


def enum(path: str, prefix: str, **renamed: str) -> Callable[[Any, Any], None]:
    """Sets a member of the native enum at `path`: `prefix` and the value in upper case, or its `renamed` form."""

    def assign(params: Any, value: str) -> None:
        holder, name = _holder(params, path)
        members = type(getattr(holder, name)).__members__
        setattr(holder, name, members[prefix + renamed.get(value, value).upper()])

    return assign


def padded(path: str) -> Callable[[Any, Any], None]:
    """Sets the first entries of a list of fixed length, the others to zero."""

    def assign(params: Any, value: list[float]) -> None:
        holder, name = _holder(params, path)
        room = len(getattr(holder, name))
        setattr(holder, name, [*value, *[0.0] * room][:room])

    return assign


def sampling(name: str, chosen: int = 0) -> Callable[[Any, Any], None]:
    """Sets a sampling parameter. `chosen` is its bit in `common_params_sampling_config` (llama.cpp, common/common.h):
    it keeps the model file's own recommendation from winning over the command line.
    """

    def assign(params: Any, value: Any) -> None:
        setattr(params.sampling, name, value)
        params.sampling.user_sampling_config |= chosen

    return assign


def _holder(params: Any, path: str) -> tuple[Any, str]:
    *parents, name = path.split(".")
    for parent in parents:
        params = getattr(params, parent)
    return params, name
