"""Reading headers of files that a walk found: the beginning at once, the whole once, out of the cache later."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from model_switcher.domain.catalog import Reject, Rejected
from model_switcher.engine.catalog.cache import HeaderCache
from model_switcher.engine.catalog.facts import Facts, facts_of, first_facts
from model_switcher.engine.catalog.walk import Candidate, unreadable
from model_switcher.engine.gguf import HeaderError, read_header
from model_switcher.engine.gguf.beginning import read_beginning

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from pathlib import Path

_PASSING = frozenset({Reject.UNREADABLE, Reject.NOT_A_FILE})
_log = logging.getLogger(__name__)


class HeaderReader:
    """Says what files are. Every method blocks: for a worker thread, or several.

    Args:
        cache_file: Where outcomes are kept from one run to the next; None to keep nothing.
    """

    def __init__(self, cache_file: Path | None = None) -> None:
        self._cache = HeaderCache(cache_file) if cache_file is not None else None

    def known(self, candidate: Candidate) -> Facts | Rejected | None:
        """What the cache says of a file, without opening it."""
        return self._cache.get(candidate) if self._cache is not None else None

    def found_good(self, path: str, status: os.stat_result) -> bool:
        """Whether the whole header of a file was found good while it was as `status` says."""
        candidate = Candidate(
            path=path,
            identity=(status.st_dev, status.st_ino),
            size=status.st_size,
            modified=status.st_mtime_ns,
        )
        return isinstance(self.known(candidate), Facts)

    def quick(self, candidate: Candidate) -> Facts | Rejected:
        """What the cache says, else the beginning of the file: at most 64 KiB, `Facts.complete` is False then."""
        known = self.known(candidate)
        if known is not None:
            return known
        try:
            beginning = read_beginning(candidate.path)
        except HeaderError as error:
            return Rejected(path=candidate.path, code=error.code, reason=error.reason)
        except OSError as error:
            return unreadable(candidate.path, error)
        return self.full(candidate) if beginning is None else first_facts(candidate.path, beginning)

    def full(self, candidate: Candidate) -> Facts | Rejected:
        """What the cache says, else the whole header."""
        known = self.known(candidate)
        if known is not None:
            return known
        outcome: Facts | Rejected
        try:
            outcome = facts_of(candidate.path, read_header(candidate.path))
        except HeaderError as error:
            outcome = Rejected(path=candidate.path, code=error.code, reason=error.reason)
        except OSError as error:
            outcome = unreadable(candidate.path, error)
        self.keep(candidate, outcome)
        return outcome

    def keep(self, candidate: Candidate, outcome: Facts | Rejected) -> None:
        """Remember what came of reading a whole header; `candidate` is what the file was before it was read."""
        if self._cache is not None and not is_passing(outcome):
            self._cache.put(candidate, outcome)

    def save(self) -> None:
        """Write the cache to the disk, if something changed."""
        if self._cache is not None:
            self._cache.save()


def is_passing(outcome: Facts | Rejected) -> bool:
    """Whether it may be otherwise the next time, though the file is the same."""
    return isinstance(outcome, Rejected) and outcome.code in _PASSING


def guarded(read: Callable[[Candidate], Facts | Rejected], file: Candidate) -> Facts | Rejected:
    """What `read` says of a file; one that nobody thought of is rejected, and must not cost the user all others."""
    try:
        return read(file)
    except Exception as error:  # noqa: BLE001 - nobody thought of it
        _log.exception("Reading the header of %s failed", file.path)
        reason = f"reading its header failed unexpectedly: {type(error).__name__}"
        return Rejected(path=file.path, code=Reject.UNREADABLE, reason=reason)
