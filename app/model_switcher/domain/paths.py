"""Paths and names as people type them: one form for all spellings of the same place or name.

Paths are those of the machine that the models lie on, which need not be the one this runs on; so what kind of path
it is, the path itself must tell.
"""

from __future__ import annotations

import functools
import ntpath
import posixpath
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

_WINDOWS = re.compile(r"^[A-Za-z]:([\\/]|$)|^\\\\")
_SUFFIX = ".gguf"
# A catalog is asked about the same names again and again, on the loop that also carries the answers of models.
_REMEMBERED = 8192
# The prefixes that lift Windows' limit on the length of paths.
_LONG_UNC = "\\\\?\\unc\\"
_LONG = "\\\\?\\"


def module_for(path: str) -> ModuleType:
    """`ntpath` for a path of Windows, `posixpath` for all others."""
    relative = "\\" in path and not path.startswith("/")
    return ntpath if relative or _WINDOWS.match(path) else posixpath


@functools.lru_cache(_REMEMBERED)
def text_key(name: str) -> str:
    """A form under which two spellings of a name are equal: without regard to case, blanks around it, and the way
    in which accents are written (macOS writes file names with each accent as a character of its own).
    """
    if name.isascii():
        return name.strip().casefold()
    return _composed(_composed(name.strip()).casefold())


@functools.lru_cache(_REMEMBERED)
def path_key(path: str) -> str:
    """A form under which two spellings of one place are equal; Windows paths ignore case."""
    return _windows_key(path) if module_for(path) is ntpath else _posix_key(path)


def path_keys(path: str) -> frozenset[str]:
    """The `path_key` of a path that a person typed, for each kind of path it may be.

    With slashes alone, `//server/share` may be Windows' way to a network folder.
    """
    keys = {path_key(path)}
    if path.startswith("//"):
        keys.add(_windows_key(path))
    return frozenset(keys)


def is_below(path: str, tail: str) -> bool:
    """Whether `path` ends in `tail`, the last folders and the name of a file, with or without ".gguf"."""
    whole = text_key(path).replace("\\", "/")
    wanted = "/" + text_key(tail).replace("\\", "/").removeprefix("./")
    return whole.endswith((wanted, wanted + _SUFFIX))


def base_name(path: str) -> str:
    """The last part of a path."""
    return str(module_for(path).basename(path))


def file_stem(path: str) -> str:
    """The name of a file without ".gguf"; other endings are no endings ("Llama-3.1")."""
    name = base_name(path)
    ends = len(name) > len(_SUFFIX) and name[-len(_SUFFIX) :].lower() == _SUFFIX
    return name[: -len(_SUFFIX)] if ends else name


def _windows_key(path: str) -> str:
    normal = str(ntpath.normpath(_composed(path))).casefold()
    if normal.startswith(_LONG_UNC):
        return "\\\\" + normal.removeprefix(_LONG_UNC)
    return normal.removeprefix(_LONG)


def _posix_key(path: str) -> str:
    normal = posixpath.normpath(_composed(path))
    return "/" + normal.lstrip("/") if normal.startswith("/") else normal


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)
