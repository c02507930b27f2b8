"""The occasions of the fault matrix, played on a whole instance; each says what is to be the case afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

import pytest

from fakes.household import ALDER, BIRCH, CEDAR, Household
from fakes.launches import QUICK, until
from model_switcher.domain.errors import NothingServed, SwitchFailed, SwitchSuperseded
from model_switcher.domain.snapshot import Reason, Result
from model_switcher.domain.states import COMING_UP, Cause
from model_switcher.engine.control.deadlines import Deadlines

Load = tuple[str, Reason, Result, Cause | None]

EXITS = ("--exit-while-loading", "7")  # the fault of the model whose failure leads to a rollback


class Effect(Enum):
    """What a fault does to the model concerned."""

    NONE = "it is served all the same"
    NEVER_UP = "it does not come up"
    LOST = "it comes up and is lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One row of the matrix.

    Attributes:
        engine: Options of the fake engine, for the model concerned.
        code: Why that model is not served; None if it is.
        lost: Whether it comes up first.
        restarts: How often it is started again then.
        deadlines: Of each server's steps.
        before: Done before the first start, for a fault that is not the engine's.
        strike: Done while the model loads, for such a fault.
        at_start: Whether the fault shows before the model is ready, so that a quit has to come then.
    """

    engine: tuple[str, ...] = ()
    code: Cause | None = None
    lost: bool = False
    restarts: int = 0
    deadlines: Deadlines = QUICK
    before: Callable[[Household], None] | None = None
    strike: Callable[[Household], None] | None = None
    at_start: bool = False

    @property
    def effect(self) -> Effect:
        if self.code is None:
            return Effect.NONE
        return Effect.LOST if self.lost else Effect.NEVER_UP

    @property
    def cuts_a_choice_short(self) -> bool:
        """Whether the choice of the model is still under way when the instance is asked to end."""
        return self.at_start or self.effect is Effect.NEVER_UP

    def told(self, occasion: str) -> str:
        """The code of what whoever wants the model is told, or that he gets it."""
        if occasion == "quit" and self.cuts_a_choice_short:
            return SwitchSuperseded.code
        return self.code or "served"


@dataclass(frozen=True, slots=True, kw_only=True)
class Afterwards:
    """What is to be the case.

    Attributes:
        serving: The model that is served; None if nothing can be, or the instance has ended.
        outcome: How the last choice ended: the result, what was chosen, what was served then; None once it has ended.
        remembered: The model of last time, in its file.
        loads: What the history has: the model, for whom, how it ended, why.
        notice: What the user is told about the instance as a whole, or the beginning of it.
        runs: Whether the instance still runs.
    """

    serving: str | None = None
    outcome: tuple[Result, str, str | None] | None = None
    remembered: str | None = None
    loads: tuple[Load, ...] = ()
    notice: str | None = None
    runs: bool = True


def chosen(model: str) -> Load:
    return (model, Reason.CHOICE, Result.SWITCHED, None)


def started_again(model: str, fault: Fault) -> tuple[Load, ...]:
    return ((model, Reason.RESTART, Result.SWITCHED, None),) * fault.restarts


async def first_start(it: Household, fault: Fault) -> Afterwards:
    """The engine of the default model has the fault."""
    it.give(ALDER, *fault.engine)
    if fault.before is not None:
        fault.before(it)
    async with it.struck(ALDER, fault.strike):
        await it.start()
    switched = (Result.SWITCHED, ALDER, ALDER)
    if fault.effect is Effect.NONE:
        await it.settles(ALDER)
        return Afterwards(serving=ALDER, outcome=switched, loads=(chosen(ALDER),))
    failure = (await it.settles(None)).failure
    assert failure is not None
    assert failure.cause == await why_not(it, ALDER) == fault.code
    if fault.effect is Effect.LOST:
        return Afterwards(outcome=switched, loads=(chosen(ALDER), *started_again(ALDER, fault)))
    load = (ALDER, Reason.CHOICE, Result.NOTHING_LEFT, fault.code)
    return Afterwards(outcome=(Result.NOTHING_LEFT, ALDER, None), loads=(load,))


async def switch(it: Household, fault: Fault) -> Afterwards:
    """The engine of the chosen model has the fault."""
    await it.start()
    await it.settles(ALDER)
    it.give(BIRCH, *fault.engine)
    async with it.struck(BIRCH, fault.strike):
        told = await failure_of(it.select(BIRCH))
    if fault.effect is Effect.NEVER_UP:
        await it.settles(ALDER)
        assert told == await why_not(it, BIRCH) == fault.code
        load = (BIRCH, Reason.CHOICE, Result.ROLLED_BACK, fault.code)
        return Afterwards(
            serving=ALDER, outcome=(Result.ROLLED_BACK, BIRCH, ALDER), loads=(chosen(ALDER), load)
        )
    assert told is None
    switched, loads = (Result.SWITCHED, BIRCH, BIRCH), (chosen(ALDER), chosen(BIRCH))
    if fault.effect is Effect.NONE:
        return Afterwards(serving=BIRCH, outcome=switched, remembered=BIRCH, loads=loads)
    await it.settles(ALDER)
    assert await why_not(it, BIRCH) == fault.code
    back = (ALDER, Reason.RETURN, Result.SWITCHED, None)
    return Afterwards(
        serving=ALDER,
        outcome=switched,
        remembered=BIRCH,
        loads=(*loads, *started_again(BIRCH, fault), back),
    )


async def rollback(it: Household, fault: Fault) -> Afterwards:
    """The chosen model does not come up, and the engine of the one before it has the fault when that is to be back."""
    it.write_settings(default=CEDAR)
    await it.start()
    await it.settles(CEDAR)
    await it.select(ALDER)
    before = it.traces.command_line(ALDER)
    it.give(BIRCH, *EXITS)
    it.give(ALDER, *fault.engine)
    async with it.struck(ALDER, fault.strike):
        assert await failure_of(it.select(BIRCH)) == Cause.EXITED
    loads = (chosen(CEDAR), chosen(ALDER))
    back, instead = (
        (BIRCH, Reason.CHOICE, Result.ROLLED_BACK, Cause.EXITED),
        (BIRCH, Reason.CHOICE, Result.FELL_BACK, Cause.EXITED),
    )
    if fault.effect is Effect.NONE:
        assert it.traces.command_line(ALDER) == before
        return Afterwards(
            serving=ALDER, outcome=(Result.ROLLED_BACK, BIRCH, ALDER), remembered=ALDER, loads=(*loads, back)
        )
    await it.settles(CEDAR)
    assert await why_not(it, ALDER) == fault.code
    if fault.effect is Effect.NEVER_UP:
        return Afterwards(
            serving=CEDAR, outcome=(Result.FELL_BACK, BIRCH, CEDAR), remembered=ALDER, loads=(*loads, instead)
        )
    fallen = (CEDAR, Reason.RETURN, Result.SWITCHED, None)
    return Afterwards(
        serving=CEDAR,
        outcome=(Result.ROLLED_BACK, BIRCH, ALDER),
        remembered=ALDER,
        loads=(*loads, back, *started_again(ALDER, fault), fallen),
    )


async def lease(it: Household, fault: Fault) -> Afterwards:
    """The engine of a borrowed model has the fault."""
    await it.start()
    await it.settles(ALDER)
    it.give(BIRCH, *fault.engine)
    told = lent = None
    async with it.struck(BIRCH, fault.strike):
        try:
            lent = await it.borrow(BIRCH)
        except SwitchFailed as error:
            told = error.details["failure"]["cause"]
    back = (ALDER, Reason.RETURN, Result.SWITCHED, None)
    borrowed = ((BIRCH, Reason.LEASE, Result.SWITCHED, None),)
    if lent is None:
        await it.settles(ALDER)
        assert told == await why_not(it, BIRCH) == fault.code
        borrowed = ((BIRCH, Reason.LEASE, Result.NOT_LOADED, fault.code),)
    else:
        if fault.effect is Effect.LOST:
            await it.settles(ALDER)  # there is no use in waiting for the end of the lease
            borrowed *= 1 + fault.restarts
        assert await why_not(it, BIRCH) == fault.code
        await it.give_back(lent)
    await it.settles(ALDER)
    return Afterwards(
        serving=ALDER, outcome=(Result.SWITCHED, ALDER, ALDER), loads=(chosen(ALDER), *borrowed, back)
    )


async def quit_(it: Household, fault: Fault) -> Afterwards:
    """The instance is asked to end while it has to do with the fault."""
    await it.start()
    await it.settles(ALDER)
    it.give(BIRCH, *fault.engine)
    choice = asyncio.create_task(it.select(BIRCH))
    if fault.effect is Effect.NEVER_UP:
        it.give(ALDER, "--load-seconds", "60")
        await it.until(lambda s: any(one.model == ALDER and one.state in COMING_UP for one in s.servers))
    elif fault.at_start:
        await it.until(lambda s: any(one.model == BIRCH and one.pid for one in s.servers))
    else:
        await choice
    if fault.effect is Effect.LOST:
        await until(lambda: BIRCH not in it.traces.working)
    if fault.strike is not None:
        fault.strike(it)
    await it.quit()
    if fault.cuts_a_choice_short:
        with pytest.raises(SwitchSuperseded, match="the end of the program"):
            await choice
        return Afterwards(runs=False, loads=(chosen(ALDER),))
    await choice
    return Afterwards(runs=False, remembered=BIRCH, loads=(chosen(ALDER), chosen(BIRCH)))


OCCASIONS: dict[str, Callable[[Household, Fault], Awaitable[Afterwards]]] = {
    "first start": first_start,
    "switch": switch,
    "rollback": rollback,
    "lease": lease,
    "quit": quit_,
}


def culprits(occasion: str, fault: Fault) -> set[str]:
    """Models whose engine may end in another way than it is told to."""
    concerned = ALDER if occasion in ("first start", "rollback") else BIRCH
    return {concerned if fault.code else "", BIRCH if occasion == "rollback" else ""}


async def failure_of(choice: Awaitable[object]) -> str | None:
    """Why the choice failed; None if it did not."""
    try:
        await choice
    except SwitchFailed as error:
        return str(error.details["failure"]["cause"])
    return None


async def why_not(it: Household, model: str) -> str | None:
    """Why a request for the model is refused; None if the model answers."""
    try:
        assert await it.ask(model) == model
    except NothingServed as error:
        return str(error.details["failure"]["cause"])
    return None
