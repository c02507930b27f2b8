"""The only code that changes what runs: one writer that never waits.

Callers post intentions, the world posts events; one task takes them in order, notes them in the book, asks `plan`
what to do and does it. Everything slow (preflight, starting, stopping, proving memory free) is a task of its own that
posts its result back, so that a cancel, a crash or a third choice is seen at once.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from model_switcher.domain.errors import Closing, LeaseEnded
from model_switcher.domain.plan import Limits
from model_switcher.domain.snapshot import Phase
from model_switcher.domain.states import ENDED, Failure, ServerState
from model_switcher.engine.control.admission import Admission
from model_switcher.engine.control.book import Book
from model_switcher.engine.control.choosing import Choosing
from model_switcher.engine.control.fleet import Fleet
from model_switcher.engine.control.leases import Leases
from model_switcher.engine.control.lending import Lending
from model_switcher.engine.control.mailbox import Mailbox
from model_switcher.engine.control.memory import Memory, UnknownMemory, with_what_fits
from model_switcher.engine.control.outlook import Outlook
from model_switcher.engine.control.preflight import as_it_is
from model_switcher.engine.control.preparations import Preparations
from model_switcher.engine.control.renewal import Renewal
from model_switcher.engine.control.stage import Stage
from model_switcher.engine.control.switching import Switches

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_switcher.domain.launch import Launch
    from model_switcher.domain.settings import ServerSettings
    from model_switcher.domain.snapshot import Outcome
    from model_switcher.engine.control.deadlines import Deadlines
    from model_switcher.engine.control.preflight import Annotate, Prepare
    from model_switcher.engine.control.server import Server
    from model_switcher.engine.control.stage import OnOutcome
    from model_switcher.engine.hub import Hub
    from model_switcher.engine.log import LogRing


class Controller:
    """Decides which models run. Lives on the runtime's loop.

    Args:
        prepare: Preflight of a model id: everything that can be checked before anything is stopped. Raises
            SwitcherError if the model cannot be served.
        settings: The `[server]` table.
        limits: What the user set about memory and fairness.
        hub: Told of every change.
        log: Takes what the engines write.
        memory: What is free, needed and held.
        default: Id of the model that is the last fallback.
        deadlines: Of each server's steps.
        on_outcome: Told how each load ended, whoever wanted it, with the server that holds the model if it does.
        expected: Seconds that a load of a model will take; None if nobody knows.
        annotate: Says more of why a model, by its id, failed: where in the settings, what would fit.
    """

    def __init__(
        self,
        *,
        prepare: Prepare,
        settings: ServerSettings,
        hub: Hub,
        log: LogRing,
        limits: Limits | None = None,
        memory: Memory | None = None,
        default: str | None = None,
        deadlines: Deadlines | None = None,
        on_outcome: OnOutcome = lambda _outcome, _server: None,
        expected: Callable[[str], float | None] = lambda _: None,
        annotate: Annotate = as_it_is,
    ) -> None:
        self._mailbox = Mailbox()
        self._post = self._mailbox.post
        self.admission = Admission(
            limit=settings.hold_limit,
            timeout=settings.hold_timeout,
            on_wanted=lambda: self._post(self._wanted),
            on_idle=lambda: self._post(self._look),
            on_held=lambda: hub.update(**self.admission.counts()),
        )
        self._hub = hub
        self._memory = memory or UnknownMemory()
        self._annotate = annotate
        self._book = Book(default=default)
        self._fleet = Fleet(on_change=self._changed, log=log, deadlines=deadlines, signs=self.admission.signs)
        self._switches = Switches()
        leases = Leases(limit=settings.lease_limit)
        self.lending = Lending(post=self._post, book=self._book, leases=leases)
        self._preparations = Preparations(
            prepare, annotate, lambda model, outcome: self._post(lambda: self._prepared(model, outcome))
        )
        book, fleet, admission, limits = self._book, self._fleet, self.admission, limits or Limits()
        outlook = Outlook(
            book=book, fleet=fleet, admission=admission, leases=leases, memory=self._memory, limits=limits
        )
        self._stage = Stage(
            book=book,
            fleet=fleet,
            admission=admission,
            leases=leases,
            switches=self._switches,
            outlook=outlook,
            hub=hub,
            memory=self._memory,
            on_outcome=on_outcome,
            expected=expected,
        )
        self._choosing = Choosing(
            post=self._post, prepare=prepare, annotate=annotate, drain_timeout=settings.drain_timeout,
            book=book, fleet=fleet, switches=self._switches, stage=self._stage,
        )  # fmt: skip
        self.renewal = Renewal(
            post=self._post, prepare=prepare, book=book, fleet=fleet, admission=admission,
            leases=leases, choosing=self._choosing, outlook=outlook, hub=hub,
        )  # fmt: skip
        self._ends: set[asyncio.Task[None]] = set()
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
        return await self._choosing.select(model, cut=cut, wake=wake)

    def cancel(self) -> None:
        """Give up the switch under way and go back to the model that was served before it."""
        self._choosing.cancel()
        self._post(self._gone_back)

    async def unload(self, model: str) -> None:
        """Unload one model. Returns when what runs now of it is gone."""
        await self._unload(lambda: self._leave(model), lambda server: server.model == model)

    async def stop(self) -> None:
        """Unload everything; the next request loads the selected model again.

        Returns when what runs now is gone, or when a request wants the selected model again.
        """
        await self._unload(lambda: self._sleep(paused=self._book.paused), lambda _: True)

    async def pause(self) -> None:
        """Unload everything, and let requests wake nothing until `resume`. Returns as `stop` does."""
        await self._unload(lambda: self._sleep(paused=True), lambda _: True)

    def resume(self) -> None:
        """End a pause and load the selected model."""
        self._post(self._book.resume)

    def set_default(self, model: str | None) -> None:
        """The last fallback is another model from now on."""
        self._post(lambda: setattr(self._book, "default", model))

    def refresh(self) -> None:
        """Memory was read, or time has passed: look at leases, and publish what changes too often to be told each time."""
        self.lending.end_overdue()
        self._stage.publish()

    async def run(self) -> None:
        """The writer."""
        await self._mailbox.run(self._advance)

    async def close(self, grace: float = 0.0) -> None:
        """Refuse every request from now on, and stop every server. The writer must still run.

        Args:
            grace: Seconds that running answers have before they are cut.
        """
        await self.renewal.close()
        await self._mailbox.carried_out(lambda: self._close(time.monotonic() + grace))
        await self._fleet.wait_ended()
        self._preparations.begin(())

    async def _unload(self, handle: Callable[[], None], which: Callable[[Server], bool]) -> None:
        leaving: set[str] = set()

        def carry_out() -> None:
            leaving.update(server.alias for server in self._fleet if which(server))
            handle()

        await self._mailbox.carried_out(carry_out)
        await self._hub.wait_for(
            lambda now: (
                now.awake or not self._book.leaving or leaving.isdisjoint(s.alias for s in now.servers)
            )
        )

    # What the mailbox carries.

    def _look(self) -> None:
        """Something changed that is no matter of the book: plan again."""

    def _wanted(self) -> None:
        """A request waits for a model that none waited for, or nobody waits for one any more."""
        wants = self.admission.wants()
        if self._book.selected in wants:
            self._book.wake()
        if not self._book.paused:
            kept = {model for model in wants if self._fleet.ready(model) is not None}
            self._book.leaving -= kept - self._book.reloading.keys()

    def _prepared(self, model: str, outcome: Launch | Failure) -> None:
        if model in self._fleet or model in self._book.launches:
            return
        if isinstance(outcome, Failure):
            self._book.note_failure(model, outcome, time.monotonic())
        else:
            self._book.launches[model] = outcome

    def _leave(self, model: str) -> None:
        if model in self._fleet:
            self._book.leaving.add(model)
        if model == self._book.selected:
            self._choosing.give_way("an unload")
            self._book.doze()

    def _sleep(self, *, paused: bool) -> None:
        self._choosing.give_way("a stop")
        self.lending.end_all(LeaseEnded("The memory was freed by the user"))
        self._book.sleep(self._fleet.models, paused=paused)
        self._wanted()

    def _gone_back(self) -> None:
        """A choice was cancelled: what was asked for meanwhile meets the state from before it."""
        if self._book.paused:
            self.lending.end_all(LeaseEnded("The memory was freed by the user"))
        self._wanted()

    def _close(self, cut_at: float) -> None:
        self._switches.replace_all("the end of the program")
        self.lending.end_all(Closing("The program is shutting down"))
        self._book.close(cut_at)

    def _changed(self, server: Server) -> None:
        """A server moved, or loaded further."""
        if server.state in ENDED:
            self._post(lambda: self._ended(server))
        elif server.state is ServerState.READY:
            self._post(self._look)
        self._stage.publish()

    def _ended(self, server: Server) -> None:
        """Its process is gone; it counts as stopping until its memory is proven free."""
        switch = self._switches.under_way
        if switch is not None and server.model == switch.target and server.failure is not None:
            switch.enter(Phase.ROLLBACK)
        end = asyncio.create_task(self._prove(server), name=f"end of {server.model}")
        self._ends.add(end)
        end.add_done_callback(self._ends.discard)

    async def _prove(self, server: Server) -> None:
        failure = server.failure
        try:
            if failure is not None:
                annotated = await self._annotate(server.model, failure)
                failure = with_what_fits(annotated, self._memory, server.model)
            await self._memory.released(server)
        finally:
            self._post(lambda: self._freed(server, failure))

    def _freed(self, server: Server, failure: Failure | None) -> None:
        server.failure = failure
        switch = self._switches.under_way
        if switch is not None and server.model == switch.target and failure is not None:
            switch.failure = failure
        self._fleet.remove(server)
        self._book.note_end(server, time.monotonic(), choosing=switch is not None)

    def _advance(self) -> None:
        """Carry out what the plan says until it says to wait; then settle what that means for everybody."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = time.monotonic()
        due = self._book.forget_failures(now)
        self._preparations.begin(self._stage.unprepared())
        wait = self._stage.play(now)
        if times := [when for when in (due, wait.until) if when is not None]:
            delay = max(0.0, min(times) - time.monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay, self._post, self._look)
