"""The settings file: read as settings, changed in place so that comments survive, never damaged."""

from __future__ import annotations

import copy
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from model_switcher.domain.errors import SettingsError
from model_switcher.domain.settings import Problem, Settings
from model_switcher.domain.settings_form import parse
from model_switcher.engine.files import write_atomically
from model_switcher.engine.settings_template import commented_default, template

if TYPE_CHECKING:
    from pathlib import Path

Stamp = tuple[int, int, int]
Changes = Mapping[tuple[str, ...], Any]

_BOMS_OF_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_PLACE = re.compile(
    r"^(?P<what>.*?)\s*\(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)$", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """What a settings file says.

    Attributes:
        settings: With defaults where the file says nothing, or something wrong.
        problems: All that is wrong with it.
        stamp: Changes whenever the file does; None while there is no file.
    """

    settings: Settings
    problems: tuple[Problem, ...] = ()
    stamp: Stamp | None = None


def load(path: Path) -> LoadedSettings:
    """The settings in the file at `path`; the defaults if there is none."""
    mark = stamp(path)
    try:
        document = _document(_text(path))
    except FileNotFoundError:
        return LoadedSettings(Settings())
    except OSError as error:
        return LoadedSettings(Settings(), (Problem("", f"the file cannot be read: {_reason(error)}"),), mark)
    except _Broken as broken:
        return LoadedSettings(Settings(), (Problem("", str(broken)),), mark)
    settings, problems = parse(document)
    return LoadedSettings(settings, tuple(problems), mark)


def stamp(path: Path) -> Stamp | None:
    """What tells one version of the file from another without reading it; None if there is no file."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def update(path: Path, changes: Changes) -> LoadedSettings:
    """Change single keys of the file at `path` and leave all else as it is; returns the settings after it.

    A key is the path to it, `("server", "port")`; the value None takes the key away. If there is no file, one with
    an explanation of every key is made.

    Raises:
        SettingsError: The file is broken, the result would not be right, or it cannot be written. The file is
            as it was.
    """
    try:
        text = _text(path)
    except FileNotFoundError:
        text = template()
    except (OSError, _Broken) as error:
        reason = _reason(error) if isinstance(error, OSError) else str(error)
        raise settings_error(path, [Problem("", reason)]) from error
    changed = _changed(path, text, changes)
    _save(path, changed)
    return load(path)


def create_if_missing(path: Path) -> bool:
    """Write a file that explains every key, if there is none; whether it was written.

    Raises:
        SettingsError: It cannot be written.
    """
    if path.exists():
        return False
    _save(path, template())
    return True


def settings_error(path: Path, problems: list[Problem] | tuple[Problem, ...]) -> SettingsError:
    """The error that says everything that is wrong with the file at `path` in one sentence."""
    count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
    return SettingsError(
        f"The settings in {path} have {count}: {'; '.join(problem.message for problem in problems)}",
        hint="Correct the file; it was not changed.",
        details={
            "path": str(path),
            "problems": [{"key": problem.key, "message": problem.message} for problem in problems],
        },
    )


class _Broken(Exception):
    """The file is not TOML; the text says why and where."""


def _text(path: Path) -> str:
    data = path.read_bytes()
    if data.startswith(_BOMS_OF_UTF_16):
        raise _Broken("the file is saved as UTF-16; save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _Broken(f"line {line} is not UTF-8 text; save the file as UTF-8") from error


def _document(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _Broken(_explained(str(error), text)) from error


def _explained(message: str, text: str) -> str:
    """The parser's message with the place in front, and what most likely is behind it."""
    lines = text.splitlines() or [""]
    match = _PLACE.match(message)
    what = match["what"] if match else message
    line, column = len(lines), len(lines[-1]) + 1
    if match and match["line"]:
        line, column = int(match["line"]), int(match["column"])
    hint = ""
    if '"' in lines[line - 1] and "\\" in lines[line - 1]:
        hint = "; in a path write / instead of \\, or put it between single quotes"
    return f"line {line}, column {column}: {what[:1].lower()}{what[1:]}{hint}"


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _changed(path: Path, text: str, changes: Changes) -> str:
    """`text` with the changes, if the result reads back as exactly that and has no problem."""
    windows_lines = "\r\n" in text
    text = text.replace("\r\n", "\n")
    try:
        wanted = copy.deepcopy(_document(text))
        for key, value in changes.items():
            _set(wanted, key, _plain(value))
            text = _uncommented(text, key, value)
        document = tomlkit.parse(text)
        for key, value in changes.items():
            _set(document, key, _plain(value))
        result = tomlkit.dumps(document)
        faithful = _document(result) == wanted
    except (_Broken, TOMLKitError) as error:
        raise settings_error(path, [Problem("", str(error))]) from error
    _, problems = parse(wanted)
    if not faithful:
        problems.append(
            Problem("", "the file is written in a way that cannot be changed safely; edit it by hand")
        )
    if problems:
        raise settings_error(path, problems)
    return result.replace("\n", "\r\n") if windows_lines else result


def _plain(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _set(document: Any, key: tuple[str, ...], value: Any) -> None:
    """Set or remove one key in plain dictionaries and in tomlkit's alike."""
    *tables, name = key
    for table in tables:
        if not isinstance(document.get(table), Mapping):
            if value is None:
                return
            document[table] = {}
        document = document[table]
    if value is not None:
        document[name] = value
    elif name in document:
        del document[name]


def _uncommented(text: str, key: tuple[str, ...], value: Any) -> str:
    """Where the template's own line for `key` still stands, make it a real one for the new value to go to."""
    line = commented_default(key)
    if line is None or value is None or text.count(f"\n{line}\n") != 1:
        return text
    return text.replace(f"\n{line}\n", f"\n{line.removeprefix('#')}\n")


def _save(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text.encode(), private=not path.exists())
    except OSError as error:
        raise settings_error(path, [Problem("", f"the file cannot be written: {_reason(error)}")]) from error
