"""A house of models in simulated time: `plan` decides, and a clock that jumps from event to event carries it out."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import count

from model_switcher.domain.plan import (
    Cancel,
    Claim,
    Limits,
    Refuse,
    Resident,
    Situation,
    Span,
    Start,
    Stop,
    Wait,
    Want,
    goal_of,
    plan,
)
from model_switcher.domain.states import ServerState

LOAD, UNLOAD = 2.0, 0.5


@dataclass(slots=True)
class Request:
    """A client's request: for a model, or for the selected one if it names none."""

    at: float
    model: str
    takes: float
    begun: float | None = None
    ended: float | None = None


@dataclass(slots=True)
class Lease:
    """A claim that is given back some seconds after it was granted."""

    at: float
    model: str
    lasts: float
    granted: float | None = None
    ended: float | None = None


@dataclass(slots=True)
class _Server:
    model: str
    state: ServerState
    until: float
    used: float = 0.0
    left: float = 0.0
    running: list[Request] = field(default_factory=list)


class Schedule:
    """Runs requests and leases to their end.

    Args:
        requests, leases: What comes, each at its time.
        selected: The user's choice, served from the beginning.
        limits: As `plan` knows them.
        room: Memory in all; None if unknown.
        sizes: What each model takes.
    """

    def __init__(
        self,
        requests: list[Request],
        *,
        leases: list[Lease] | None = None,
        selected: str = "a",
        limits: Limits | None = None,
        room: int | None = None,
        sizes: dict[str, int] | None = None,
    ) -> None:
        self.requests = sorted(requests, key=lambda request: request.at)
        self.leases = sorted(leases or [], key=lambda lease: lease.at)
        self.selected = selected
        self.limits = limits or Limits()
        self.room = room
        self.sizes = sizes or {}
        self.now = 0.0
        self.servers = [_Server(selected, ServerState.READY, math.inf)]
        self.starts: list[
            tuple[float, str, bool]
        ] = []  # when, what, and whether it was the return of the choice
        # When the choice began to return: another one was stopped for it, or it started.
        self.returns: list[float] = []
        self.late: list[str] = []
        self.most_taken = 0
        self._returning = False
        self._clearing = False  # another one was stopped so that the choice can return
        self._draining: frozenset[str] = frozenset()

    def run(self) -> None:
        """Until everything that came is done, and nothing is left to wait for but the return of the choice."""
        for _ in count():
            self._happen()
            wait = self._decide()
            while self._admit():
                wait = self._decide()
            self._judge(self.situation(), wait)
            times = [wait.until, *self._coming()]
            following = min((time for time in times if time is not None and time > self.now), default=None)
            if following is None:
                return
            self.now = following

    @property
    def loads(self) -> list[str]:
        """What was loaded for requests and leases."""
        return [model for _, model, returned in self.starts if not returned]

    def _coming(self) -> list[float]:
        future = [item.at for item in (*self.requests, *self.leases)]
        future += [server.until for server in self.servers if server.until < math.inf]
        future += [
            request.begun + request.takes
            for s in self.servers
            for request in s.running
            if request.begun is not None
        ]
        future += [
            lease.granted + lease.lasts
            for lease in self.leases
            if lease.granted is not None and lease.ended is None
        ]
        return [time for time in future if time > self.now]

    def _happen(self) -> None:
        for server in tuple(self.servers):
            for request in tuple(server.running):
                if request.begun is not None and request.begun + request.takes <= self.now:
                    request.ended = self.now
                    server.running.remove(request)
                    server.left = self.now
            if server.until <= self.now and server.state is ServerState.LOADING:
                server.state, server.until = ServerState.READY, math.inf
                server.used = server.left = self.now
            elif server.until <= self.now and server.state is ServerState.STOPPING:
                self.servers.remove(server)
        for lease in self.leases:
            if lease.granted is not None and lease.ended is None and lease.granted + lease.lasts <= self.now:
                lease.ended = self.now
                self._returning = True
        if any(
            server.model == self.selected and server.state is ServerState.READY for server in self.servers
        ):
            self._returning = False

    def waiting(self) -> list[Request]:
        return [request for request in self.requests if request.at <= self.now and request.begun is None]

    def situation(self) -> Situation:
        wants: dict[str, float] = {}
        for request in self.waiting():
            wants.setdefault(request.model, request.at)
        held = {server.model: self.sizes.get(server.model) for server in self.servers}
        return Situation(
            now=self.now,
            candidates=(self.selected,),
            returning=self._returning,
            wants=tuple(Want(model, since) for model, since in wants.items()),
            claims=tuple(
                Claim(lease.model, lease.at, lease.granted is not None)
                for lease in self.leases
                if lease.at <= self.now and lease.ended is None
            ),
            residents=tuple(
                Resident(s.model, s.state, len(s.running), s.used, s.left, held=held[s.model])
                for s in self.servers
            ),
            room=None if self.room is None else self.room - sum(size or 0 for size in held.values()),
            needs={model: Span(size, size) for model, size in self.sizes.items()},
            limits=self.limits,
        )

    def _decide(self) -> Wait:
        while True:
            situation = self.situation()
            action = plan(situation)
            match action:
                case Wait():
                    self._draining = action.draining
                    return action
                case Start(model):
                    wanted = {want.model for want in situation.wants} | {
                        claim.model for claim in situation.claims
                    }
                    # A request for the choice may come while that is on its way back already.
                    returns = model == goal_of(situation) and (self._clearing or model not in wanted)
                    self._clearing = False
                    self.starts.append((self.now, model, returns))
                    if returns:
                        self.returns.append(self.now)
                    self.servers.append(_Server(model, ServerState.LOADING, self.now + LOAD))
                    taken = sum(self.sizes.get(server.model, 0) for server in self.servers)
                    self.most_taken = max(self.most_taken, taken)
                case Stop(model) | Cancel(model):
                    server = next(server for server in self.servers if server.model == model)
                    assert not server.running
                    if not situation.wants and not situation.claims:
                        self.returns.append(self.now)
                        self._clearing = True
                    server.state, server.until = ServerState.STOPPING, self.now + UNLOAD
                case Refuse(model):
                    raise AssertionError(f"{model} was refused")

    def _judge(self, situation: Situation, wait: Wait) -> None:
        """A want older than the bound is being seen to: something loads or stops, or what is busy admits nothing more."""
        if any(claim.granted for claim in situation.claims) or any(
            one.coming_up or one.stopping for one in situation.residents
        ):
            return
        for want in situation.wants:
            old = situation.now - want.since >= self.limits.starvation_bound
            if old and situation.resident(want.model) is None and not wait.draining:
                self.late.append(f"{want} at {situation.now}")

    def _admit(self) -> bool:
        """Let in what may be; whether that changed anything."""
        changed = False
        for server in self.servers:
            if server.state is not ServerState.READY or server.model in self._draining:
                continue
            for request in self.waiting():
                if request.model == server.model:
                    request.begun = self.now
                    server.running.append(request)
                    server.used = self.now
                    changed = True
        head = next((lease for lease in self.leases if lease.at <= self.now and lease.ended is None), None)
        ready = {s.model for s in self.servers if s.state is ServerState.READY} - self._draining
        if head is not None and head.granted is None and head.model in ready:
            head.granted = self.now
            changed = True
        return changed
