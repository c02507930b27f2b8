"""Scanning: from folders to a catalog, and from one file to a model."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from model_switcher.domain.catalog import Catalog, Model, Rejected
from model_switcher.engine.catalog.aliases import with_aliases
from model_switcher.engine.catalog.assemble import Found, assemble
from model_switcher.engine.catalog.facts import shard_of
from model_switcher.engine.catalog.headers import HeaderReader
from model_switcher.engine.catalog.projectors import UNPAIRED
from model_switcher.engine.catalog.walk import SUFFIX, Candidate, Walk, absolute, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from model_switcher.engine.catalog.facts import Facts
    from model_switcher.engine.catalog.walk import Identity


_PROJECTOR = "it is a projector (mmproj), which gives a model sight or hearing and is none itself"


def _never() -> bool:
    return False


def scan(
    folders: Sequence[str | os.PathLike[str]],
    aliases: Mapping[str, Sequence[str]] | None = None,
    should_stop: Callable[[], bool] = _never,
    reader: HeaderReader | None = None,
) -> Catalog:
    """All models in `folders` and below, and what was rejected, with one reason each. Blocks: for a worker thread.

    Links are followed; a file that several lead to appears once. What cannot be read becomes a rejected entry.

    Args:
        folders: Folders, or single files.
        aliases: Further names, by a name of the model.
        should_stop: Asked before each file; once it says yes, the catalog holds what was found so far.
        reader: Reads headers, or knows them from before; the caller saves what it learnt.
    """
    walk = Walk(should_stop)
    read = (reader or HeaderReader()).full
    found, rejected = read_all(walk.through(folders), read, should_stop)
    return catalog_of(with_places(found, walk.places), rejected, aliases)


def catalog_of(
    found: Iterable[Found],
    rejected: Sequence[Rejected],
    aliases: Mapping[str, Sequence[str]] | None = None,
) -> Catalog:
    """The catalog of files whose headers could be read and of those that were rejected, in the order of names."""
    models, unfit = assemble(found, {entry.path for entry in rejected})
    named = with_aliases(models, aliases or {})
    return Catalog(
        tuple(sorted(named, key=lambda model: (model.name.casefold(), model.id))),
        tuple(sorted([*rejected, *unfit], key=lambda entry: (entry.path, entry.code))),
    )


def read_all(
    entries: Iterable[Candidate | Rejected],
    read: Callable[[Candidate], Facts | Rejected],
    should_stop: Callable[[], bool] = _never,
) -> tuple[list[Found], list[Rejected]]:
    """Ask `read` (`HeaderReader.quick` or `.full`) what every candidate is; rejections pass through."""
    found: list[Found] = []
    rejected: list[Rejected] = []
    for entry in entries:
        if should_stop():
            break
        outcome = entry if isinstance(entry, Rejected) else read(entry)
        if isinstance(outcome, Rejected):
            rejected.append(outcome)
        elif isinstance(entry, Candidate):
            found.append(Found(entry, outcome))
    return found, rejected


def with_places(found: Iterable[Found], places: Mapping[Identity | str, Sequence[str]]) -> list[Found]:
    """The same, each with all paths that lead to it; a walk knows them at its end."""
    return [replace(item, places=tuple(places.get(item.candidate.key, ()))) for item in found]


def scan_file(
    path: str | os.PathLike[str],
    known: Catalog | None = None,
    aliases: Mapping[str, Sequence[str]] | None = None,
    reader: HeaderReader | None = None,
) -> Model | Rejected:
    """The model that the file at `path` is, or is a part of, or why it is none. Blocks: for a worker thread.

    Args:
        path: Any file; its name need not end in ".gguf".
        known: The catalog so far: a model of it is returned as it is, and its ids are not given again.
        aliases: Further names, by a name of the model.
        reader: Reads headers, or knows them from before.
    """
    wanted = absolute(path)
    known = known or Catalog()
    if (same := _already_known(wanted, known)) is not None:
        return same
    walk = Walk(_never)
    entries = (walk.file(other) for other in (wanted, *_beside(wanted)))
    found, rejected = read_all(
        (entry for entry in entries if entry is not None), (reader or HeaderReader()).full
    )
    models, unfit = assemble(
        found, {entry.path for entry in rejected}, taken={model.id for model in known.models}
    )
    for model in with_aliases([*known.models, *models], aliases or {}):
        if wanted in model.files:
            return model
    problems = {entry.path: entry for entry in (*unfit, *rejected)}
    asked = problems.get(printable(wanted))
    if asked is not None and asked.reason == UNPAIRED:  # models were not looked for
        return replace(asked, reason=_PROJECTOR)
    # A part that is whole, of a model that is not: another part speaks for all.
    return asked or next(entry for entry in unfit if shard_of(entry.path))


def _beside(path: str) -> Iterator[str]:
    """Files that may belong to the one at `path`: the other parts of a split model, and projectors."""
    folder, shard = Path(path).parent, shard_of(path)
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 - names are all that is needed
    except OSError:
        return  # what is wrong there is told about the file itself
    for name in names:
        other = shard_of(name)
        part = shard and other and (other.prefix, other.count) == (shard.prefix, shard.count)
        if name.lower().endswith(SUFFIX) and (part or "mmproj" in name.lower()):
            yield str(folder / name)


def _already_known(path: str, known: Catalog) -> Model | None:
    """The model of the catalog that the file at `path` is a part of, by whatever name."""
    for model in known.models:
        for file in model.files:
            try:
                if Path(path).samefile(file):
                    return model
            except (OSError, ValueError):
                continue  # one of the two is gone: then they are not the same
    return None
