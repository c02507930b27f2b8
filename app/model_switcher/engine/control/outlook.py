"""What the controller shows: the situation to `plan`, the gates to requests."""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING

from model_switcher.domain.errors import Closing, NothingServed, Paused, SwitcherError
from model_switcher.domain.plan import Resident, Situation, Want
from model_switcher.domain.states import ENDED, ServerState
from model_switcher.engine.control.gates import Gates, Open

if TYPE_CHECKING:
    from collections.abc import Collection

    from model_switcher.domain.launch import Launch
    from model_switcher.domain.plan import Limits, Span, Wait
    from model_switcher.domain.states import Failure
    from model_switcher.engine.control.admission import Admission
    from model_switcher.engine.control.book import Book
    from model_switcher.engine.control.fleet import Fleet
    from model_switcher.engine.control.leases import Leases
    from model_switcher.engine.control.memory import Memory
    from model_switcher.engine.control.server import Server


class Outlook:
    """Puts together what is known.

    Args:
        book: What was chosen and what failed.
        fleet: What runs.
        admission: What requests want and use.
        leases: What is lent.
        memory: What is free, needed and held.
        limits: What the user set.
    """

    def __init__(
        self,
        *,
        book: Book,
        fleet: Fleet,
        admission: Admission,
        leases: Leases,
        memory: Memory,
        limits: Limits,
    ) -> None:
        self._book = book
        self._fleet = fleet
        self._admission = admission
        self._leases = leases
        self._memory = memory
        self.limits = limits

    def situation(self, now: float, *, choosing: bool, asked: Launch | None = None) -> Situation:
        """What `plan` is asked about. A server counts as stopping until its memory is free.

        Args:
            now: The time.
            choosing: Whether the user's choice is being carried out.
            asked: A start that is thought of besides.
        """
        book = self._book
        known = {*book.launches, *(server.model for server in self._fleet)}
        return Situation(
            now=now,
            candidates=book.candidates,
            choosing=choosing,
            awake=book.awake,
            paused=book.paused or book.closing,
            returning=book.returning,
            wants=tuple(
                Want(model, since) for model, since in self._admission.wants().items() if model in known
            ),
            claims=tuple(takewhile(lambda claim: claim.model in known, self._leases.claims())),
            residents=tuple(self._resident(server) for server in self._fleet),
            leaving=frozenset(book.leaving),
            failed=frozenset(book.failed),
            crashes=book.crashes,
            cut_at=book.cut_at,
            room=self._memory.room(self._fleet),
            needs=self._needs(asked),
            limits=self.limits,
        )

    def _needs(self, asked: Launch | None) -> dict[str, Span]:
        launches = [launch for model, launch in self._book.launches.items() if model not in self._fleet]
        if asked is not None:
            launches.append(asked)
        needs = {launch.model.id: self._memory.need(launch) for launch in launches}
        return {model: need for model, need in needs.items() if need is not None}

    def _resident(self, server: Server) -> Resident:
        model, admission = server.model, self._admission
        ready_at = server.ready_at or 0.0
        return Resident(
            model,
            ServerState.STOPPING if server.state in ENDED else server.state,
            admission.in_flight[model],
            used=max(ready_at, admission.used_at.get(model, 0.0)),
            left=max(ready_at, admission.left_at.get(model, 0.0)),
            pinned=server.launch.pinned,
            held=self._memory.held(server),
        )

    def gates(self, goal: str | None, wait: Wait) -> Gates:
        """What requests meet until the next change."""
        book = self._book
        admitting = {
            server.model: Open(server.model, server.url, server.key)
            for server in self._fleet
            if server.state is ServerState.READY
            and server.model not in wait.draining
            and server.model not in book.leaving
        }
        wanted = self._admission.wants()
        selected = self._answering(goal, admitting)
        return Gates(
            selected=selected,
            open=admitting,
            refused={model: self._refusal(model, failure) for model, failure in book.failed.items()},
            everything=self._refusal_of_everything(),
            unselected=self._nobody(),
            waiting={server.model: _reason(server, wait.draining) for server in self._fleet},
            standing=self._leases.lent or self._fleet.coming_up is not None,
            idle_matters=bool(wanted or self._leases or wait.draining or (goal and goal not in self._fleet)),
        )

    def _answering(self, goal: str | None, admitting: Collection[str]) -> str | None:
        """Who answers requests that name no model: the old one goes on while the new one comes up beside it."""
        book = self._book
        if book.given_up is not None:
            return None
        target = goal or book.selected
        if target not in admitting and book.committed in admitting:
            return book.committed
        return target

    def _refusal_of_everything(self) -> SwitcherError | None:
        if self._book.closing:
            return Closing("The program is shutting down")
        if self._book.paused:
            return Paused(
                "The memory was freed by the user", hint="`model-switcher resume` loads the model again."
            )
        return None

    def _nobody(self) -> SwitcherError:
        failure = self._book.given_up
        if failure is None:
            return NothingServed("No model is selected", hint="`model-switcher switch MODEL` selects one.")
        return NothingServed(
            f"No model can be served: {failure.sentence}", hint=failure.hint, details={"failure": failure}
        )

    def _refusal(self, model: str, failure: Failure) -> SwitcherError:
        return NothingServed(
            f"{self._book.name_of(model)} cannot be served: {failure.sentence}",
            hint=failure.hint,
            details={"failure": failure, "model": model},
        )


def _reason(server: Server, draining: Collection[str]) -> str:
    if server.model in draining:
        return "The model is about to be unloaded"
    return "The model is being unloaded" if server.state is ServerState.STOPPING else "The model is loading"
