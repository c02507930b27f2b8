"""What the controller knows: what was chosen, what may take its place, what failed. No I/O, no waiting."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from model_switcher.domain.plan import recent_crashes, restarts_exhausted
from model_switcher.domain.states import Cause, Failure

if TYPE_CHECKING:
    from collections.abc import Collection

    from model_switcher.domain.launch import Launch
    from model_switcher.engine.control.server import Server

# How long a model that did not come up is not tried again for requests and leases.
RETRY_SECONDS = 30.0

# Signals that an engine does not get by its own fault.
_BY_SOMEBODY = frozenset({"SIGKILL", "SIGTERM", "SIGINT"})


@dataclass(slots=True)
class Book:
    """The controller's memory. Only the writer changes it.

    Attributes:
        default: Id of the model that is the last fallback.
        selected: What the user chose, or what had to take its place.
        committed: What was served last as the user's choice, with success.
        candidates: What to serve as the user's choice, the preferred first.
        launches: How models are started: the candidates exactly as they were started before.
        failed: Why a model is out: a candidate until the next choice, another one for a while.
        crashes: When a model crashed after it had been ready.
        given_up: Why nothing is served, once every candidate failed.
        awake: Whether the user's choice is to be loaded.
        paused: Whether nothing at all is to be loaded.
        returning: Whether the user's choice comes back without delay.
        leaving: Models that are to be unloaded, whatever is wanted.
        closing: Whether the program is shutting down.
        cut_at: When running answers are cut.
        before: Whether the program was awake, and whether paused, when the choice was made that is being carried out.
        renewed: How models that run, or are a fallback, would be started by the settings of now.
        reloading: Models that are let go to come back renewed, with how they ran before.
        reload_failures: Why a renewed model did not come up.
    """

    default: str | None = None
    selected: str | None = None
    committed: str | None = None
    candidates: tuple[str, ...] = ()
    launches: dict[str, Launch] = field(default_factory=dict)
    failed: dict[str, Failure] = field(default_factory=dict)
    failed_at: dict[str, float] = field(default_factory=dict)
    crashes: dict[str, tuple[float, ...]] = field(default_factory=dict)
    given_up: Failure | None = None
    awake: bool = False
    paused: bool = False
    returning: bool = False
    leaving: set[str] = field(default_factory=set)
    closing: bool = False
    cut_at: float | None = None
    before: tuple[bool, bool] | None = None
    renewed: dict[str, Launch] = field(default_factory=dict)
    reloading: dict[str, Launch] = field(default_factory=dict)
    reload_failures: dict[str, Failure] = field(default_factory=dict)

    def choose(self, target: str, *, wake: bool) -> None:
        """The target passed its preflight: from now on it is what is wanted. To load it ends a pause."""
        self.before = (self.before or (self.awake, self.paused)) if wake else None
        self.selected = target
        self.candidates = self._startable(target, self.committed, self.default)
        self.failed.clear()
        self.crashes.pop(target, None)
        self.given_up = None
        self.paused = self.paused and not wake
        self.returning = False
        self.awake = wake
        self.cut_at = None

    def unchoose(self, target: str) -> None:
        """The choice was cancelled: back to what was served before, or to the sleep or the pause, or to nothing."""
        self.selected = self.committed
        self.awake, self.paused = self.before or (self.awake, self.paused)
        self.before = None
        if self.committed in (None, target):
            self.awake = False
        if self.committed is None:
            self.candidates = ()
        elif self.committed != target:
            self.candidates = tuple(model for model in self.candidates if model != target)

    def commit(self, model: str) -> None:
        """The model is served; the one before it is no fallback any more."""
        self.committed = self.selected = model
        self.candidates = self._startable(model, self.default)
        self.returning = False
        self.cut_at = None
        self.before = None

    def sleep(self, running: set[str], *, paused: bool) -> None:
        """All that runs is unloaded; nothing is loaded until a request comes, or, if paused, until the user says so."""
        self.paused = paused
        self.leaving |= running
        self.reloading.clear()
        self.doze()
        self.given_up = None
        if not self.closing:
            self.cut_at = None

    def doze(self) -> None:
        """The user's choice is not loaded until a request comes."""
        self.awake = False
        self.before = None
        self.returning = False

    def wake(self) -> None:
        """The selected model is wanted again."""
        if not self.paused and not self.closing and self.selected is not None:
            self.awake = True
            self.given_up = None
            for model in self.candidates:
                self.failed.pop(model, None)

    def resume(self) -> None:
        """The pause is over."""
        self.paused = False
        self.wake()

    def give_up(self) -> None:
        """Every candidate failed: the reason is the preferred one's."""
        self.awake = False
        self.before = None
        self.given_up = next(self.failed[model] for model in self.candidates if model in self.failed)

    def close(self, cut_at: float) -> None:
        """Stop everything; running answers have until `cut_at`."""
        self.closing = True
        self.awake = False
        self.cut_at = cut_at

    def note_failure(self, model: str, failure: Failure, now: float) -> None:
        """A model cannot be served."""
        self.failed[model] = failure
        self.failed_at[model] = now

    def note_end(self, server: Server, now: float, *, choosing: bool) -> None:
        """A server ended and is gone; if by itself, it failed to come up, or crashed.

        Somebody killed it while it loaded? Then that says nothing about the model: for requests and leases it is started
        again like one that crashed. A choice of the user is rolled back all the same.
        """
        model = server.model
        self.leaving.discard(model)
        if server.failure is None or server.failure.cause == Cause.WONT_STOP:  # it was told to end
            if model not in self.candidates:
                self.launches.pop(model, None)  # it is checked again before the next start
                self.renewed.pop(model, None)
            elif model in self.renewed and not choosing:
                self.launches[model] = self.renewed.pop(model)
            return
        if server.load_seconds is None and model in self.reloading:
            self.reload_failures[model] = server.failure
            self.renewed[model] = self.launches[model]
            self.launches[model] = self.reloading.pop(model)  # exactly as it was before
            return
        chosen = choosing and model in self.candidates
        if server.load_seconds is None and (chosen or not _was_killed(server.failure)):
            self.note_failure(model, server.failure, now)
            return
        self.crashes[model] = (*recent_crashes(self.crashes.get(model, ()), now), now)
        if restarts_exhausted(self.crashes[model], now):
            self.note_failure(model, server.failure, now)

    def reload(self, model: str) -> None:
        """A model that runs is let go, and comes back renewed if it is the user's choice."""
        self.reload_failures.pop(model, None)
        self.reloading[model] = self.launches[model]
        self.leaving.add(model)

    def end_reload(self, model: str) -> None:
        """It is back."""
        self.reloading.pop(model, None)

    def standing_by(self, model: str) -> bool:
        """Whether it is what a choice under way falls back to: then it comes back exactly as it was."""
        return self.committed == model and self.selected != model

    def forget_failures(self, now: float) -> float | None:
        """Let models that are no candidates be tried again after a while; when the next one may."""
        due: list[float] = []
        for model in [model for model in self.failed if model not in self.candidates]:
            retry = self.failed_at[model] + RETRY_SECONDS
            if retry <= now:
                del self.failed[model]
            else:
                due.append(retry)
        return min(due, default=None)

    def prune(self, running: Collection[str]) -> None:
        """Forget how to start what neither runs nor is wanted as the user's choice: it is checked again before."""
        for model in [
            model for model in self.launches if model not in self.candidates and model not in running
        ]:
            del self.launches[model]
            self.renewed.pop(model, None)

    def name_of(self, model: str) -> str:
        """The model's name, for people."""
        launch = self.launches.get(model)
        return launch.model.name if launch else model

    def _startable(self, *models: str | None) -> tuple[str, ...]:
        """Those of `models` that are known how to start, each once."""
        return tuple(dict.fromkeys(model for model in models if model in self.launches))


def _was_killed(failure: Failure) -> bool:
    return failure.signal in _BY_SOMEBODY and failure.cause in (Cause.EXITED, Cause.CRASHED)
