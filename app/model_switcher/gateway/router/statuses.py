"""What a router says of each model: unloaded, loading or loaded, and whether its last load failed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from model_switcher.domain.snapshot import Phase
from model_switcher.domain.states import COMING_UP, ServerState

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from model_switcher.domain.snapshot import Outcome, Snapshot
    from model_switcher.gateway.backend import Backend

FAILED_CODE = 1


class Value(StrEnum):
    """A status in the router's words, as far as we have it."""

    UNLOADED = "unloaded"
    LOADING = "loading"
    LOADED = "loaded"


@dataclass(frozen=True, slots=True)
class Status:
    """One model's.

    Attributes:
        value: In the router's words.
        progress: Part loaded, 0.0–1.0; None if unknown.
        ctx_size: Context in tokens that it was loaded with; None if unknown.
        failures: How many loads of it failed so far, in a row.
        exit_code: Of the last one that failed; 0 if none did.
    """

    value: Value = Value.UNLOADED
    progress: float | None = None
    ctx_size: int | None = None
    failures: int = 0
    exit_code: int = 0


UNLOADED = Status()


class Statuses:
    """The statuses of one gateway's models, from the snapshots of its runtime."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._failed: dict[str, tuple[int, int]] = {}
        self._listeners: list[Callable[[], None]] = []
        self._forget: Callable[[], None] = lambda: None
        self.now: Mapping[str, Status] = {}

    def begin(self) -> None:
        """Follow the runtime from now on."""
        ends = self._backend.subscribe(self._update), self._backend.subscribe_outcomes(self._hear)

        def end() -> None:
            for one in ends:
                one()

        self._forget = end

    def end(self) -> None:
        """Follow it no more."""
        self._forget()
        self._forget = lambda: None

    def of(self, model: str) -> Status:
        """The status of the model of that id."""
        return self.now.get(model, UNLOADED)

    def failures_of(self, model: str) -> int:
        """How many loads of the model of that id failed in a row, also while the next is under way."""
        return self._failed.get(model, (0, 0))[0]

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` when a status has changed; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def note_failure(self, model: str, exit_code: int | None = None) -> None:
        """A load of the model failed, before its engine ran or after."""
        count, _ = self._failed.get(model, (0, 0))
        self._failed[model] = count + 1, exit_code or FAILED_CODE
        self._update(self._backend.snapshot)

    def _hear(self, outcome: Outcome) -> None:
        if outcome.failure is not None:
            self.note_failure(outcome.target, outcome.failure.exit_code)

    def _update(self, snapshot: Snapshot) -> None:
        for server in snapshot.servers:
            if server.state is ServerState.READY:
                self._failed.pop(server.model, None)
        now = statuses(snapshot, self._failed)
        if now != self.now:
            self.now = now
            for listener in tuple(self._listeners):
                listener()


def statuses(snapshot: Snapshot, failed: Mapping[str, tuple[int, int]]) -> dict[str, Status]:
    """Every model's status that is not plainly unloaded, by its id.

    A model that was chosen is loading from then on, also while the one before it finishes its answers.

    Args:
        snapshot: What is the case.
        failed: How many loads failed in a row, and the exit code of the last, by model.
    """
    found = {
        model: Status(failures=count, exit_code=exit_code) for model, (count, exit_code) in failed.items()
    }
    switch = snapshot.switch
    if switch is not None and switch.phase is not Phase.ROLLBACK:
        found[switch.target] = Status(Value.LOADING, switch.progress)
    for server in snapshot.servers:
        if server.state in COMING_UP:
            found[server.model] = Status(Value.LOADING, server.progress)
    for server in snapshot.servers:
        if server.state is ServerState.READY:
            found[server.model] = Status(Value.LOADED, ctx_size=server.ctx_size)
    return found
