"""What one store holds, looked at again only where something changed."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from model_switcher.domain.catalog import Reject, Rejected
from model_switcher.engine.catalog.walk import Candidate, Identity, Listing, look, rejected
from model_switcher.engine.library.drives import is_away, is_mount, is_remote
from model_switcher.engine.library.mounts import Mounts, is_inside
from model_switcher.engine.stores import Store, entries

if TYPE_CHECKING:
    from collections.abc import Collection

_FRESH_SECONDS = 5.0

Stamp = tuple[Identity, int, int]


def stamp_of(candidate: Candidate) -> Stamp:
    """Changes whenever the file at its path does."""
    return candidate.identity, candidate.size, candidate.modified


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a store holds, at one moment.

    Attributes:
        entries: Candidates and what cannot be served; a file that several paths lead to, once for each.
        moving: Paths of files that are still being written.
        early: Paths of those that were there when the store was first looked at.
        away: Whether its drive is away; the entries are those from before.
        absent: Paths of files from before whose drive, another one than the store's, is away.
        remote: Whether it lies on a network drive.
        identity: Of the root folder; None if there is none that could be watched.
    """

    entries: tuple[Candidate | Rejected, ...] = ()
    moving: frozenset[str] = frozenset()
    early: frozenset[str] = frozenset()
    away: bool = False
    absent: frozenset[str] = frozenset()
    remote: bool = False
    identity: Identity | None = None

    def has(self, path: str) -> bool:
        """Whether the drive of the file at `path` is there."""
        return not self.away and path not in self.absent


class _Motion(NamedTuple):
    stamp: Stamp
    since: float
    moving: bool


class Shelf:
    """One store. `look` blocks and belongs to one thread at a time.

    Args:
        store: Which one.
        settle: Seconds without a change after which a file counts as written.
    """

    def __init__(self, store: Store, settle: float) -> None:
        self.store = store
        self._settle = settle
        self._listings: dict[str, Listing] = {}
        self._motions: dict[str, _Motion] = {}
        self._early: frozenset[str] | None = None
        self._was_mount = False
        self._device: int | None = None
        self._mounts = Mounts()
        self._view = View()

    def look(self, changed: Collection[str] | None, *, poll: bool = False) -> View:
        """What the store holds now.

        Args:
            changed: Paths at which something changed; None to look everywhere.
            poll: Also look at the folders whose time of change is another than before.
        """
        root = self.store.root
        mounts = self._mounts.changed(self._listings)
        if changed is not None and not (changed or poll or mounts) and self._is_quiet(root):
            return self._view
        listing = look(root)
        if self._early is not None and is_away(
            root, listing.error, was_mount=self._was_mount, device=self._device
        ):
            self._listings.clear()  # another drive may come back
            self._view = View(
                entries=self._view.entries, early=self._view.early, away=True, remote=self._view.remote
            )
            return self._view
        returned = self._view.away or listing.identity != self._view.identity
        if changed is None or returned:
            self._listings.clear()
        else:
            self._forget([*changed, *mounts, *(self._stale() if poll else ()), *self._moving_folders()])
        self._listings[root] = listing
        remote = is_remote(root) if returned or self._early is None else self._view.remote
        self._was_mount = is_mount(root)
        self._device = listing.identity[0] if listing.identity and not Path(root).is_symlink() else None
        found = self._entries(listing)
        moving = self._moving([entry for entry in found if isinstance(entry, Candidate)])
        if self._early is None:
            self._early = frozenset(self._motions)
        absent = self._absent(found)
        view = View(
            entries=(*found, *absent),
            moving=moving,
            early=self._early,
            absent=frozenset(entry.path for entry in absent),
            remote=remote,
            identity=listing.identity,
        )
        # The same object while nothing changed: callers see by that that there is nothing to do.
        self._view = self._view if self._view == view else view
        return self._view

    def _is_quiet(self, root: str) -> bool:
        """Whether nobody writes, and the folder itself is as it was."""
        before = self._listings.get(root)
        if before is None or before.identity is None or self._view.away or self._view.moving:
            return False
        try:
            status = Path(root).stat()
        except OSError:
            return False
        return (status.st_dev, status.st_ino, status.st_mtime_ns) == (*before.identity, before.modified)

    def _entries(self, listing: Listing) -> tuple[Candidate | Rejected, ...]:
        if listing.error is not None and self.store.name != "folder" and not Path(self.store.root).exists():
            return ()  # a program that was removed
        visited: dict[str, Listing] = {self.store.root: listing}
        found = tuple(entries(self.store, partial(self._listing, visited)))
        self._listings = visited
        return found

    def _absent(self, found: Collection[Candidate | Rejected]) -> list[Candidate]:
        """What lay in folders whose drives are away."""
        folders = self._mounts.away(self._listings)
        if not folders:
            return []
        known = {entry.path for entry in found}
        before = [entry for entry in self._view.entries if isinstance(entry, Candidate)]
        return [entry for entry in before if entry.path not in known and is_inside(entry.path, folders)]

    def _listing(self, visited: dict[str, Listing], path: str) -> Listing:
        listing = visited.get(path) or self._listings.get(path) or look(path)
        visited[path] = listing
        return listing

    def _forget(self, paths: Collection[str]) -> None:
        for path in set(paths):
            self._listings.pop(os.path.dirname(path), None)  # noqa: PTH120 - thousands of them
            if self._listings.pop(path, None) is not None:
                below = path + os.sep
                for other in [other for other in self._listings if other.startswith(below)]:
                    del self._listings[other]

    def _stale(self) -> list[str]:
        """Folders in which something was added, renamed or removed. Growing files do not show by that."""
        return [path for path, listing in self._listings.items() if listing.modified != _modified(path)]

    def _moving_folders(self) -> list[str]:
        return [path for path, motion in self._motions.items() if motion.moving]

    def _moving(self, candidates: list[Candidate]) -> frozenset[str]:
        now, wall = time.monotonic(), time.time()
        motions: dict[str, _Motion] = {}
        for candidate in candidates:
            stamp, before = stamp_of(candidate), self._motions.get(candidate.path)
            if before is None:
                fresh = abs(wall - candidate.modified / 1e9) < _FRESH_SECONDS
                motions[candidate.path] = _Motion(stamp, now, fresh)
            elif before.stamp != stamp:
                motions[candidate.path] = _Motion(stamp, now, True)
            else:
                moving = before.moving and now - before.since < self._settle
                motions[candidate.path] = before._replace(moving=moving)
        self._motions = motions
        return frozenset(path for path, motion in motions.items() if motion.moving)


def unanswered(view: View, store: Store) -> View:
    """What can be said of a network drive that does not answer."""
    reason = "this network drive does not answer; is it connected?"
    known = view.entries or (rejected(store.root, Reject.UNREADABLE, reason),)
    return View(entries=known, early=view.early, away=True, remote=True)


def _modified(path: str) -> int | None:
    try:
        return Path(path).stat().st_mtime_ns
    except OSError:
        return None
