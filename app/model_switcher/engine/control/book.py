"""What the controller knows: what was chosen, what may take its place, what failed. No I/O, no waiting."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from model_switcher.domain.errors import Closing, NothingServed, Paused
from model_switcher.domain.plan import Resident, Situation, recent_crashes, restarts_exhausted
from model_switcher.domain.states import ENDED, Cause, Failure, ServerState
from model_switcher.engine.control.admission import Asleep, Gate, Hold, Open, Refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from model_switcher.domain.launch import Launch
    from model_switcher.engine.control.server import Server


@dataclass(slots=True)
class Book:
    """The controller's memory. Only the writer changes it.

    Attributes:
        default: Id of the model that is the last fallback.
        selected: What the user chose, or what had to take its place.
        committed: What was served last, with success.
        candidates: What to serve, the preferred first.
        launches: How each candidate is started: exactly as it was started before.
        failed: Why a candidate is out, since the last choice.
        crashes: When a model crashed after it had been ready.
        given_up: Why nothing is served, once every candidate failed.
        awake: Whether anything is to be loaded.
        paused: Whether requests may wake nothing.
        closing: Whether the program is shutting down.
        cut_at: When running answers are cut.
    """

    default: str | None = None
    selected: str | None = None
    committed: str | None = None
    candidates: tuple[str, ...] = ()
    launches: dict[str, Launch] = field(default_factory=dict)
    failed: dict[str, Failure] = field(default_factory=dict)
    crashes: dict[str, tuple[float, ...]] = field(default_factory=dict)
    given_up: Failure | None = None
    awake: bool = False
    paused: bool = False
    closing: bool = False
    cut_at: float | None = None

    def choose(self, target: str, *, wake: bool) -> None:
        """The target passed its preflight: from now on it is what is wanted."""
        self.selected = target
        self.candidates = self._startable(target, self.committed, self.default)
        self.failed.clear()
        self.crashes.pop(target, None)
        self.given_up = None
        self.paused = False
        self.awake = wake
        self.cut_at = None

    def unchoose(self, target: str) -> None:
        """The choice was cancelled: back to what was served before, or to nothing."""
        self.selected = self.committed
        if self.committed is None:
            self.candidates = ()
            self.awake = False
        else:
            self.candidates = tuple(model for model in self.candidates if model != target)

    def commit(self, model: str) -> None:
        """The model is served; the one before it is no fallback any more."""
        self.committed = self.selected = model
        self.candidates = self._startable(model, self.default)
        self.cut_at = None

    def sleep(self, *, paused: bool) -> None:
        """Nothing is to be loaded until a request comes, or, if paused, until the user says so."""
        self.paused = paused
        self.awake = False
        self.given_up = None
        if not self.closing:
            self.cut_at = None

    def wake(self) -> None:
        """The selected model is wanted again."""
        if not self.paused and not self.closing and self.selected is not None:
            self.awake = True
            self.failed.clear()
            self.given_up = None

    def resume(self) -> None:
        """The pause is over."""
        self.paused = False
        self.wake()

    def give_up(self) -> None:
        """Every candidate failed: the reason is the preferred one's."""
        self.awake = False
        self.given_up = next(self.failed[model] for model in self.candidates if model in self.failed)

    def close(self, cut_at: float) -> None:
        """Stop everything; running answers have until `cut_at`."""
        self.closing = True
        self.awake = False
        self.cut_at = cut_at

    def note_end(self, server: Server, now: float) -> None:
        """A server ended; if by itself, it failed to come up, or crashed."""
        if server.failure is None or server.failure.cause == Cause.WONT_STOP:
            return  # it was told to end
        model = server.model
        if server.load_seconds is None:
            self.failed[model] = server.failure
            return
        self.crashes[model] = (*recent_crashes(self.crashes.get(model, ()), now), now)
        if restarts_exhausted(self.crashes[model], now):
            self.failed[model] = server.failure

    def situation(self, servers: Iterable[Server], in_flight: Mapping[str, int], now: float) -> Situation:
        """What `plan` is asked about. A server whose end is not noted yet still counts as stopping."""
        return Situation(
            now=now,
            candidates=self.candidates,
            awake=self.awake and not self.paused,
            residents=tuple(
                Resident(
                    server.model,
                    ServerState.STOPPING if server.state in ENDED else server.state,
                    in_flight[server.model],
                )
                for server in servers
            ),
            failed=frozenset(self.failed),
            crashes=self.crashes,
            cut_at=self.cut_at,
        )

    def gate(self, served: Server | None) -> Gate:
        """What requests meet now."""
        if self.closing:
            return Refuse(Closing("The program is shutting down"))
        if self.paused:
            return Refuse(
                Paused(
                    "The memory was freed by the user", hint="`model-switcher resume` loads the model again."
                )
            )
        if self.given_up is not None:
            return Refuse(
                NothingServed(
                    f"No model can be served: {self.given_up.sentence}",
                    hint=self.given_up.hint,
                    details={"failure": self.given_up},
                )
            )
        if self.selected is None:
            return Refuse(
                NothingServed("No model is selected", hint="`model-switcher switch MODEL` selects one.")
            )
        if served is not None:
            return Open(served.model, served.url, served.key)
        return Hold("The model is loading") if self.awake else Asleep()

    def name_of(self, model: str) -> str:
        """The model's name, for people."""
        launch = self.launches.get(model)
        return launch.model.name if launch else model

    def _startable(self, *models: str | None) -> tuple[str, ...]:
        """Those of `models` that are known how to start, each once."""
        return tuple(dict.fromkeys(model for model in models if model in self.launches))
