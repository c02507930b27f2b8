"""The only code that changes what runs: one writer that never waits.

Callers post intentions, the world posts events; one task takes them in order, notes them in the book, asks `plan`
what to do and does it. Everything slow (preflight, starting, stopping) is a task of its own that posts its result
back, so that a cancel, a crash or a third choice is seen at once.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING

from model_switcher.domain.errors import Closing, SwitcherError
from model_switcher.domain.plan import Action, Cancel, Drain, GiveUp, Start, Stop, WaitUntil, goal_of, plan
from model_switcher.domain.snapshot import Outcome, Phase, Result
from model_switcher.domain.states import ENDED, Failure, ServerState
from model_switcher.engine.admission import Admission
from model_switcher.engine.book import Book
from model_switcher.engine.fleet import Fleet
from model_switcher.engine.switching import Switch, superseded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from model_switcher.domain.launch import Launch
    from model_switcher.domain.settings import ServerSettings
    from model_switcher.engine.hub import Hub
    from model_switcher.engine.log import LogRing
    from model_switcher.engine.server import Deadlines, Server

    Prepare = Callable[[str], Awaitable[Launch]]


class Controller:
    """Switches the served model. Lives on the runtime's loop.

    Args:
        prepare: Preflight of a model id: everything that can be checked before anything is stopped. Raises
            SwitcherError if the model cannot be served.
        settings: The `[server]` table.
        hub: Told of every change.
        log: Takes what the engines write.
        default: Id of the model that is the last fallback.
        deadlines: Of each server's steps.
    """

    def __init__(
        self,
        *,
        prepare: Prepare,
        settings: ServerSettings,
        hub: Hub,
        log: LogRing,
        default: str | None = None,
        deadlines: Deadlines | None = None,
    ) -> None:
        self.admission = Admission(
            limit=settings.hold_limit,
            timeout=settings.hold_timeout,
            on_wanted=lambda: self._post(self._book.wake),
            on_drained=lambda: self._post(self._look),
            on_held=lambda: hub.update(held=self.admission.held),
            in_flight=Counter(),
        )
        self._prepare = prepare
        self._drain_timeout = settings.drain_timeout
        self._hub = hub
        self._mailbox: asyncio.Queue[Callable[[], None]] = asyncio.Queue()
        self._book = Book(default=default)
        self._fleet = Fleet(on_change=self._changed, log=log, deadlines=deadlines)
        self._switch: Switch | None = None
        self._preflight: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    # Intentions: they may come at any time, and are carried out in order.

    async def select(self, model: str, *, cut: bool = False, wake: bool = True) -> Outcome:
        """Serve the model from now on; returns when it is ready.

        Args:
            model: Its id.
            cut: Running answers are cut after `drain-timeout`.
            wake: False to choose it without loading it: the first request does.

        Raises:
            SwitchFailed: It did not come up; the one before it, or the default, is back if it could be.
            SwitchSuperseded: A later choice replaced this one, or it was cancelled.
            Closing: The program is shutting down.
        """
        reply: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._post(lambda: self._select(model, cut=cut, wake=wake, reply=reply))
        return await reply

    def cancel(self) -> None:
        """Give up the switch under way and go back to the model that was served before it."""
        self._post(self._cancel)

    def stop(self) -> None:
        """Unload everything; the next request loads the selected model again."""
        self._post(lambda: self._sleep(paused=self._book.paused))

    def pause(self) -> None:
        """Unload everything, and let requests wake nothing until `resume`."""
        self._post(lambda: self._sleep(paused=True))

    def resume(self) -> None:
        """End a pause and load the selected model."""
        self._post(self._resume)

    def set_default(self, model: str | None) -> None:
        """The last fallback is another model from now on."""
        self._post(lambda: setattr(self._book, "default", model))

    def refresh(self) -> None:
        """Publish the counts of requests in flight, which change too often to be published each time."""
        self._publish()

    async def run(self) -> None:
        """The writer."""
        while True:
            handle = await self._mailbox.get()
            handle()
            self._advance()

    async def close(self, grace: float = 0.0) -> None:
        """Refuse every request from now on, and stop every server. The writer must still run.

        Args:
            grace: Seconds that running answers have before they are cut.
        """
        cut_at = time.monotonic() + grace
        self._post(lambda: self._close(cut_at))
        await self._fleet.wait_ended()

    # What the mailbox carries.

    def _post(self, handle: Callable[[], None]) -> None:
        self._mailbox.put_nowait(handle)

    def _look(self) -> None:
        """Something changed that is no matter of the book: plan again."""

    def _select(self, model: str, *, cut: bool, wake: bool, reply: asyncio.Future[Outcome]) -> None:
        if self._book.closing:
            reply.set_exception(Closing("The program is shutting down"))
            return
        if self._switch is None or self._switch.target != model or self._switch.cancelled:
            self._end_switch_for(model)
            self._switch = Switch(model, self._book.committed)
            self._preflight = asyncio.create_task(
                self._check(self._switch, wake=wake), name=f"preflight {model}"
            )
        self._switch.add(reply)
        self._switch.cut = self._switch.cut or cut
        self._arm_cut()

    async def _check(self, switch: Switch, *, wake: bool) -> None:
        try:
            launch = await self._prepare(switch.target)
        except SwitcherError as error:
            failure = Failure(cause=error.code, sentence=error.message, hint=error.hint)
            self._post(lambda: self._refused(switch, failure))
            return
        fallback = None
        if (default := self._book.default) not in (None, switch.target, *self._book.launches):
            try:
                fallback = await self._prepare(default or "")
            except SwitcherError:
                fallback = None  # a default that cannot be served is no fallback; choosing it says why
        self._post(lambda: self._prepared(switch, launch, fallback, wake=wake))

    def _refused(self, switch: Switch, failure: Failure) -> None:
        if self._switch is switch:
            switch.failure = failure
            if self._book.selected is None:
                self._book.given_up = failure
            self._finish(switch, Result.REFUSED)

    def _prepared(self, switch: Switch, launch: Launch, fallback: Launch | None, *, wake: bool) -> None:
        if self._switch is not switch:
            return
        if switch.target not in self._fleet:
            self._book.launches[switch.target] = launch
        if fallback is not None:
            self._book.launches[fallback.model.id] = fallback
        self._book.choose(switch.target, wake=wake)
        switch.decided = True
        self._arm_cut()
        if not wake:
            self._finish(switch, Result.CHOSEN)

    def _arm_cut(self) -> None:
        if (
            self._switch is not None
            and self._switch.decided
            and self._switch.cut
            and self._book.cut_at is None
        ):
            self._book.cut_at = time.monotonic() + self._drain_timeout

    def _cancel(self) -> None:
        if self._switch is None:
            return
        if not self._switch.decided:
            switch = self._switch
            self._drop_preflight()
            self._finish(switch, Result.CANCELLED)
            return
        self._switch.cancelled = True
        self._book.unchoose(self._switch.target)

    def _sleep(self, *, paused: bool) -> None:
        self._end_switch_for("a stop")
        self._book.sleep(paused=paused)

    def _resume(self) -> None:
        self._book.paused = False
        self._book.wake()

    def _close(self, cut_at: float) -> None:
        self._end_switch_for("the end of the program")
        self._book.close(cut_at)

    def _changed(self, server: Server) -> None:
        """A server moved, or loaded further."""
        if server.state in ENDED:
            self._post(lambda: self._ended(server))
        elif server.state is ServerState.READY:
            self._post(self._look)
        self._publish()

    def _ended(self, server: Server) -> None:
        self._fleet.remove(server)
        self._book.note_end(server, time.monotonic())
        if self._switch is not None and server.model == self._switch.target and server.failure is not None:
            self._switch.failure = server.failure

    # The writer's step.

    def _advance(self) -> None:
        """Carry out what the plan says until it says to wait; then settle what that means for everybody."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while True:
            situation = self._book.situation(self._fleet, self.admission.in_flight, time.monotonic())
            if not self._carry_out(plan(situation)):
                break
        self._settle(goal_of(situation))

    def _carry_out(self, action: Action) -> bool:
        """Do it; whether there may be more to do at once."""
        match action:
            case Start(model):
                self._enter(Phase.START)
                self._fleet.start(self._book.launches[model])
            case Cancel(model) | Stop(model):
                self._enter(Phase.STOP)
                self._fleet.stop(model)
            case Drain():
                self._enter(Phase.DRAIN)
                if self._book.cut_at is not None:
                    self._plan_at(self._book.cut_at)
                return False
            case WaitUntil(due):
                self._plan_at(due)
                return False
            case GiveUp():
                self._book.give_up()
            case _:
                return False
        return True

    def _settle(self, goal: str | None) -> None:
        served = self._fleet.ready(goal)
        switch = self._switch if self._switch is not None and self._switch.decided else None
        if served is not None:
            self._book.commit(served.model)
            if switch is not None:
                self._finish(switch, switch.result(served.model))
        elif switch is not None and goal is None and not self._fleet:
            self._finish(switch, Result.CANCELLED if switch.cancelled else Result.NOTHING_LEFT)
        self.admission.set_gate(self._book.gate(served))
        self._publish()

    # Helpers.

    def _enter(self, phase: Phase) -> None:
        if self._switch is not None:
            self._switch.enter(phase)

    def _plan_at(self, due: float) -> None:
        delay = max(0.0, due - time.monotonic())
        self._timer = asyncio.get_running_loop().call_later(delay, self._post, self._look)

    def _drop_preflight(self) -> None:
        if self._preflight is not None:
            self._preflight.cancel()
            self._preflight = None

    def _end_switch_for(self, later: str) -> None:
        """A later intention replaces the switch under way."""
        self._drop_preflight()
        if self._switch is not None:
            self._switch.fail(superseded(self._switch.target, later))
            self._switch = None
        self._book.cut_at = None

    def _finish(self, switch: Switch, result: Result) -> None:
        self._switch = None
        serving = self._fleet.serving
        launch = self._book.launches.get(switch.target)
        outcome = switch.end(
            result,
            serving=serving.model if serving else None,
            name=launch.model.name if launch else switch.target,
            serving_name=serving.launch.model.name if serving else None,
        )
        self._hub.update(outcome=outcome)

    def _publish(self) -> None:
        book = self._book
        wanted = book.selected if book.awake else None
        self._hub.update(
            selected=book.selected,
            paused=book.paused,
            awake=book.awake,
            servers=self._fleet.views(wanted, self.admission.in_flight),
            switch=self._switch.view(self._fleet.progress) if self._switch else None,
            failure=book.given_up,
            held=self.admission.held,
        )
