"""Puts together what all stores hold: each file once, with what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from model_switcher.domain.catalog import Reject, Rejected
from model_switcher.domain.units import format_size
from model_switcher.engine.catalog.assemble import Found
from model_switcher.engine.catalog.walk import Candidate, rejected
from model_switcher.engine.library.shelf import Stamp, View, stamp_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model_switcher.engine.catalog.facts import Facts

Key = tuple[str, Stamp]
_KEPT = 1000


def key_of(candidate: Candidate) -> Key:
    """Under which the facts of a file are kept; another one once it was replaced."""
    return candidate.path, stamp_of(candidate)


@dataclass(slots=True)
class Known:
    """What was read so far. Written on the loop, looked into by threads.

    Attributes:
        outcomes: Of every file whose whole header was read.
        first: What the first bytes of others say.
        last: The last facts of each path, for the moments in which a file changes.
    """

    outcomes: dict[Key, Facts | Rejected] = field(default_factory=dict)
    first: dict[Key, Facts | Rejected] = field(default_factory=dict)
    last: dict[str, Facts] = field(default_factory=dict)

    def keep(self, index: Index) -> None:
        """Forget what is said of files that are gone, once that is most of it."""
        if len(self.outcomes) > 2 * index.total + _KEPT:
            keys = {key_of(one.candidate) for one in index.found}
            paths = {path for path, _ in keys}
            self.outcomes = {key: outcome for key, outcome in self.outcomes.items() if key in keys}
            self.first = {key: outcome for key, outcome in self.first.items() if key in keys}
            self.last = {path: facts for path, facts in self.last.items() if path in paths}


@dataclass(frozen=True, slots=True)
class Index:
    """All stores together.

    Attributes:
        found: Files that are, or may be, models.
        rejected: What cannot be served.
        unread: By the number of the store: files whose headers have to be read.
        total: Files whose headers count.
    """

    found: list[Found]
    rejected: list[Rejected]
    unread: dict[int, list[Candidate]]
    total: int

    @property
    def waiting(self) -> int:
        """How many headers have to be read."""
        return sum(len(candidates) for candidates in self.unread.values())


@dataclass(slots=True)
class _File:
    candidate: Candidate
    store: int
    places: list[str]
    titles: list[str]


def index(views: Sequence[View], known: Known) -> Index:
    """What the stores hold; of equal files the first store's path stands for all."""
    files: dict[object, _File] = {}
    refused: dict[tuple[str, str], Rejected] = {}
    for number, view in enumerate(views):
        for entry in view.entries:
            if isinstance(entry, Rejected):
                refused.setdefault((entry.path, entry.code), entry)
                continue
            # The numbers of a drive that is away may by now be those of another one.
            key = entry.key if view.has(entry.path) else entry.path
            file = files.setdefault(key, _File(entry, number, [], []))
            if entry.path not in file.places:
                file.places.append(entry.path)
            if entry.title and entry.title not in file.titles:
                file.titles.append(entry.title)
    return _judge(list(files.values()), list(refused.values()), views, known)


def _judge(files: list[_File], refused: list[Rejected], views: Sequence[View], known: Known) -> Index:
    found: list[Found] = []
    unread: dict[int, list[Candidate]] = {}
    for file in files:
        candidate, view = file.candidate, views[file.store]
        outcome = known.outcomes.get(key_of(candidate))
        moving = candidate.path in view.moving
        there = view.has(candidate.path)
        if outcome is None and there and (not moving or candidate.path in view.early):
            unread.setdefault(file.store, []).append(candidate)
        facts = outcome if not isinstance(outcome, Rejected) else None
        if outcome is None:
            first = known.first.get(key_of(candidate))
            facts = known.last.get(candidate.path) or (first if not isinstance(first, Rejected) else None)
        if moving and facts is None and (isinstance(outcome, Rejected) or candidate.path not in view.early):
            refused.append(rejected(candidate.path, Reject.PARTIAL, _being_written(candidate)))
        elif isinstance(outcome, Rejected):
            refused.append(outcome)
        else:
            found.append(
                Found(
                    candidate=candidate,
                    facts=facts,
                    places=tuple(file.places),
                    titles=tuple(file.titles),
                    available=there,
                )
            )
    return Index(found, refused, unread, len(files))


def _being_written(candidate: Candidate) -> str:
    return f"it is still being written ({format_size(candidate.size)} so far)"
