"""One store under the library's care."""

from __future__ import annotations

import asyncio
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_switcher.engine.library.shelf import Shelf, View

if TYPE_CHECKING:
    from model_switcher.engine.stores import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often things happen, in seconds.

    Attributes:
        settle: Without a change for so long, a file counts as written.
        tick: Between two looks at whether a folder is still, or again, there; at one that cannot be watched, also
            whether anything in it changed.
        poll: The same on drives of a network, of which nobody tells what others change there.
        discover: Between two looks for stores of programs that were installed meanwhile.
        patience: After so long a drive that does not answer counts as away.
        publish: The least time between two catalogs.
        batch: Headers that are read at once (a number of files).
    """

    settle: float = 0.5
    tick: float = 1.0
    poll: float = 10.0
    discover: float = 10.0
    patience: float = 3.0
    publish: float = 0.03
    batch: int = 16


class Keeper:
    """One store under the library's care: what is to be done there, and how far that got.

    Attributes:
        view: What it held when it was last looked at.
        read: What all stores held when nothing was left to be read of this one.
        asked, answered: Numbers of the last question what changed there, and of the last one that was answered.
        looked: Whether it was looked at once.
        silent: Whether it has not answered for long.
    """

    def __init__(self, store: Store, pace: Pace) -> None:
        self.store = store
        self.shelf = Shelf(store, pace.settle)
        self.view = View()
        self.read: list[View] = []
        self.task: asyncio.Task[None] | None = None
        self.changed: set[str] | None = None  # None: everywhere
        self.wake = asyncio.Event()
        self.asked = 1
        self.answered = 0
        self.looked = False
        self.silent = False
        self.suspicious = False

    @property
    def done(self) -> bool:
        """Whether the last question was answered, or will not be any time soon."""
        return self.silent or self.answered == self.asked

    def has_read(self, views: list[View]) -> bool:
        """Whether nothing has changed anywhere since nothing was left to be read."""
        return len(views) == len(self.read) and all(map(operator.is_, views, self.read))

    def look(self, paths: set[str] | None) -> None:
        """Have it looked at what changed at `paths`, or at everything if None."""
        self.changed = None if paths is None or self.changed is None else self.changed | paths
        self.asked += 1
        self.wake.set()

    def suspect(self) -> None:
        """Have it looked whether any of its folders changed."""
        self.suspicious = True
        self.look(set())

    def take(self) -> tuple[set[str] | None, bool, int]:
        """What to look at now: paths (None: everything), whether at folders that changed, and the question's number."""
        changed, self.changed = self.changed, set()
        suspicious, self.suspicious = self.suspicious, False
        self.wake.clear()
        return changed, suspicious, self.asked
