"""One frozen, numbered value with all that a view may see."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from model_switcher.domain.catalog import Catalog, Model
from model_switcher.domain.engines import EngineTrouble
from model_switcher.domain.low_memory import LowMemory
from model_switcher.domain.memory import Readings
from model_switcher.domain.need import Fit, Need
from model_switcher.domain.owners import Split
from model_switcher.domain.spill import Spill
from model_switcher.domain.states import Failure, ServerState


class Phase(StrEnum):
    """The steps of a switch, in order."""

    PREFLIGHT = "preflight"
    DRAIN = "drain"
    STOP = "stop"
    START = "start"
    ROLLBACK = "rollback"


class Reason(StrEnum):
    """Who wanted a model loaded."""

    CHOICE = "choice"
    REQUEST = "request"
    LEASE = "lease"
    RETURN = "return"
    RESTART = "restart"


class Result(StrEnum):
    """How a switch ended."""

    SWITCHED = "switched"
    ALREADY = "already served"
    CHOSEN = "chosen, loads on the first request"
    ROLLED_BACK = "rolled back"
    FELL_BACK = "fell back"
    NOTHING_LEFT = "nothing left"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    NOT_LOADED = "not loaded"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerView:
    """One engine process.

    Attributes:
        model: Id of the model it holds.
        state: Where it is in its life.
        engine: Which engine binary, for people ("llama-server b10434", "embedded").
        pid, port: None until known.
        alias: The random name of this start; a server that does not report it is not ours.
        progress: Part loaded, 0.0–1.0; None if unknown.
        since: Seconds since the epoch of the last move.
        in_flight: Requests that it answers right now.
        draining: Whether it admits nothing new.
        load_seconds: How long it took from start to ready.
        tokens_per_second: Tokens per second of its last answer; None before the first, and when it has been idle.
        ctx_size: Context in tokens that it was started with.
    """

    model: str
    state: ServerState
    engine: str
    pid: int | None = None
    port: int | None = None
    alias: str = ""
    progress: float | None = None
    since: float = 0.0
    in_flight: int = 0
    draining: bool = False
    load_seconds: float | None = None
    tokens_per_second: float | None = None
    ctx_size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchView:
    """The switch under way: from what to what, for whom, which step, since when (seconds since the epoch), how far.

    `seconds_left` is None where nobody can tell.
    """

    target: str
    source: str | None
    phase: Phase
    started: float
    progress: float | None = None
    reason: Reason = Reason.CHOICE
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmUpView:
    """The model whose file is read into main memory ahead of its load, and the part of it that lies there, 0.0–1.0."""

    model: str
    fraction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanView:
    """How far the search for models is: headers that were read, of so many files found so far."""

    done: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceView:
    """One place where models were looked for.

    Attributes:
        label: The program whose store it is; of a folder of the settings, its path.
        root: The folder; None where that program has none on this computer.
        models: How many models of the catalog lie there.
    """

    label: str
    root: str | None = None
    models: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseView:
    """A model that a program has borrowed, or waits to borrow.

    Attributes:
        id: The beginning of the lease's id; the whole id is its owner's secret.
        model, model_name: What is borrowed.
        owner, pid: Who borrows it: the program's name, and its process where that is known.
        since: Seconds since the epoch of the claim.
        granted: Whether the model is there for its owner; else the claim waits.
        returns_to: Id of the model that comes back afterwards.
    """

    id: str
    model: str
    model_name: str
    owner: str
    pid: int | None
    since: float
    granted: bool
    returns_to: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How the last switch ended.

    Attributes:
        result: In one word.
        target: The model that was chosen.
        serving: The model that is served now, or None.
        seconds: From the choice to the end.
        phases: Seconds of each step.
        failure: Why the chosen model is not served; None if it is.
        finished: Seconds since the epoch.
        reason: Who wanted the model.
    """

    result: Result
    target: str
    serving: str | None
    seconds: float
    finished: float
    phases: dict[str, float] = field(default_factory=dict)
    failure: Failure | None = None
    reason: Reason = Reason.CHOICE


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that a view may see, at one moment. `number` grows by one with every change.

    Attributes:
        time: Seconds since the epoch.
        version: Of this program.
        address: The stable address, "http://127.0.0.1:8080"; empty until it listens.
        selected: Id of the model the user chose.
        paused: Memory was freed until `resume`.
        awake: False while nothing is loaded until a request comes.
        servers: Engine processes, the served one first.
        switch: The switch under way.
        outcome: How the last one ended.
        failure: Why nothing is served, when that is so.
        held: Requests that wait for a model.
        held_by_model: The same for each model that requests wait for.
        leases: Models that programs have borrowed or wait to borrow, in order.
        warm_up: What is read ahead.
        readings: Memory; None until first read.
        owners: Who holds each memory whose figures are known: the GPUs, then main memory.
        spill: A model that has spilled out of the GPU's memory; None if none has.
        low_memory: A memory that is nearly full because something else took it; None if none is.
        fits: Whether a model can be loaded now, by its id; a model that is missing is not known yet.
        needs: What a model takes, by its id: the best that is known, then what was predicted, if that is another.
        expected: Seconds that a load of a model will take, by its id, as far as that is known.
        catalog: Models; scanning tells whether the list is still growing, scan how far that is, once it is known.
        sources: Where models were looked for, the settings' folders first; none while that is going on.
        engine_trouble: Why no engine can be used; None while one can, and until that is known.
        notice: Something the user should know about this instance as a whole (a settings file with problems).
        memory_notice: Memory that an engine which ended has not given back, and who holds it.
        settings_notice: What is wrong with the settings file; the last good settings are in force then.
        settings_edition: Grows with every change of the settings, and of their problems.
        outdated: Ids of the models that run with other settings than they would be started with now.
        file_notice: What became of the selected model's file since it was selected or loaded: replaced, deleted, away.
    """

    number: int = 0
    time: float = 0.0
    version: str = ""
    address: str = ""
    selected: str | None = None
    paused: bool = False
    awake: bool = True
    servers: tuple[ServerView, ...] = ()
    switch: SwitchView | None = None
    outcome: Outcome | None = None
    failure: Failure | None = None
    held: int = 0
    held_by_model: dict[str, int] = field(default_factory=dict)
    leases: tuple[LeaseView, ...] = ()
    warm_up: WarmUpView | None = None
    readings: Readings | None = None
    owners: tuple[Split, ...] = ()
    spill: Spill | None = None
    low_memory: LowMemory | None = None
    fits: dict[str, Fit] = field(default_factory=dict)
    needs: dict[str, tuple[Need, ...]] = field(default_factory=dict)
    expected: dict[str, float] = field(default_factory=dict)
    catalog: Catalog = field(default_factory=Catalog)
    scanning: bool = False
    scan: ScanView | None = None
    sources: tuple[SourceView, ...] = ()
    engine_trouble: EngineTrouble | None = None
    notice: str | None = None
    memory_notice: str | None = None
    settings_notice: str | None = None
    settings_edition: int = 0
    outdated: tuple[str, ...] = ()
    file_notice: str | None = None

    @property
    def served(self) -> ServerView | None:
        """The server of the selected model, if there is one."""
        return next((server for server in self.servers if server.model == self.selected), None)

    @property
    def selected_model(self) -> Model | None:
        """The selected model's entry in the catalog."""
        return self.catalog.get(self.selected)
