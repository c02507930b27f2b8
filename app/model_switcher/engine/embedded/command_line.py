"""The embedded engine's command line, read and explained as llama-server does it."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from model_switcher.engine.embedded.options import SECTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from model_switcher.engine.embedded.option import Option

_QUESTIONS = (
    (("-h,    --help, --usage"), "print usage and exit"),
    ("--version", "show version and exit"),
    ("--list-devices", "print list of available devices and exit"),
)
_COLUMN = 40
_WIDTH = 110

_BY_SPELLING: dict[str, tuple[Option, bool]] = {
    **{
        name: (option, True)
        for section in SECTIONS.values()
        for option in section
        for name in option.spellings
    },
    **{
        name: (option, False)
        for section in SECTIONS.values()
        for option in section
        for name in option.negative
    },
}


class CommandLineError(Exception):
    """The command line means nothing; the message says why."""


@dataclass(frozen=True, slots=True)
class Given:
    """Options with their values, in the order given."""

    values: tuple[tuple[Option, Any], ...]

    def has(self, spelling: str) -> bool:
        """Whether an option was given, under any of its spellings."""
        option, _ = _BY_SPELLING[spelling]
        return any(given is option for given, _ in self.values)

    def apply(self, params: Any) -> None:
        """Put every value onto xllamacpp's `CommonParams`."""
        for option, value in self.values:
            option.assign(params, value)


def read(arguments: Sequence[str]) -> Given:
    """The options in `arguments`.

    Raises:
        CommandLineError: An option is unknown, lacks its value, or has a wrong one.
    """
    values: list[tuple[Option, Any]] = []
    rest = iter(arguments)
    for argument in rest:
        if argument not in _BY_SPELLING:
            raise CommandLineError(f"invalid argument: {argument}")
        option, positive = _BY_SPELLING[argument]
        values.append((option, _value(option, argument, rest) if option.value else positive))
    return Given(tuple(values))


def _value(option: Option, spelling: str, rest: Iterable[str]) -> Any:
    word = next(iter(rest), None)
    if word is None:
        raise CommandLineError(f"expected value for argument: {spelling}")
    try:
        return option.parse(word)
    except ValueError as error:
        raise CommandLineError(f"error while handling argument {spelling!r}: {word!r}: {error}") from error


def help_text() -> str:
    """Every option in llama-server's layout: all spellings first, from the first column on."""
    lines: list[str] = []
    for title, section in SECTIONS.items():
        lines += [f"----- {title} -----", ""]
        if title == next(iter(SECTIONS)):
            for spellings, text in _QUESTIONS:
                lines += _entry(spellings, text)
        for option in section:
            names = ", ".join((*option.spellings, *option.negative))
            lines += _entry(f"{names} {option.value}".rstrip(), option.help)
        lines += ["", ""]
    return "\n".join(lines)


def _entry(head: str, text: str) -> list[str]:
    body = textwrap.wrap(text, _WIDTH - _COLUMN)
    if len(head) >= _COLUMN:
        return [head, *(" " * _COLUMN + line for line in body)]
    return [head.ljust(_COLUMN) + body[0], *(" " * _COLUMN + line for line in body[1:])]
