"""The books of the switches: who waits for each, which step it is in, how long each step took."""

from __future__ import annotations

import asyncio
import time
from copy import copy
from typing import TYPE_CHECKING

from model_switcher.domain.errors import SwitcherError, SwitchFailed, SwitchSuperseded
from model_switcher.domain.progress import progress
from model_switcher.domain.snapshot import Outcome, Phase, Reason, Result, SwitchView

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from model_switcher.domain.states import Failure
    from model_switcher.engine.control.server import Server

Reply = asyncio.Future[Outcome]

_ENDED_WELL = frozenset({Result.SWITCHED, Result.ALREADY, Result.CHOSEN})


class Switch:
    """One switch under way, from the choice to its outcome.

    Attributes:
        target: Id of the model that was chosen.
        source: Id of the model that was served before.
        reason: Who wanted it.
        wake: Whether the target is loaded at once; False leaves that to the first request.
        cancelled: Whether the user gave it up.
        cut: Whether running answers may be cut after a grace.
        failure: Why the target is not served, once that is known.
    """

    def __init__(self, target: str, source: str | None, *, reason: Reason = Reason.CHOICE) -> None:
        self.target = target
        self.source = source
        self.reason = reason
        self.started = time.time()
        self.phase = Phase.PREFLIGHT
        self.failure: Failure | None = None
        self.wake = False
        self.cancelled = False
        self.cut = False
        self._begun = time.monotonic()
        self._phase_begun = self._begun
        self._phases: dict[str, float] = {}
        self._shown = 0.0
        self._replies: list[Reply] = []

    def join(self, reply: Reply, *, cut: bool, wake: bool) -> None:
        """Tell `reply` how it ends. Whoever joins may ask for more than those before, never for less."""
        self._replies.append(reply)
        self.cut = self.cut or cut
        self.wake = self.wake or wake

    def enter(self, phase: Phase) -> None:
        """Note the step that begins now."""
        if phase is not self.phase:
            self._note()
            self.phase = phase
            if phase is Phase.ROLLBACK:
                self._shown = 0.0  # another model is on its way now

    def result(self, serving: str) -> Result:
        """How it ended, if `serving` is what is served now."""
        if serving == self.target:
            return (
                Result.ALREADY
                if serving == self.source and self.phase is Phase.PREFLIGHT
                else Result.SWITCHED
            )
        if self.cancelled:
            return Result.CANCELLED
        return Result.ROLLED_BACK if serving == self.source else Result.FELL_BACK

    def view(self, engine: float | None, expected: float | None) -> SwitchView:
        """How far it is.

        Args:
            engine: The part of the load that the engine reports, 0.0–1.0.
            expected: Seconds that the load will take.
        """
        elapsed = time.monotonic() - self._phase_begun
        now = progress(
            phase=self.phase, elapsed=elapsed, engine=engine, expected=expected, previous=self._shown
        )
        self._shown = now.fraction
        return SwitchView(
            target=self.target,
            source=self.source,
            reason=self.reason,
            phase=self.phase,
            started=self.started,
            progress=now.fraction,
            seconds_left=now.seconds_left,
        )

    def end(self, result: Result, *, serving: Server | None, name: str) -> Outcome:
        """Close the book and tell everybody who waits.

        Args:
            result: How it ended.
            serving: What serves now.
            name: The target's name, for people.
        """
        self._note()
        outcome = Outcome(
            result=result,
            reason=self.reason,
            target=self.target,
            serving=serving.model if serving else None,
            seconds=time.monotonic() - self._begun,
            finished=time.time(),
            phases=dict(self._phases),
            failure=None if result in _ENDED_WELL else self.failure,
        )
        for reply in self._replies:
            if reply.done():
                continue
            if result in _ENDED_WELL:
                reply.set_result(outcome)
            else:
                reply.set_exception(_error(outcome, name, serving.launch.model.name if serving else None))
        return outcome

    def give_way(self, to: str, *, chosen: str | None = None) -> None:
        """End without an outcome of its own.

        Args:
            to: What replaced it, to follow "by": "the choice of b", "a stop".
            chosen: Id of the model that was chosen instead; None if nothing was.
        """
        details = {"target": self.target, "serving": chosen}
        error = SwitchSuperseded(f"The switch to {self.target} was replaced by {to}", details=details)
        for reply in self._replies:
            if not reply.done():
                reply.set_exception(copy(error))

    def _note(self) -> None:
        now = time.monotonic()
        self._phases[self.phase] = self._phases.get(self.phase, 0.0) + now - self._phase_begun
        self._phase_begun = now


def _error(outcome: Outcome, name: str, serving_name: str | None) -> SwitcherError:
    now = f"{serving_name} is serving" if serving_name else "nothing is serving"
    details = {"serving": outcome.serving, "target": outcome.target, "result": outcome.result}
    if outcome.result is Result.CANCELLED:
        return SwitchSuperseded(f"The switch to {name} was cancelled; {now}", details=details)
    failure = outcome.failure
    sentence = f"{name} could not be served: {failure.sentence}" if failure else f"{name} could not be served"
    return SwitchFailed(
        f"{sentence}; {now}",
        hint=failure.hint if failure else "",
        details={**details, "failure": failure},
    )


class Switches:
    """The switch under way, and the later choice that is still in its preflight.

    A choice takes the place of the switch under way once it has passed its preflight, and not before: it may be
    refused, and then nothing has changed.
    """

    def __init__(self) -> None:
        self.under_way: Switch | None = None
        self.in_preflight: Switch | None = None
        self._check: asyncio.Task[None] | None = None

    @property
    def shown(self) -> Switch | None:
        """The one that views see."""
        return self.under_way or self.in_preflight

    def chosen_already(self, target: str) -> Switch | None:
        """The one with that target that may still succeed; what is in preflight for another gives way."""
        if self.in_preflight is not None and self.in_preflight.target == target:
            return self.in_preflight
        if self.in_preflight is not None:
            self.in_preflight.give_way(_the_choice_of(target), chosen=target)
            self._drop_preflight()
        switch = self.under_way
        return switch if switch is not None and switch.target == target and not switch.cancelled else None

    def begin(self, switch: Switch, check: Coroutine[None, None, None]) -> None:
        """Begin the preflight of a choice."""
        self.in_preflight = switch
        self._check = asyncio.create_task(check, name=f"preflight {switch.target}")

    def decide(self, switch: Switch) -> None:
        """The choice passed its preflight: it takes the place of the switch under way."""
        self.in_preflight = None
        if self.under_way is not None:
            self.under_way.give_way(_the_choice_of(switch.target), chosen=switch.target)
        self.under_way = switch

    def remove(self, switch: Switch) -> None:
        """The switch has its outcome."""
        if switch is self.in_preflight:
            self._drop_preflight()
        if switch is self.under_way:
            self.under_way = None

    def replace_all(self, by: str) -> None:
        """Something that is no choice, such as "a stop", takes the place of them all."""
        for switch in filter(None, (self.in_preflight, self.under_way)):
            switch.give_way(by)
            self.remove(switch)

    def _drop_preflight(self) -> None:
        self.in_preflight = None
        if self._check is not None:
            self._check.cancel()
            self._check = None


def _the_choice_of(model: str) -> str:
    return f"the choice of {model}"
