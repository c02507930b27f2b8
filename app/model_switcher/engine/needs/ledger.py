"""What is known of each model's need, and which of that has to be worked out, or worked out again."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from model_switcher.domain.fit import Holding, Place, Space, space
from model_switcher.domain.need import Source
from model_switcher.domain.states import COMING_UP, ENDED, ServerState
from model_switcher.domain.units import MIB
from model_switcher.engine.needs.estimate import is_weak, questions

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from model_switcher.domain.catalog import Model
    from model_switcher.domain.memory import Readings
    from model_switcher.domain.need import Need
    from model_switcher.domain.snapshot import Snapshot
    from model_switcher.engine.needs.estimate import Estimate, Estimator
    from model_switcher.engine.needs.setup import Setup
    from model_switcher.engine.needs.store import Key, NeedStore

# Memory in use goes up and down all the time; less than this changes nothing that is said about a model.
GRAIN = 64 * MIB
# Nor does less than this change what llama-server would make of its options.
COARSE = 256 * MIB

# What llama-server counts on, and what is free for buffers once nothing of ours is loaded; None if unknown.
Free = tuple[int | None, int | None]
_NEVER = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a need depends on besides the model.

    Attributes:
        readings: Of the moment.
        spaces: Every memory then.
        drivers: What the driver of these GPUs was measured to hold for a process.
    """

    readings: Readings
    spaces: Mapping[Place, Space]
    drivers: Callable[[str], int | None]

    def near(self, other: Circumstances) -> bool:
        """Whether nothing has changed worth mentioning between the two."""
        pairs = [(there, other.spaces[place]) for place, there in self.spaces.items()]
        return all(
            there.servers == former.servers
            and _near(there.free, former.free)
            and _near(there.whole, former.whole)
            for there, former in pairs
        )

    def free(self, setup: Setup) -> Free:
        """What is free for a model that is started so."""
        if setup.gpus:
            there = self.spaces[Place.GPU]
            if not self.readings.cards or there.whole is None:
                return None, None
            driver = self.drivers(setup.key.gpus)
            room = max(0, there.whole - (there.driver if driver is None else driver))
            return room, room
        ram, there = self.readings.ram, self.spaces[Place.RAM]
        return None if ram is None else ram.total, there.whole


@dataclass(slots=True)
class Row:
    """One model.

    Attributes:
        model: As the catalog has it.
        setup: How it would be started; None until that was looked at.
        key: What its needs belong to.
        estimator: Works out what it takes.
        estimate: What it takes; None if nobody knows, or until it was worked out.
        made_for: The free memory that the estimate is for; None before the first.
        comfortable: From how much free memory on all of it fits as it is.
    """

    model: Model
    setup: Setup | None = None
    key: Key | None = None
    estimator: Estimator | None = None
    estimate: Estimate | None = None
    made_for: Free | None = None
    comfortable: int = _NEVER

    @property
    def needs_asking(self) -> bool:
        """Whether its header was read and the rules do not tell what it takes, or not without doubt."""
        if self.made_for is None or self.model.blueprint is None or not self.model.available:
            return False
        if self.estimate is None:
            return True
        predicted = self.estimate.predicted
        return predicted.source is not Source.RULES or is_weak(predicted)

    def has_moved(self, free: Free) -> bool:
        """Whether so much more or less is free that the estimate has to be made again."""
        before = self.made_for
        if before is None or self.estimate is None or free == before:
            return False
        now, then = free[0], before[0]
        least, least_before = free[1], before[1]
        if now is None or then is None or least is None or least_before is None:
            return True
        if abs(now - then) < COARSE and abs(least - least_before) < COARSE:
            return False
        # What fits with room to spare fits all the same with a little more or less.
        return min(now, then, least, least_before) < self.comfortable

    def settle(self, made_for: Free, estimate: Estimate | None) -> None:
        """The estimate was made."""
        self.made_for, self.estimate = made_for, estimate
        self.comfortable = _NEVER
        if estimate is None or self.setup is None or not estimate.is_as_set:
            return
        allowed, gpus = self.setup.allowed, len(self.setup.gpus)
        target = allowed.target * max(gpus, 1) if allowed else 0
        self.comfortable = (estimate.whole.device if gpus else estimate.whole.host).total + target


@dataclass(slots=True)
class Ledger:
    """All models. Lives on the runtime's loop.

    Attributes:
        store: What was learned.
        rows: By the model's id.
        pending: Ids of those that have to be worked out.
        edition: Grows with every change of an estimate.
    """

    store: NeedStore
    rows: dict[str, Row] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)
    edition: int = 0

    def take(self, models: tuple[Model, ...]) -> None:
        """The catalog as it is now."""
        fresh: dict[str, Row] = {}
        for model in models:
            row = self.rows.get(model.id)
            if row is None:
                row = Row(model)
                self.pending.add(model.id)
            elif row.model is not model and row.model != model:
                # What was known of it stays until more is known.
                row = Row(model, estimate=row.estimate, made_for=row.made_for)
                self.pending.add(model.id)
            fresh[model.id] = row
        if fresh.keys() != self.rows.keys():
            self.edition += 1
        self.rows = fresh
        self.pending &= fresh.keys()

    def next(self, first: Collection[str], count: int) -> list[Row]:
        """So many rows that have to be worked out, those of `first` at the beginning."""
        urgent = [model for model in first if model in self.pending]
        rest = (model for model in self.pending if model not in first)
        chosen = [*urgent, *islice(rest, count)][:count]
        return [self.rows[model] for model in chosen if model in self.rows]

    def begin(self, rows: Iterable[Row]) -> None:
        """These are being worked out. What is learned meanwhile makes them pending again."""
        self.pending -= {row.model.id for row in rows}

    def done(self, row: Row, made_for: Free, estimate: Estimate | None) -> None:
        """A row was worked out."""
        row.settle(made_for, estimate)
        self.edition += 1

    def move(self, now: Circumstances) -> None:
        """More or less memory is free: what that matters to has to be worked out again."""
        free: dict[tuple[str, ...], Free] = {}
        for model, row in self.rows.items():
            if row.setup is None:
                continue
            gpus = row.setup.gpus
            if gpus not in free:
                free[gpus] = now.free(row.setup)
            if row.has_moved(free[gpus]):
                self.pending.add(model)

    def set_up_again(self) -> None:
        """All models would be started in another way."""
        for row in self.rows.values():
            row.setup = None
        self.pending |= self.rows.keys()

    def again(self, models: Iterable[str]) -> None:
        """These have to be worked out again: something was learned of them, or it was not their turn yet."""
        self.pending |= set(models) & self.rows.keys()

    def unanswered(self, first: Collection[str]) -> Iterator[tuple[Row, int]]:
        """Rows that no rule knows, with the contexts that their engines were not asked about yet."""
        asking = [row for row in self.rows.values() if row.needs_asking]
        for row in sorted(asking, key=lambda row: row.model.id not in first):
            setup, key = row.setup, row.key
            if setup is None or key is None or not setup.can_be_asked:
                continue
            for ctx_size in questions(row.model, setup):
                if not self.store.was_asked(key, ctx_size=ctx_size, layers=setup.layers):
                    yield row, ctx_size


def circumstances(
    snapshot: Snapshot, need_of: Callable[[str], Need | None], drivers: Callable[[str], int | None]
) -> Circumstances | None:
    """What the needs depend on now; None before the first reading.

    Args:
        snapshot: What is the case.
        need_of: What a model that runs takes.
        drivers: What the driver of these GPUs was measured to hold for a process.
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
    return Circumstances(readings=readings, spaces=spaces, drivers=drivers)


def in_motion(snapshot: Snapshot) -> bool:
    """Whether memory is being taken or given back right now: what is free says little until that is over."""
    moving = {*COMING_UP, ServerState.STOPPING}
    return any(server.state in moving for server in snapshot.servers)


def _near(figure: int | None, former: int | None) -> bool:
    if figure is None or former is None:
        return figure is former
    return abs(figure - former) < GRAIN
