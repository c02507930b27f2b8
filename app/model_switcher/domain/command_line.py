"""From the command line of a llama-server that somebody else started to settings that do the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from model_switcher.domain.launch import RESERVED, Option, Options
from model_switcher.domain.option_help import find, read_help
from model_switcher.domain.paths import file_stem, module_for
from model_switcher.domain.settings import Settings

_SPELLING = re.compile(r"^-{1,2}[A-Za-z0-9][\w.-]*,?$")
_PATHS = ("file", "path", "lora", "mmproj", "draft-model", "model-draft", "grammar-file", "control-vector")
# What belongs to one model file and would be wrong for every other.
_OF_ONE_MODEL = (
    "mmproj",
    "lora",
    "control-vector",
    "chat-template",
    "model-draft",
    "override-kv",
    "rope-",
    "yarn-",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a command line becomes.

    Attributes:
        model: Path of its model; None if it names none.
        launch: Options for every model, by their long names.
        own: Options that belong to its model alone.
        aliases: Names that it gave its model.
        host, port: Where it listens; None where it does not say.
        api_keys: Keys that its clients send.
        left_out: Options that cannot be taken over, as they were written.
    """

    model: str | None = None
    launch: Options = field(default_factory=dict)
    own: Options = field(default_factory=dict)
    aliases: tuple[str, ...] = ()
    host: str | None = None
    port: int | None = None
    api_keys: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def changes(self, settings: Settings, *, port: int | None) -> dict[tuple[str, ...], Any]:
        """The keys of the settings that say the same. Folders, keys and aliases are added to those that are there.

        Args:
            settings: What the file says so far.
            port: Where to listen; None leaves it.
        """
        changes: dict[tuple[str, ...], Any] = {("launch", name): value for name, value in self.launch.items()}
        if self.model is not None:
            folder, stem = module_for(self.model).dirname(self.model), file_stem(self.model)
            changes["model-folders",] = _with(settings.model_folders, [folder])
            changes["default-model",] = self.model
            table = ("models", stem)
            changes |= {(*table, name): value for name, value in self.own.items()}
            if self.aliases:
                known = settings.models.get(stem)
                changes[*table, "alias"] = _with(known.alias if known else (), self.aliases)
        if port is not None:
            changes["server", "port"] = port
        if self.api_keys:
            changes["server", "api-keys"] = _with(settings.server.api_keys, self.api_keys)
        return changes


def take(command: Sequence[str], usage: str, folder: str = "") -> Taken:
    """What the command line of a llama-server asks for.

    Args:
        command: The program and its arguments, secrets included.
        usage: What it prints for `--help`: which options it has, and which of them take a value.
        folder: In which it runs; relative paths begin there.
    """
    table = _table(usage)
    given: dict[str, Option] = {}
    left_out: list[str] = []
    words = iter(command[1:])
    for word in words:
        spelling, joined, value = word.partition("=") if word.startswith("--") else (word, "", "")
        known = table.get(spelling)
        if known is None:
            left_out.append(word)
            continue
        name, takes_value, positive = known
        if takes_value:
            text = value if joined else next(words, "")
            given[name] = _absolute(folder, name, text) if _is_path(name) else _value(text)
        else:
            given[name] = positive
    return _sorted(given, left_out, folder)


def _sorted(given: Options, left_out: list[str], folder: str) -> Taken:
    launch, own = {}, {}
    for name, value in given.items():
        if name in RESERVED:
            if name not in ("model", "alias", "host", "port", "api-key"):
                left_out.append(f"--{name}")
        elif name.startswith(_OF_ONE_MODEL):
            own[name] = value
        else:
            launch[name] = value
    model, port = given.get("model"), given.get("port")
    return Taken(
        model=_absolute(folder, "model", model) if isinstance(model, str) else None,
        launch=launch,
        own=own,
        aliases=tuple(_parts(given.get("alias"))),
        host=str(given["host"]) if "host" in given else None,
        port=port if isinstance(port, int) else None,
        api_keys=tuple(_parts(given.get("api-key"))),
        left_out=tuple(left_out),
    )


def _table(usage: str) -> dict[str, tuple[str, bool, bool]]:
    """Each spelling with the option's long name, whether a value follows, and what it says where none does."""
    options = read_help(usage)
    table: dict[str, tuple[str, bool, bool]] = {}
    for line in usage.splitlines():
        spellings = list(_spellings(line))
        waiting: list[str] = []
        for spelling in spellings:
            waiting.append(spelling)
            if not spelling.startswith("--"):
                continue  # a short one says what the next long one does
            flag = spelling.removeprefix("--")
            option = find(options, flag)
            if option is not None:
                entry = (option.name, bool(option.argument), flag in option.names)
                table |= dict.fromkeys(waiting, entry)
            waiting = []
        if waiting and (last := table.get(waiting[0]) or _entry_of(spellings, table)) is not None:
            table |= dict.fromkeys(waiting, last)
    return table


def _entry_of(
    spellings: list[str], table: dict[str, tuple[str, bool, bool]]
) -> tuple[str, bool, bool] | None:
    return next((table[one] for one in spellings if one in table), None)


def _spellings(line: str) -> Iterator[str]:
    for word in line.split() if line.startswith("-") else ():
        if not _SPELLING.match(word):
            return
        yield word.rstrip(",")
        if not word.endswith(","):
            return


def _value(text: str) -> Option:
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return number if str(number) == text else text
    return text


def _with(there: Iterable[str], more: Iterable[str]) -> list[str]:
    return [*dict.fromkeys((*there, *more))]


def _parts(value: Option | None) -> list[str]:
    return [] if value is None else [part.strip() for part in str(value).split(",") if part.strip()]


def _is_path(name: str) -> bool:
    return name != "model" and any(part in name for part in _PATHS)


def _absolute(folder: str, name: str, text: str) -> str:
    paths = module_for(folder or text)
    del name
    return paths.normpath(paths.join(folder, text)) if folder and text and "," not in text else text
