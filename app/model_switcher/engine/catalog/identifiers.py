"""Ids of models: short, stable, and fit for a URL and a command line.

They are made of file names, and of folder names only where two models would have the same one; so they outlive a
move of the whole folder.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_OTHERS = re.compile(r"[^a-z0-9._-]+")
_DASHES = re.compile("-{2,}")
_MAX_LENGTH = 120
# Folders of the Hugging Face hub cache that say nothing: "models--author--name/snapshots/<revision>".
_REVISION = re.compile(r"snapshots|[0-9a-f]{40}")
_REPOSITORY = "models--"
# What programs and converters call a file that has no name of its own.
_NAMELESS = re.compile(r"(?:ggml-)?model(?P<rest>(?:[-.](?:i?q|b?f|mxfp)\d\w*)?)", re.IGNORECASE)


def slug(text: str) -> str:
    """`text` in lower-case ASCII letters, digits, dots, dashes and underscores; empty if nothing is left of it."""
    plain = text.lower()
    if not plain.isascii():  # letters without a form in ASCII are lost, those with an accent lose it
        plain = unicodedata.normalize("NFKD", text.casefold()).encode("ascii", "ignore").decode().lower()
    return _DASHES.sub("-", _OTHERS.sub("-", plain))[:_MAX_LENGTH].strip("-._")


def identifiers(stems: Sequence[tuple[str, str]], taken: Collection[str] = ()) -> list[str]:
    """An id for each model, none of them twice and none among `taken`.

    Of several that would have the same, each bears its folder's name as well, and as many folders above it as tell
    them apart, so that the id of one does not depend on which was found first. Where folders do not tell, a short
    hash does.

    Args:
        stems: Path and name (the file's, without shard numbers, or the store's) of each model.
        taken: Ids that are in use.
    """
    short = [slug(_telling(path, stem)) or f"model-{_hash(stem)}" for path, stem in stems]
    ids = list(short)
    depth = 0
    while same := _indices_of_equal(ids, taken):
        depth += 1
        above = {index: _folders(stems[index][0])[-depth:] for index in same}
        if all(len(folders) < depth for folders in above.values()):
            break
        for index, folders in above.items():
            ids[index] = f"{short[index]}@{'-'.join(slug(name) or _hash(name) for name in folders)}"
    for index in _indices_of_equal(ids, taken):
        path, stem = stems[index]
        ids[index] = f"{short[index]}@{_hash(f'{PurePath(path).name}/{stem}')}"
    for index in _indices_of_equal(ids, taken):
        ids[index] = f"{short[index]}@{_hash(stems[index][0])}"
    return ids


def _telling(path: str, stem: str) -> str:
    """`stem`, with the folder's name in place of what says nothing: Jan has "model.gguf" in a folder for each."""
    match = _NAMELESS.fullmatch(stem)
    folders = _folders(path) if match else ()
    return f"{folders[-1]}{match['rest']}" if match and folders else stem


def _indices_of_equal(ids: Sequence[str], taken: Collection[str]) -> list[int]:
    counts = Counter(ids)
    return [index for index, name in enumerate(ids) if counts[name] > 1 or name in taken]


def _folders(path: str) -> list[str]:
    """The folders that a file lies in, as far as their names mean something to people."""
    parts = PurePath(path).parent.parts[1:]
    return [part.removeprefix(_REPOSITORY) for part in parts if not _REVISION.fullmatch(part)]


def _hash(text: str) -> str:
    composed = unicodedata.normalize("NFC", text)
    return hashlib.sha256(composed.encode("utf-8", "replace")).hexdigest()[:8]
