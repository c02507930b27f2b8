"""From the command line of a llama-server that somebody else started to settings that do the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    "spec-draft",
    "hf-repo-draft",
)
_ENVIRONMENT = re.compile(r"\(env: ([A-Z0-9_]+)\)")
_ON, _OFF = ("on", "enabled", "true", "1"), ("off", "disabled", "false", "0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What a command line becomes.

    Attributes:
        model: Path of its model; None if it names none.
        downloaded: Whether it names a repository of Hugging Face instead.
        launch: Options for every model, by their long names.
        own: Options that belong to its model alone.
        aliases: Names that it gave its model.
        host, port: Where it listens; None where it does not say.
        api_keys: Keys that its clients send.
        left_out: Options that cannot be taken over, as they were written.
    """

    model: str | None = None
    downloaded: bool = False
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
            if not self.downloaded:  # that lies in a store, which is searched anyway
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


def take(
    command: Sequence[str], usage: str, folder: str = "", environment: Mapping[str, str] | None = None
) -> Taken:
    """What the command line of a llama-server asks for, and its environment where the line says nothing.

    Args:
        command: The program and its arguments, secrets included.
        usage: What it prints for `--help`: which options it has, and which of them take a value.
        folder: In which it runs; relative paths begin there.
        environment: Its variables; `LLAMA_ARG_*` are options too.
    """
    table = _table(usage)
    given = dict(_from_environment(usage, table, folder, environment or {}))
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
            given[name] = _read(name, value if joined else next(words, ""), folder)
        else:
            given[name] = positive
    return _sorted(given, left_out, folder)


def _sorted(given: Options, left_out: list[str], folder: str) -> Taken:
    launch, own = {}, {}
    for name, value in given.items():
        if name in RESERVED:
            if name not in ("model", "hf-repo", "alias", "host", "port", "api-key"):
                left_out.append(f"--{name}")
        elif name in ("hf-file", "hf-token"):
            continue  # of the download, which is over
        elif name.startswith(_OF_ONE_MODEL):
            own[name] = value
        else:
            launch[name] = value
    model, port = given.get("model"), given.get("port")
    return Taken(
        model=_absolute(folder, model) if isinstance(model, str) else None,
        downloaded=model is None and "hf-repo" in given,
        launch=launch,
        own=own,
        aliases=tuple(_parts(given.get("alias"))),
        host=str(given["host"]) if "host" in given else None,
        port=port if isinstance(port, int) else None,
        api_keys=tuple(_parts(given.get("api-key"))),
        left_out=tuple(left_out),
    )


def _from_environment(
    usage: str, table: Mapping[str, tuple[str, bool, bool]], folder: str, environment: Mapping[str, str]
) -> Iterator[tuple[str, Option]]:
    """Options whose variables are set, by the rules of llama.cpp's common/arg.cpp."""
    known: tuple[str, bool, bool] | None = None
    negative = False
    for line in usage.splitlines():
        entries = [table[one] for one in _spellings(line) if one in table]
        if entries:
            known = entries[0]
            negative = any(not positive for _, _, positive in entries)
        if known is None:
            continue
        name, takes_value, _ = known
        for variable in _ENVIRONMENT.findall(line):
            text = environment.get(variable)
            if negative and variable.replace("LLAMA_ARG_", "LLAMA_ARG_NO_", 1) in {*environment} - {variable}:
                text = "0"
            if text is None:
                continue
            if takes_value:
                yield name, _read(name, text, folder)
            elif text in _ON or (negative and text in _OFF):
                yield name, text in _ON


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


def _read(name: str, text: str, folder: str) -> Option:
    return _absolute(folder, text) if _is_path(name) else _value(text)


def _absolute(folder: str, text: str) -> str:
    paths = module_for(folder or text)
    return paths.normpath(paths.join(folder, text)) if folder and text and "," not in text else text
