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

from model_switcher.domain.errors import Closing
from model_switcher.domain.plan import Action, Cancel, Drain, GiveUp, Start, Stop, WaitUntil, goal_of, plan
from model_switcher.domain.snapshot import Outcome, Phase, Result
from model_switcher.domain.states import ENDED, Failure, ServerState
from model_switcher.engine.control.admission import Admission
from model_switcher.engine.control.book import Book
from model_switcher.engine.control.fleet import Fleet
from model_switcher.engine.control.mailbox import Mailbox
from model_switcher.engine.control.preflight import Checked, check
from model_switcher.engine.control.switching import Switch, Switches

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_switcher.domain.settings import ServerSettings
    from model_switcher.engine.control.preflight import Prepare
    from model_switcher.engine.control.server import Deadlines, Server
    from model_switcher.engine.hub import Hub
    from model_switcher.engine.log import LogRing


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
        self._mailbox = Mailbox()
        self._post = self._mailbox.post
        self._book = Book(default=default)
        self._fleet = Fleet(on_change=self._changed, log=log, deadlines=deadlines)
        self._switches = Switches()
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

    async def stop(self) -> None:
        """Unload everything; the next request loads the selected model again.

        Returns when what runs now is gone, or when a request wants it again.
        """
        await self._unload(lambda: self._sleep(paused=self._book.paused))

    async def pause(self) -> None:
        """Unload everything, and let requests wake nothing until `resume`. Returns as `stop` does."""
        await self._unload(lambda: self._sleep(paused=True))

    def resume(self) -> None:
        """End a pause and load the selected model."""
        self._post(self._book.resume)

    def set_default(self, model: str | None) -> None:
        """The last fallback is another model from now on."""
        self._post(lambda: setattr(self._book, "default", model))

    def refresh(self) -> None:
        """Publish the counts of requests in flight, which change too often to be published each time."""
        self._publish()

    async def run(self) -> None:
        """The writer."""
        await self._mailbox.run(self._advance)

    async def close(self, grace: float = 0.0) -> None:
        """Refuse every request from now on, and stop every server. The writer must still run.

        Args:
            grace: Seconds that running answers have before they are cut.
        """
        cut_at = time.monotonic() + grace
        await self._mailbox.carried_out(lambda: self._close(cut_at))
        await self._fleet.wait_ended()

    async def _unload(self, handle: Callable[[], None]) -> None:
        await self._mailbox.carried_out(handle)
        leaving = {server.alias for server in self._hub.snapshot.servers}
        await self._hub.wait_for(
            lambda snapshot: snapshot.awake or leaving.isdisjoint(server.alias for server in snapshot.servers)
        )

    # What the mailbox carries.

    def _look(self) -> None:
        """Something changed that is no matter of the book: plan again."""

    def _select(self, model: str, *, cut: bool, wake: bool, reply: asyncio.Future[Outcome]) -> None:
        if reply.done():
            return  # whoever asked has left already
        if self._book.closing:
            reply.set_exception(Closing("The program is shutting down"))
            return
        switch = self._switches.chosen_already(model)
        if switch is None:
            switch = Switch(model, self._book.committed)
            self._switches.begin(switch, self._check(switch))
        switch.join(reply, cut=cut, wake=wake)
        self._arm_cut()

    async def _check(self, switch: Switch) -> None:
        default = self._book.default
        fallback = None if default in (switch.target, *self._book.launches) else default
        checked = await check(self._prepare, switch.target, fallback=fallback)
        self._post(lambda: self._checked(switch, checked))

    def _checked(self, switch: Switch, checked: Checked | Failure) -> None:
        if self._switches.in_preflight is not switch:
            return
        if isinstance(checked, Failure):
            switch.failure = checked
            if self._book.selected is None:
                self._book.given_up = checked
            self._finish(switch, Result.REFUSED)
            return
        if switch.target not in self._fleet:
            self._book.launches[switch.target] = checked.launch
        if checked.fallback is not None:
            self._book.launches[checked.fallback.model.id] = checked.fallback
        self._switches.decide(switch)
        self._book.choose(switch.target, wake=switch.wake)
        self._arm_cut()
        if not switch.wake:
            self._finish(switch, Result.CHOSEN)

    def _arm_cut(self) -> None:
        switch = self._switches.under_way
        if switch is not None and switch.cut and self._book.cut_at is None:
            self._book.cut_at = time.monotonic() + self._drain_timeout

    def _cancel(self) -> None:
        if (checked := self._switches.in_preflight) is not None:
            self._finish(checked, Result.CANCELLED)
        if (switch := self._switches.under_way) is not None:
            switch.cancelled = True
            self._book.unchoose(switch.target)

    def _sleep(self, *, paused: bool) -> None:
        self._switches.replace_all("a stop")
        self._book.sleep(paused=paused)

    def _close(self, cut_at: float) -> None:
        self._switches.replace_all("the end of the program")
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
        switch = self._switches.under_way
        if switch is not None and server.model == switch.target and server.failure is not None:
            switch.failure = server.failure

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
        switch = self._switches.under_way
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
        if self._switches.under_way is not None:
            self._switches.under_way.enter(phase)

    def _plan_at(self, due: float) -> None:
        delay = max(0.0, due - time.monotonic())
        self._timer = asyncio.get_running_loop().call_later(delay, self._post, self._look)

    def _finish(self, switch: Switch, result: Result) -> None:
        self._switches.remove(switch)
        outcome = switch.end(result, serving=self._fleet.serving, name=self._book.name_of(switch.target))
        self._hub.update(outcome=outcome)

    def _publish(self) -> None:
        book = self._book
        wanted = book.selected if book.awake else None
        switch = self._switches.shown
        self._hub.update(
            selected=book.selected,
            paused=book.paused,
            awake=book.awake,
            servers=self._fleet.views(wanted, self.admission.in_flight),
            switch=switch.view(self._fleet.progress) if switch else None,
            failure=book.given_up,
            held=self.admission.held,
        )
