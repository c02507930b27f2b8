"""What is known of each model's need, and which of that has to be worked out again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from model_switcher.domain.fit import Holding, Place, Space, space
from model_switcher.domain.need import Source
from model_switcher.domain.states import COMING_UP, ENDED, ServerState
from model_switcher.domain.units import MIB
from model_switcher.engine.needs.estimate import Estimator, is_weak, questions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from model_switcher.domain.catalog import Model
    from model_switcher.domain.memory import Readings
    from model_switcher.domain.need import Need
    from model_switcher.domain.prediction import Blueprint
    from model_switcher.domain.snapshot import Snapshot
    from model_switcher.engine.needs.estimate import Estimate
    from model_switcher.engine.needs.setup import Setup
    from model_switcher.engine.needs.store import Key, NeedStore

# Memory in use goes up and down all the time; less than this changes nothing that is said about a model.
GRAIN = 64 * MIB

# What llama-server counts on, and what is free for buffers once nothing of ours is loaded; None if unknown.
Free = tuple[int | None, int | None]
_NEVER = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a need depends on besides the model.

    Attributes:
        readings: Of the moment.
        spaces: Every memory then.
    """

    readings: Readings
    spaces: Mapping[Place, Space]

    @property
    def rounded(self) -> tuple[object, ...]:
        """The same for as long as no memory has changed worth mentioning."""
        figures = [figure for there in self.spaces.values() for figure in (there.free, there.whole)]
        return tuple(None if figure is None else figure // GRAIN for figure in figures)

    def free(self, setup: Setup, driver: int | None) -> Free:
        """What is free for a model, of the memory that its setup uses; rounded down.

        Args:
            setup: How the model would be started.
            driver: What the driver of its GPUs was measured to hold for a process.
        """
        if setup.gpus:
            there = self.spaces[Place.GPU]
            if not self.readings.cards or there.whole is None:
                return None, None
            room = _rounded(there.whole - (there.driver if driver is None else driver))
            return room, room
        ram, there = self.readings.ram, self.spaces[Place.RAM]
        return None if ram is None else ram.total, None if there.whole is None else _rounded(there.whole)


@dataclass(slots=True)
class Row:
    """One model.

    Attributes:
        model: As the catalog has it.
        setup: How it would be started; None until that was looked at.
        key: What its needs belong to.
        estimate: What it takes; None if nobody knows, or until it was worked out.
        made_for: The free memory that the estimate is for; None before the first.
        draft: The blueprint of its draft model.
    """

    model: Model
    setup: Setup | None = None
    key: Key | None = None
    estimate: Estimate | None = None
    made_for: Free | None = None
    draft: Blueprint | None = None

    @property
    def needs_asking(self) -> bool:
        """Whether its header was read and the rules do not tell what it takes, or not without doubt."""
        if self.made_for is None or self.model.blueprint is None or not self.model.available:
            return False
        if self.estimate is None:
            return True
        predicted = self.estimate.predicted
        return predicted.source is not Source.RULES or is_weak(predicted)

    def estimator(self, store: NeedStore) -> Estimator | None:
        """Says what the model takes."""
        if self.setup is None or self.key is None:
            return None
        return Estimator(self.model, self.setup, self.key, store, draft=self.draft)

    def free(self, now: Circumstances | None, store: NeedStore) -> Free:
        """What is free for the model."""
        if now is None or self.setup is None:
            return None, None
        return now.free(self.setup, store.driver(self.setup.key.gpus))

    def is_stale(self, now: Circumstances | None, store: NeedStore) -> bool:
        """Whether the estimate has to be made, or made again."""
        if self.setup is None:
            return False
        if self.made_for is None:
            return True
        free = self.free(now, store)
        if now is None or free == self.made_for:
            return False
        if self.estimate is None or None in free or None in self.made_for:
            return self.estimate is not None
        # What fits with room to spare fits all the same with a little more or less.
        return min(*_known(free), *_known(self.made_for)) < self._comfortable(self.setup)

    def _comfortable(self, setup: Setup) -> int:
        assert self.estimate is not None
        most = self.estimate.whole
        if self.estimate.shortened or self.estimate.least is not None or most is not self.estimate.predicted:
            return _NEVER
        target = setup.allowed.target * max(len(setup.gpus), 1) if setup.allowed else 0
        return (most.device if setup.gpus else most.host).total + target


@dataclass(slots=True)
class Ledger:
    """All models. Lives on the runtime's loop.

    Attributes:
        store: What was learned.
        rows: By the model's id.
        edition: Grows with every change of an estimate.
    """

    store: NeedStore
    rows: dict[str, Row] = field(default_factory=dict)
    edition: int = 0

    def take(self, models: tuple[Model, ...]) -> None:
        """The catalog as it is now."""
        fresh: dict[str, Row] = {}
        for model in models:
            row = self.rows.get(model.id)
            if row is None or (row.model is not model and row.model != model):
                # What was known of it stays until more is known.
                row = Row(model) if row is None else replace(row, model=model, setup=None, made_for=None)
            fresh[model.id] = row
        if fresh.keys() != self.rows.keys():
            self.edition += 1
        self.rows = fresh

    def new(self, first: set[str]) -> list[Row]:
        """Rows whose setup has to be looked at, those of `first` at the beginning."""
        rows = [row for row in self.rows.values() if row.setup is None]
        return sorted(rows, key=lambda row: row.model.id not in first)

    def stale(self, now: Circumstances | None, first: set[str]) -> list[Row]:
        """Rows whose estimate has to be made, those of `first` at the beginning."""
        rows = [row for row in self.rows.values() if row.is_stale(now, self.store)]
        return sorted(rows, key=lambda row: row.model.id not in first)

    def unanswered(self, first: set[str]) -> Iterator[tuple[Row, int]]:
        """Rows that no rule knows, with the contexts that their engines were not asked about yet."""
        for row in sorted(self.rows.values(), key=lambda row: row.model.id not in first):
            setup, key = row.setup, row.key
            if setup is None or key is None or not setup.can_be_asked or not row.needs_asking:
                continue
            for ctx_size in questions(row.model, setup):
                if not self.store.was_asked(key, ctx_size=ctx_size, layers=setup.layers):
                    yield row, ctx_size


def circumstances(snapshot: Snapshot, need_of: Callable[[str], Need | None]) -> Circumstances | None:
    """What the needs depend on now; None before the first reading.

    Args:
        snapshot: What is the case.
        need_of: What a model that runs takes.
    """
    readings = snapshot.readings
    if readings is None:
        return None
    holdings = [
        Holding(pid=server.pid, need=need_of(server.model))
        for server in snapshot.servers
        if server.state not in ENDED
    ]
    spaces = {place: space(readings, place, holdings) for place in Place}
    return Circumstances(readings=readings, spaces=spaces)


def in_motion(snapshot: Snapshot) -> bool:
    """Whether memory is being taken or given back right now: what is free says little until that is over."""
    moving = {*COMING_UP, ServerState.STOPPING}
    return any(server.state in moving for server in snapshot.servers)


def _rounded(size: int) -> int:
    return max(0, size) // GRAIN * GRAIN


def _known(pair: tuple[int | None, int | None]) -> list[int]:
    return [figure for figure in pair if figure is not None]
