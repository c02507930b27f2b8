"""The user's choice: from the click to the moment when it is what is wanted."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from model_switcher.domain.errors import Closing
from model_switcher.domain.snapshot import Outcome, Result
from model_switcher.domain.states import Failure
from model_switcher.engine.control.preflight import Checked, check
from model_switcher.engine.control.switching import Switch

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_switcher.engine.control.book import Book
    from model_switcher.engine.control.fleet import Fleet
    from model_switcher.engine.control.preflight import Annotate, Prepare
    from model_switcher.engine.control.stage import Stage
    from model_switcher.engine.control.switching import Switches


class Choosing:
    """The controller's counter for choices. Everything is carried out by the writer, in order.

    Args:
        post: Has a step done by the writer.
        prepare: Preflight of a model id.
        annotate: Says more of a failure.
        drain_timeout: Seconds that running answers have when a choice may cut them.
    """

    def __init__(
        self,
        *,
        post: Callable[[Callable[[], None]], None],
        prepare: Prepare,
        annotate: Annotate,
        drain_timeout: float,
        book: Book,
        fleet: Fleet,
        switches: Switches,
        stage: Stage,
    ) -> None:
        self._post = post
        self._prepare = prepare
        self._annotate = annotate
        self.drain_timeout = drain_timeout
        self._book = book
        self._fleet = fleet
        self._switches = switches
        self._stage = stage

    async def select(self, model: str, *, cut: bool, wake: bool) -> Outcome:
        """See `Controller.select`."""
        reply: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._post(lambda: self._select(model, cut=cut, wake=wake, reply=reply))
        return await reply

    def cancel(self) -> None:
        """See `Controller.cancel`."""
        self._post(self._cancel)

    def _select(self, model: str, *, cut: bool, wake: bool, reply: asyncio.Future[Outcome]) -> None:
        if reply.done():
            return  # whoever asked has left already
        if self._book.closing:
            reply.set_exception(Closing("The program is shutting down"))
            return
        switch = self._switches.chosen_already(model) or self._begin(model)
        switch.join(reply, cut=cut, wake=wake)
        self._arm_cut()

    def give_way(self, to: str) -> None:
        """Something that is no choice, such as "a stop", takes the place of them all. For the writer.

        What was to be the very first choice stays one, to be loaded when a request comes: else there would be none.
        """
        first = self._switches.in_preflight if self._book.selected is None else None
        self._switches.replace_all(to)
        if first is not None and not self._book.closing:
            self._begin(first.target)

    def _begin(self, model: str) -> Switch:
        switch = Switch(model, self._book.committed)
        self._switches.begin(switch, self._check(switch))
        return switch

    async def _check(self, switch: Switch) -> None:
        default = self._book.default
        fallback = None if default in (switch.target, *self._book.launches) else default
        resident = self._fleet.ready(switch.target)
        checked = await check(
            self._prepare,
            switch.target,
            loaded=resident.launch if resident is not None else None,
            fallback=fallback,
            annotate=self._annotate,
        )
        self._post(lambda: self._checked(switch, checked))

    def _checked(self, switch: Switch, checked: Checked | Failure) -> None:
        if self._switches.in_preflight is not switch:
            return
        failure = checked if isinstance(checked, Failure) else self._stage.shortage(checked.launch)
        if failure is not None or isinstance(checked, Failure):
            switch.failure = failure
            if self._book.selected is None:
                self._book.given_up = failure
            self._stage.finish(switch, Result.REFUSED)
            return
        if switch.target not in self._fleet:  # or not any more, if it was loaded just now
            self._book.launches[switch.target] = checked.launch
        if checked.fallback is not None:
            self._book.launches[checked.fallback.model.id] = checked.fallback
        self._switches.decide(switch)
        self._book.choose(switch.target, wake=switch.wake)
        self._arm_cut()
        if not switch.wake:
            self._stage.finish(switch, Result.CHOSEN)

    def _arm_cut(self) -> None:
        switch = self._switches.under_way
        if switch is not None and switch.cut and self._book.cut_at is None:
            self._book.cut_at = time.monotonic() + self.drain_timeout

    def _cancel(self) -> None:
        if (checked := self._switches.in_preflight) is not None:
            self._stage.finish(checked, Result.CANCELLED)
        if (switch := self._switches.under_way) is not None:
            switch.cancelled = True
            self._book.unchoose(switch.target)
