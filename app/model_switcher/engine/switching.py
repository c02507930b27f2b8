"""The book of one switch: who waits for it, which step it is in, how long each step took."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from model_switcher.domain.errors import SwitcherError, SwitchFailed, SwitchSuperseded
from model_switcher.domain.snapshot import Outcome, Phase, Result, SwitchView

if TYPE_CHECKING:
    from model_switcher.domain.states import Failure

Reply = asyncio.Future[Outcome]

_ENDED_WELL = frozenset({Result.SWITCHED, Result.ALREADY, Result.CHOSEN})


class Switch:
    """One switch under way, from the choice to its outcome.

    Attributes:
        target: Id of the model that was chosen.
        source: Id of the model that was served before.
        decided: Whether the preflight passed: until then nothing is changed.
        cancelled: Whether the user gave it up.
        cut: Whether running answers may be cut after a grace.
        failure: Why the target is not served, once that is known.
    """

    def __init__(self, target: str, source: str | None) -> None:
        self.target = target
        self.source = source
        self.started = time.time()
        self.phase = Phase.PREFLIGHT
        self.failure: Failure | None = None
        self.decided = False
        self.cancelled = False
        self.cut = False
        self._begun = time.monotonic()
        self._phase_begun = self._begun
        self._phases: dict[str, float] = {}
        self._replies: list[Reply] = []

    def add(self, reply: Reply) -> None:
        """Tell `reply` how it ends."""
        self._replies.append(reply)

    def enter(self, phase: Phase) -> None:
        """Note the step that begins now."""
        if phase is not self.phase:
            self._note()
            self.phase = phase

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

    def view(self, progress: float | None) -> SwitchView:
        return SwitchView(
            target=self.target, source=self.source, phase=self.phase, started=self.started, progress=progress
        )

    def end(self, result: Result, *, serving: str | None, name: str, serving_name: str | None) -> Outcome:
        """Close the book and tell everybody who waits.

        Args:
            result: How it ended.
            serving: What is served now.
            name: The target's name, for people.
            serving_name: The name of what is served, for people.
        """
        self._note()
        outcome = Outcome(
            result=result,
            target=self.target,
            serving=serving,
            seconds=time.monotonic() - self._begun,
            finished=time.time(),
            phases=dict(self._phases),
            failure=self.failure,
        )
        for reply in self._replies:
            if reply.done():
                continue
            if result in _ENDED_WELL:
                reply.set_result(outcome)
            else:
                reply.set_exception(_error(outcome, name, serving_name))
        return outcome

    def fail(self, error: SwitcherError) -> None:
        """End without an outcome of its own, because of `error`."""
        for reply in self._replies:
            if not reply.done():
                reply.set_exception(error)

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


def superseded(target: str, by: str) -> SwitchSuperseded:
    """What a choice gets that a later one replaced."""
    return SwitchSuperseded(
        f"A later choice, {by}, replaced the switch to {target}", details={"target": target, "serving": by}
    )
