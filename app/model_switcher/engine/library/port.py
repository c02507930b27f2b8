"""What the library needs from whoever reads headers, and what it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model_switcher.domain.catalog import Catalog, Rejected
    from model_switcher.engine.catalog.assemble import Found
    from model_switcher.engine.catalog.facts import Facts
    from model_switcher.engine.catalog.walk import Candidate


@dataclass(frozen=True, slots=True)
class Progress:
    """How many headers have been read, of how many files found so far."""

    done: int
    total: int


class Reader(Protocol):
    """Reads headers and puts models together. Its methods block: they are called in worker threads."""

    def known(self, candidate: Candidate) -> Facts | Rejected | None:
        """What is remembered of a file, without opening it."""
        ...

    def quick(self, candidate: Candidate) -> Facts | Rejected:
        """What is remembered of a file, else what its first bytes say; `Facts.complete` tells which."""
        ...

    def full(self, candidate: Candidate) -> Facts | Rejected:
        """What a file's whole header says, or why it cannot be served."""
        ...

    def keep(self, candidate: Candidate, outcome: Facts | Rejected) -> None:
        """Remember what came of reading a whole header elsewhere; `candidate` is what the file was before."""
        ...

    def assemble(self, found: Sequence[Found], rejected: Sequence[Rejected]) -> Catalog:
        """The catalog of these files; those that were not read yet are in it by their names and sizes."""
        ...

    def save(self) -> None:
        """Every header was read: keep what they said for the next start."""
        ...
