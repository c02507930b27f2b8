"""Asks engines about what the rules do not know, one question at a time, and never while anything else goes on."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from model_switcher.domain.need import Source
from model_switcher.domain.states import ENDED, ServerState
from model_switcher.domain.units import MIB
from model_switcher.engine.needs.estimate import need_of
from model_switcher.engine.needs.oracle import ask_engine
from model_switcher.engine.needs.store import Entry, Key, NeedStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_switcher.domain.catalog import Model
    from model_switcher.domain.snapshot import Snapshot
    from model_switcher.engine.needs.breakdown import Account
    from model_switcher.engine.needs.setup import Setup

# After a switch, a load or an answer; another one often follows.
QUIET_SECONDS = 5.0
# A driver's context, and the recurrent states that an engine allocates before it gives its account. It is less than
# the 1024 MiB that `--fit` leaves free beside a model.
LEAST_FREE = 768 * MIB

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Question:
    """What one model takes with one context."""

    model: Model
    setup: Setup
    key: Key
    ctx_size: int

    def answered(self, account: Account | None) -> Entry:
        """The answer, for the store; None where the engine does not say."""
        layers = self.setup.layers
        need = None if account is None else need_of(account, ctx_size=self.ctx_size, layers=layers)
        return Entry(key=self.key, source=Source.ENGINE, ctx_size=self.ctx_size, layers=layers, need=need)


class Ask(Protocol):
    """Asks an engine.

    Returns None where it does not say, and raises OSError where it may say it another time.
    """

    async def __call__(self, question: Question) -> Account | None: ...


class Asker:
    """Lives on the runtime's loop.

    Args:
        next_question: What is to be asked next; None for nothing.
        store: Is given the answers.
        on_answer: Hears of each.
        ask: Asks.
        quiet: Seconds for which nothing must have gone on.
    """

    def __init__(
        self,
        next_question: Callable[[], Question | None],
        store: NeedStore,
        on_answer: Callable[[Question], None],
        *,
        ask: Ask | None = None,
        quiet: float = QUIET_SECONDS,
    ) -> None:
        self._next_question = next_question
        self._store = store
        self._on_answer = on_answer
        self._ask = ask or ask_its_engine
        self._quiet = quiet
        self._may_ask = asyncio.Event()
        self._work = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._under_way: asyncio.Task[Account | None] | None = None

    def look(self, snapshot: Snapshot) -> None:
        """What is the case now: as soon as anything goes on, a question under way is given up for the time being."""
        if is_quiet(snapshot):
            if self._timer is None and not self._may_ask.is_set():
                self._timer = asyncio.get_running_loop().call_later(self._quiet, self._now_quiet)
            return
        self._may_ask.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._under_way is not None:
            self._under_way.cancel()

    def wake(self) -> None:
        """There may be something to ask."""
        self._work.set()

    async def run(self) -> None:
        """Ask until cancelled."""
        try:
            while True:
                await self._work.wait()
                self._work.clear()
                while (question := self._next_question()) is not None:
                    await self._may_ask.wait()
                    await self._put(question)
        finally:
            if self._timer is not None:
                self._timer.cancel()

    async def _put(self, question: Question) -> None:
        self._under_way = asyncio.create_task(self._ask(question), name=f"question about {question.model.id}")
        try:
            account = await self._under_way
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                self._under_way.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await self._under_way
                raise
            return  # given up; it is asked again
        except OSError as error:
            _log.info("The engine could not be asked what %s takes: %s", question.model.id, error)
            self._store.remember(question.answered(None))  # until the next start of this program
            return
        finally:
            self._under_way = None
        if account is None:
            _log.info("The engine does not say what %s takes", question.model.id)
        await self._store.keep(question.answered(account))
        self._on_answer(question)

    def _now_quiet(self) -> None:
        self._timer = None
        self._may_ask.set()


async def ask_its_engine(question: Question) -> Account | None:
    """What the engine of its setup says."""
    engine = question.setup.engine
    if engine is None:
        return None
    return await ask_engine(engine.binary, question.model, question.setup.options, ctx_size=question.ctx_size)


def is_quiet(snapshot: Snapshot) -> bool:
    """Whether nothing goes on that another process could disturb: no switch, no load, no answer, no full GPU."""
    if snapshot.switch is not None or any(
        server.in_flight or (server.state is not ServerState.READY and server.state not in ENDED)
        for server in snapshot.servers
    ):
        return False
    readings = snapshot.readings
    return readings is not None and all((card.free or 0) >= LEAST_FREE for card in readings.cards)
