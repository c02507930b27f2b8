"""The writer's step: what `plan` says is carried out, and everybody is told what that means."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from model_switcher.domain.errors import NothingServed
from model_switcher.domain.plan import (
    Action,
    Cancel,
    GiveUp,
    Refuse,
    Short,
    Start,
    Stop,
    Wait,
    goal_of,
    make_room,
    plan,
)
from model_switcher.domain.snapshot import Outcome, Phase, Reason, Result
from model_switcher.domain.states import Cause, Failure, ServerState
from model_switcher.domain.units import format_size
from model_switcher.engine.control.memory import with_what_fits
from model_switcher.engine.control.switching import Switch

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_switcher.domain.launch import Launch
    from model_switcher.domain.plan import Situation
    from model_switcher.engine.control.admission import Admission
    from model_switcher.engine.control.book import Book
    from model_switcher.engine.control.fleet import Fleet
    from model_switcher.engine.control.leases import Leases
    from model_switcher.engine.control.memory import Memory
    from model_switcher.engine.control.outlook import Outlook
    from model_switcher.engine.control.server import Server
    from model_switcher.engine.control.switching import Switches
    from model_switcher.engine.hub import Hub

    OnOutcome = Callable[[Outcome, Server | None], None]


class Stage:
    """Carries out plans. Only the controller's writer calls it.

    Args:
        on_outcome: Told how each load ended, whoever wanted it, with the server that holds the model if it does.
        memory: What would fit of a model that does not.
        expected: Seconds that a load of a model will take; None if nobody knows.
    """

    def __init__(
        self,
        *,
        book: Book,
        fleet: Fleet,
        admission: Admission,
        leases: Leases,
        switches: Switches,
        outlook: Outlook,
        hub: Hub,
        memory: Memory,
        on_outcome: OnOutcome,
        expected: Callable[[str], float | None],
    ) -> None:
        self._book = book
        self._fleet = fleet
        self._admission = admission
        self._leases = leases
        self._switches = switches
        self._outlook = outlook
        self._hub = hub
        self._memory = memory
        self._on_outcome = on_outcome
        self._expected = expected
        self._loads: dict[str, Switch] = {}
        self._draining: frozenset[str] = frozenset()

    def unprepared(self) -> set[str]:
        """Models that requests or leases wait for and that have not passed their preflight yet."""
        wanted = {*self._admission.wants(), *(claim.model for claim in self._leases.claims())}
        return wanted - set(self._book.launches) - self._fleet.models - set(self._book.failed)

    def shortage(self, launch: Launch) -> Failure | None:
        """Why a model cannot be loaded for want of memory, whatever is unloaded; None if it can, or nobody knows."""
        if launch.model.id in self._fleet:
            return None
        situation = self._outlook.situation(time.monotonic(), choosing=False, asked=launch)
        verdict = make_room(situation, launch.model.id)
        return (
            self._too_big(launch.model.id, launch.model.name, verdict) if isinstance(verdict, Short) else None
        )

    def play(self, now: float) -> Wait:
        """Carry out what the plan says until it says to wait, and settle what that means for everybody.

        That lets waiting requests in, grants leases and ends switches, which changes what is wanted: then the plan is
        asked again.
        """
        while True:
            situation = self._outlook.situation(now, choosing=self._switches.under_way is not None)
            action = plan(situation)
            if not isinstance(action, Wait):
                self._carry_out(action, situation)
            elif not self._settle(goal_of(situation), action):
                return action

    def _carry_out(self, action: Action, situation: Situation) -> None:
        match action:
            case Start(model):
                self._begin_load(model, situation)
                self._fleet.start(self._book.launches[model])
            case Cancel(model):
                self._enter(Phase.STOP)
                self._fleet.stop(model)
            case Stop(model, idle):
                if idle and model == self._book.selected:
                    self._book.doze()
                self._enter(Phase.STOP)
                self._fleet.stop(model)
            case Refuse(model, short):
                failure = self._too_big(model, self._book.name_of(model), short)
                switch = self._switches.under_way
                if switch is not None and switch.target == model:
                    switch.failure = failure
                self._book.note_failure(model, failure, situation.now)
            case GiveUp():
                self._book.give_up()

    def _begin_load(self, model: str, situation: Situation) -> None:
        switch = self._switches.under_way
        if switch is not None and model == goal_of(situation):
            switch.enter(Phase.START if model == switch.target else Phase.ROLLBACK)
            return
        load = Switch(model, self._book.committed, reason=self._reason(model, situation))
        load.enter(Phase.START)
        self._loads[model] = load

    def _reason(self, model: str, situation: Situation) -> Reason:
        if any(claim.model == model for claim in situation.claims):
            return Reason.LEASE
        if any(want.model == model for want in situation.wants):
            return Reason.REQUEST
        return Reason.RESTART if self._book.crashes.get(model) else Reason.RETURN

    def _enter(self, phase: Phase) -> None:
        switch = self._switches.under_way
        if switch is not None and switch.phase is not Phase.ROLLBACK:
            switch.enter(phase)

    def _too_big(self, model: str, name: str, short: Short) -> Failure:
        return with_what_fits(_too_big(name, short), self._memory, model)

    # What it means for everybody.

    def _settle(self, goal: str | None, wait: Wait) -> bool:
        """Tell everybody; whether that changed what is wanted."""
        self._draining = wait.draining
        if wait.draining:
            self._enter(Phase.DRAIN)
        served = self._fleet.ready(goal)
        switch = self._switches.under_way
        if served is not None:
            self._book.commit(served.model)
            if switch is not None:
                self.finish(switch, switch.result(served.model))
        elif switch is not None and goal is None and not self._fleet.is_stopping(switch.target):
            self.finish(switch, Result.CANCELLED if switch.cancelled else Result.NOTHING_LEFT)
        decided = switch is not None and self._switches.under_way is None
        self._end_loads()
        self._book.prune(self._keep())
        for model, failure in self._book.failed.items():
            self._leases.refuse(model, _not_served(self._book.name_of(model), failure))
        gates = self._outlook.gates(goal, wait)
        granted = self._switches.under_way is None and self._leases.grant(gates.open)
        changed = self._admission.set_gates(gates)
        self.publish()
        return changed or granted or decided

    def _keep(self) -> set[str]:
        """Models whose launches are still of use."""
        claimed = {claim.model for claim in self._leases.claims()}
        return self._fleet.models | claimed | set(self._admission.wants())

    def _end_loads(self) -> None:
        for model, load in tuple(self._loads.items()):
            ready = self._fleet.ready(model)
            if ready is not None:
                self._on_outcome(load.end(Result.SWITCHED, serving=ready, name=model), ready)
            elif model in self._book.failed:
                load.failure = self._book.failed[model]
                self._on_outcome(load.end(Result.NOT_LOADED, serving=self._fleet.serving, name=model), None)
            elif model in self._fleet:
                continue
            del self._loads[model]

    def finish(self, switch: Switch, result: Result) -> None:
        """The switch has its outcome."""
        self._switches.remove(switch)
        serving = self._fleet.ready(self._book.selected) or self._fleet.serving
        if result is Result.NOTHING_LEFT:
            serving = None  # what else runs is lent, or serves only those who name it
        outcome = switch.end(result, serving=serving, name=self._book.name_of(switch.target))
        self._hub.update(outcome=outcome)
        self._on_outcome(outcome, self._fleet.ready(switch.target))

    def publish(self) -> None:
        """Tell the views."""
        book = self._book
        coming_up = self._fleet.coming_up
        switch = self._switches.shown or (self._loads.get(coming_up.model) if coming_up else None)
        self._hub.update(
            selected=book.selected,
            paused=book.paused,
            awake=book.awake,
            servers=self._fleet.views(book.selected, self._admission.in_flight, self._draining),
            switch=switch.view(_progress(coming_up), self._expected(switch.target)) if switch else None,
            failure=book.given_up,
            **self._admission.counts(),
            outdated=tuple(server.model for server in self._fleet if server.model in book.renewed),
            leases=self._leases.views(book.name_of, book.selected),
        )


def _progress(server: Server | None) -> float | None:
    return server.progress if server is not None and server.state is not ServerState.READY else None


def _too_big(name: str, short: Short) -> Failure:
    pinned = f" while {' and '.join(short.pinned)} stay loaded" if short.pinned else ""
    return Failure(
        cause=Cause.SHORT_OF_MEMORY,
        sentence=(
            f"{name} needs {format_size(short.need)}, and {format_size(max(0, short.room))} would be free{pinned}: "
            f"{format_size(short.missing)} are missing"
        ),
        hint="Choose a smaller ctx-size or fewer n-gpu-layers, or end other programs that use the GPU.",
    )


def _not_served(name: str, failure: Failure) -> NothingServed:
    return NothingServed(
        f"{name} cannot be served: {failure.sentence}", hint=failure.hint, details={"failure": failure}
    )
