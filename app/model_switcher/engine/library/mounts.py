"""Folders inside of a store that lie on drives of their own: mounted there, or reached through a link."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from model_switcher.engine.catalog.walk import Identity, Listing

# Drives are mounted over empty folders, of which a store has few; nobody tells when that happens.
_MOST_EMPTY = 64


class Mounts:
    """Which of them there were. Its methods block, and belong to the thread that looks at the store."""

    def __init__(self) -> None:
        self._links: dict[str, bool] = {}  # by path: whether it is a link

    def changed(self, listings: Mapping[str, Listing]) -> list[str]:
        """Folders at which a drive came or went since they were listed."""
        empty = [
            path
            for path, listing in listings.items()
            if listing.identity is not None and not listing.entries and not listing.folders
        ]
        listed = {path: listings[path].identity if path in listings else None for path in self._links}
        listed |= {path: listings[path].identity for path in empty[:_MOST_EMPTY]}
        return [path for path, identity in listed.items() if _identity(path) != identity]

    def away(self, listings: Mapping[str, Listing]) -> list[str]:
        """Folders whose drive was there before and is not now.

        A folder on which a drive is mounted cannot be deleted; a link to one can.
        """
        there = _mounts(listings)
        for path in there - self._links.keys():
            self._links[path] = os.path.islink(path)  # noqa: PTH114 - a text is enough
        for path, link in list(self._links.items()):
            place = path if link else os.path.dirname(path)  # noqa: PTH120 - as above
            if path not in there and not os.path.lexists(place):
                del self._links[path]
        return [path for path in self._links if path not in there]


def is_inside(path: str, folders: Collection[str]) -> bool:
    """Whether `path` lies in one of `folders` or below."""
    return any(path.startswith(folder + os.sep) for folder in folders)


def _mounts(listings: Mapping[str, Listing]) -> set[str]:
    """Folders on another drive than the one above them."""
    found: set[str] = set()
    for path, listing in listings.items():
        above = listings.get(os.path.dirname(path))  # noqa: PTH120 - thousands of them
        if above is None or above.identity is None or listing.identity is None:
            continue
        if above.identity[0] != listing.identity[0]:
            found.add(path)
    return found


def _identity(path: str) -> Identity | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - every two seconds
    except OSError:
        return None
    return status.st_dev, status.st_ino
