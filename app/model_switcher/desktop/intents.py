"""Carries out what is clicked: clicks become intentions, and what goes wrong with them is told."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from model_switcher.desktop.notices import Notice
from model_switcher.desktop.view_state import Command
from model_switcher.domain.errors import Closing, SwitcherError, SwitchError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from model_switcher.desktop.bridge import Bridge
    from model_switcher.desktop.engine_side import Intentions
    from model_switcher.domain.snapshot import Snapshot


T = TypeVar("T")


class Intents:
    """Sends intentions over the bridge, once there is one.

    Args:
        tell: Shows a notice.
        snapshot: The latest snapshot.
    """

    def __init__(self, tell: Callable[[Notice], None], snapshot: Callable[[], Snapshot]) -> None:
        self._tell = tell
        self._snapshot = snapshot
        self._tasks: set[asyncio.Task[None]] = set()
        self.bridge: Bridge | None = None

    async def close(self) -> None:
        """Returns when every click has been carried out or called off."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def select(self, model: str) -> None:
        """Load the model of that id, when running answers are done."""
        self.carry_out(lambda engine: engine.select(model))

    def select_now(self, model: str) -> None:
        """Load it and cut running answers after their grace."""
        self.carry_out(lambda engine: engine.select(model, cut=True))

    def foresee(self, model: str) -> None:
        """The model of that id may be loaded next; none may if it is empty."""
        self.ask(lambda engine: engine.hint(model or None), lambda _: None)

    def press(self, command: Command, target: str = "") -> None:
        """Do what a button says."""
        selected = target or self._snapshot().selected
        match command:
            case Command.STOP:
                self.carry_out(lambda engine: engine.stop())
            case Command.CANCEL:
                self.carry_out(lambda engine: engine.cancel())
            case Command.PAUSE:
                self.carry_out(lambda engine: engine.pause())
            case Command.RESUME:
                self.carry_out(lambda engine: engine.resume())
            case Command.RESCAN:
                self.carry_out(lambda engine: engine.rescan())
            case Command.START | Command.TRY_AGAIN if selected is not None:
                self.select(selected)

    def carry_out(self, intention: Callable[[Intentions], Coroutine[Any, Any, object]]) -> None:
        """Do what is asked for; what goes wrong is told."""
        self._begin(self._carry_out(intention))

    def ask(
        self, question: Callable[[Intentions], Coroutine[Any, Any, T]], answer: Callable[[T], object]
    ) -> None:
        """Hand `answer` what the engine answers; nothing, where it cannot."""
        self._begin(self._answer(question, answer))

    async def _answer(
        self, question: Callable[[Intentions], Coroutine[Any, Any, T]], answer: Callable[[T], object]
    ) -> None:
        if self.bridge is None:
            return
        try:
            answered = await self.bridge.call(question)
        except SwitcherError:
            return  # what was asked for is not shown then
        answer(answered)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, intention: Callable[[Intentions], Coroutine[Any, Any, object]]) -> None:
        if self.bridge is None:
            return
        try:
            await self.bridge.call(intention)
        except (SwitchError, Closing):
            return  # a switch that failed is told with its outcome; a closing program has nothing to add
        except SwitcherError as error:
            outcome = self._snapshot().outcome
            told = (
                outcome is not None
                and outcome.failure is not None
                and outcome.failure.sentence == error.message
            )
            if not told:
                self._tell(Notice("instance", error.message, error.hint))
