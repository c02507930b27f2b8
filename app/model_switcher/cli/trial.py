"""A trial of switching on real models through a running instance: start, ask, switch, ask, switch back, ask, memory free."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from model_switcher.cli.progress import progress_shown
from model_switcher.domain.errors import SwitcherError
from model_switcher.domain.memory import Gauge, gauge
from model_switcher.domain.states import ServerState
from model_switcher.processes import is_same_process, process_created

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from model_switcher.client.switcher import Switcher
    from model_switcher.domain.catalog import Model
    from model_switcher.domain.memory import Readings
    from model_switcher.domain.snapshot import ServerView, Snapshot

FREED_SECONDS = 30.0
READ_SECONDS = 5.0  # memory is read once a second
LOOK_AGAIN_SECONDS = 0.1

# After these steps another amount of memory is in use than before.
_LOADING = {"start", "switch", "back", "unload"}

# No chat template, and nothing but letters: a few tokens that every model which writes text can give.
_PROMPT = "The sky is"
_ANSWER: dict[str, Any] = {"n_predict": 8, "grammar": "root ::= [a-zA-Z ]+"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the trial.

    Attributes:
        step: "start", "ask", "switch", "back", "unload", "memory" or "restore".
        model: Id of the model that it is about, if it is about one.
        ok: Whether it went well.
        seconds: How long it took.
        memory: What is in use after it; None if that cannot be read.
        problem: What went wrong, for a person.
        hint: What to do about it.
    """

    step: str
    model: str | None
    ok: bool = True
    seconds: float = 0.0
    memory: Gauge | None = None
    problem: str | None = None
    hint: str = ""


class TrialEnded(Exception):
    """A step failed, so that those after it mean nothing; `status` is the exit status for it."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Trial:
    """Goes through the steps, and then puts everything back as it was.

    Args:
        switcher: Talks to the instance.
        on_step: Is told of each step that ended.
    """

    def __init__(self, switcher: Switcher, on_step: Callable[[Step], None]) -> None:
        self._switcher = switcher
        self._on_step = on_step
        self._engines: dict[int, tuple[float, str]] = {}
        self._notice: str | None = None

    async def run(self, first: Model, second: Model | None) -> int:
        """The exit status: 0 if every step went well.

        Args:
            first: Served at the beginning and at the end.
            second: Switched to in between; without it the first one is unloaded and loaded again.
        """
        before = await self._state()
        self._notice = before.memory_notice
        status = restored = 0
        try:
            await self._all_steps(before, first, second)
        except TrialEnded as ended:
            status = ended.status
        finally:
            restored = await self._put_back(before)
        return status or restored

    async def _all_steps(self, before: Snapshot, first: Model, second: Model | None) -> None:
        await self._step("start", first, self._switcher.switch(first.id))
        await self._step("ask", first, self._ask(first))
        if second is None:
            await self._step("unload", first, self._switcher.stop())
            await self._step("memory", first, self._freed())
        else:
            await self._step("switch", second, self._switcher.switch(second.id))
            await self._step("ask", second, self._ask(second))
        await self._step("back", first, self._switcher.switch(first.id))
        await self._step("ask", first, self._ask(first))
        if second is not None:
            if _server(await self._state(), second.id) and _server(before, second.id) is None:
                await self._step("unload", second, self._switcher.stop())  # it fits beside, and has stayed
            await self._step("memory", second, self._freed())

    async def _step(self, name: str, model: Model | None, work: Awaitable[object]) -> None:
        """One step; what went wrong in it ends the trial."""
        began = time.monotonic()
        step = Step(step=name, model=model.id if model is not None else None)
        status = 0
        try:
            async with progress_shown(self._switcher):
                await work
        except SwitcherError as error:
            step = replace(step, ok=False, problem=error.message, hint=error.hint)
            status = error.exit_status
        seconds = time.monotonic() - began
        memory = await self._memory(fresh=name in _LOADING)
        self._on_step(replace(step, seconds=seconds, memory=memory))
        if status:
            raise TrialEnded(status)

    async def _ask(self, model: Model) -> None:
        """The model is served by a process that lives, and answers."""
        state = await self._state()
        server = _server(state, model.id)
        if state.selected != model.id or server is None or server.state is not ServerState.READY:
            raise SwitcherError(f"{model.name} is not what is served")
        if server.pid is None or process_created(server.pid) is None:
            raise SwitcherError(f"The engine of {model.name} does not run")
        await self._complete(model.id)

    async def _complete(self, model: str) -> None:
        await self._switcher.complete(_PROMPT, model=model, **_ANSWER)

    async def _freed(self) -> None:
        """Every engine that has ended is gone, and whatever memory is known to have been its own."""
        deadline = time.monotonic() + FREED_SECONDS
        begun = time.time()
        while (problem := self._held(await self._state(), begun)) is not None:
            if time.monotonic() > deadline:
                raise SwitcherError(problem, hint="`model-switcher status` shows who holds memory.")
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    def _held(self, state: Snapshot, since: float) -> str | None:
        """What an engine that ended still holds, by what was read since then."""
        running = {server.pid for server in state.servers}
        holders = _holders(state.readings)
        for pid, (created, model) in self._engines.items():
            if pid in running:
                continue
            if is_same_process(pid, created):
                return f"The engine of {model} (process {pid}) still runs"
            if pid in holders:
                return f"The engine of {model} (process {pid}) still holds memory"
        if state.readings is None or state.readings.time < since:
            return "Memory cannot be read"
        return state.memory_notice if state.memory_notice != self._notice else None

    async def _memory(self, *, fresh: bool) -> Gauge | None:
        """What is in use; `fresh` if it has to be read after this moment."""
        ended, deadline = time.time(), time.monotonic() + READ_SECONDS
        try:
            while True:
                readings = (await self._state()).readings
                if readings is not None and (readings.time >= ended or not fresh):
                    return gauge(readings)
                if time.monotonic() > deadline:
                    return None
                await asyncio.sleep(LOOK_AGAIN_SECONDS)
        except SwitcherError:
            return None  # the step itself, or the next one, tells

    async def _state(self) -> Snapshot:
        """The state; the engines in it are remembered."""
        state = await self._switcher.state()
        for server in state.servers:
            if server.pid is not None and server.pid not in self._engines:
                self._engines[server.pid] = process_created(server.pid) or 0.0, server.model
        return state

    async def _put_back(self, before: Snapshot) -> int:
        """Serve what was served, and nothing else; the exit status."""
        try:
            await self._step("restore", None, self._restore(before))
        except TrialEnded as ended:
            return ended.status
        return 0

    async def _restore(self, before: Snapshot) -> None:
        loaded = [server.model for server in before.servers]
        now = await self._state()
        if before.selected is not None and now.selected != before.selected:
            await self._switcher.switch(before.selected)
        if self._switcher.started:
            return  # none ran before: it ends now
        if before.paused or not loaded:
            await self._switcher.stop(pause=before.paused)
            return
        if before.selected in loaded and _server(await self._state(), before.selected) is None:
            await self._switcher.switch(str(before.selected))
        for model in loaded:
            if _server(await self._state(), model) is None:
                await self._complete(model)  # beside the selected one, as it was


def _server(state: Snapshot, model: str | None) -> ServerView | None:
    return next((server for server in state.servers if server.model == model), None)


def _holders(readings: Readings | None) -> set[int]:
    """Processes that are known to hold memory of a GPU, or main memory as our servers."""
    if readings is None:
        return set()
    on_gpus = {process.pid for gpu in readings.gpus for process in gpu.processes or ()}
    return on_gpus | set(readings.servers_rss or ())
