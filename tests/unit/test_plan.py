"""Every policy of `plan` is a row here; no process in sight."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_switcher.domain.plan import (
    Action,
    Cancel,
    Claim,
    GiveUp,
    Limits,
    Refuse,
    Resident,
    Short,
    Situation,
    Span,
    Start,
    Stop,
    Wait,
    Want,
    plan,
    restart_due,
    restarts_exhausted,
)
from model_switcher.domain.states import ServerState

STARTING, LOADING, READY, STOPPING = (
    ServerState.STARTING,
    ServerState.LOADING,
    ServerState.READY,
    ServerState.STOPPING,
)
A = Resident("a", READY, held=4)
A_BUSY = replace(A, in_flight=2)
B = Resident("b", READY, held=4)
B_BUSY = replace(B, in_flight=1)
BESIDE = Limits(beside=True, margin=1)
NEEDS = {"a": Span(4, 4), "b": Span(4, 4), "c": Span(4, 5), "d": Span(20, 20)}


def case(name: str, action: Action, /, **situation: object) -> object:
    return pytest.param(Situation(**{"now": 0.0, **situation}), action, id=name)  # type: ignore[arg-type]


def drain(*models: str, until: float | None = None) -> Wait:
    return Wait(until, frozenset(models))


THE_CHOICE = [
    case("nothing wanted, nothing runs", Wait()),
    case("the goal is started", Start("a"), candidates=("a",)),
    case("the goal is served", Wait(), candidates=("a",), residents=(A,)),
    case("the goal loads", Wait(), candidates=("a",), residents=(Resident("a", LOADING),)),
    case("an idle model is replaced", Stop("a"), candidates=("b", "a"), choosing=True, residents=(A,)),
    case("a busy model is drained", drain("a"), candidates=("b", "a"), choosing=True, residents=(A_BUSY,)),
    case("a cut waits for its grace", drain("a", until=6), now=5.0, candidates=("b", "a"), choosing=True, residents=(A_BUSY,), cut_at=6.0),
    case("past its grace a cut ends running answers", Stop("a"), now=6.0, candidates=("b", "a"), choosing=True, residents=(A_BUSY,), cut_at=6.0),
    case("nothing starts before the old one is gone", Wait(), candidates=("b", "a"), choosing=True, residents=(Resident("a", STOPPING),)),
    case("chosen again while it stops: wait until it is gone", Wait(), candidates=("a",), residents=(Resident("a", STOPPING),)),
    case("a third choice cancels the second", Cancel("b"), candidates=("c", "a"), choosing=True, residents=(Resident("b", LOADING),)),
    case("also one that has only just begun", Cancel("b"), candidates=("c", "a"), choosing=True, residents=(Resident("b", STARTING),)),
    case("a choice does not wait for the load of what requests want", Cancel("c"), candidates=("b",), choosing=True, wants=(Want("c", 0),), residents=(Resident("c", LOADING),)),
    case("roll back to the old", Start("a"), candidates=("b", "a", "d"), choosing=True, failed=frozenset({"b"})),
    case("fall back to the default", Start("d"), candidates=("b", "a", "d"), failed=frozenset({"b", "a"})),
    case("nothing is left", GiveUp(), candidates=("b", "a"), failed=frozenset({"b", "a"})),
    case("asleep: nothing starts", Wait(), candidates=("a",), awake=False),
    case("paused: everything leaves", Stop("a"), candidates=("a",), paused=True, residents=(A,)),
    case("paused: what loads is cancelled", Cancel("a"), candidates=("a",), paused=True, residents=(Resident("a", LOADING),)),
    case("paused: what is busy is drained, what is idle goes at once", Stop("b"), paused=True, residents=(A_BUSY, B)),
    case("paused: requests wake nothing", Wait(), paused=True, wants=(Want("a", 0),)),
    case("one second after the first crash", Wait(101.0), now=100.5, candidates=("a",), crashes={"a": (100.0,)}),
    case("then it starts again", Start("a"), now=101.0, candidates=("a",), crashes={"a": (100.0,)}),
    case("unloaded by the user", Stop("a"), candidates=("a",), awake=False, leaving=frozenset("a"), residents=(A,)),
    case("unloaded by the user while busy", drain("a"), awake=False, leaving=frozenset("a"), residents=(A_BUSY,)),
]  # fmt: skip

BESIDE_OR_INSTEAD = [
    case("beside, when it fits with margin", Start("b"), candidates=("b",), choosing=True, residents=(A_BUSY,), room=5, needs=NEEDS, limits=BESIDE),
    case("not without margin", Stop("a"), candidates=("b",), choosing=True, residents=(A,), room=4, needs=NEEDS, limits=BESIDE),
    case("not where models take turns", Stop("a"), candidates=("b",), choosing=True, residents=(A,), room=50, needs=NEEDS),
    case("not when its need is unknown", Stop("a"), candidates=("x",), choosing=True, residents=(A,), room=50, needs=NEEDS, limits=BESIDE),
    case("not when the memory is unknown", Stop("a"), candidates=("b",), choosing=True, residents=(A,), needs=NEEDS, limits=BESIDE),
    case("the longest unused goes first", Stop("b"), candidates=("c",), choosing=True, residents=(replace(A, used=9), replace(B, used=3)), room=2, needs=NEEDS, limits=BESIDE),
    case("an idle one goes before a busy one", Stop("a"), candidates=("c",), choosing=True, residents=(replace(A, used=9), B_BUSY), room=2, needs=NEEDS, limits=BESIDE),
    case("a pinned one stays", Stop("b"), candidates=("c",), choosing=True, residents=(replace(A, pinned=True), replace(B, used=3)), room=2, needs=NEEDS, limits=BESIDE),
    case("what stops already may be enough", Wait(), candidates=("c",), choosing=True, residents=(A, replace(B, state=STOPPING)), room=2, needs=NEEDS, limits=BESIDE),
    case("alone it needs no margin", Stop("a"), candidates=("c",), choosing=True, residents=(A,), room=0, needs=NEEDS, limits=BESIDE),
    case("too big whatever goes", Refuse("d", Short(20, 6)), candidates=("d",), choosing=True, residents=(A,), room=2, needs=NEEDS, limits=BESIDE),
    case("too big also where models take turns", Refuse("d", Short(20, 6)), candidates=("d",), choosing=True, residents=(A,), room=2, needs=NEEDS),
    case("too big because of a pinned one", Refuse("b", Short(4, 2, ("a",))), candidates=("b",), choosing=True, residents=(replace(A, pinned=True),), room=2, needs=NEEDS, limits=BESIDE),
    case("two never load at once", Wait(), wants=(Want("a", 0), Want("b", 0)), residents=(Resident("a", LOADING),), room=50, needs=NEEDS, limits=BESIDE),
]  # fmt: skip

REQUESTS = [
    case("a want is served while nothing else runs", Start("b"), wants=(Want("b", 0),)),
    case("it replaces an idle model", Stop("a"), candidates=("a",), wants=(Want("b", 0),), residents=(A,)),
    case("it waits for a busy one", Wait(10.0), now=3.0, candidates=("a",), wants=(Want("b", 0),), residents=(A_BUSY,)),
    case("until the bound", drain("a"), now=10.0, candidates=("a",), wants=(Want("b", 0),), residents=(A_BUSY,)),
    case("the oldest want comes first", Start("c"), wants=(Want("b", 2), Want("c", 1))),
    case("a failed model is not wanted", Start("b"), wants=(Want("b", 2), Want("c", 1)), failed=frozenset("c")),
    case("a choice comes before requests", Start("a"), candidates=("a",), choosing=True, wants=(Want("b", 0),)),
    case("what loads for nobody any more is cancelled", Cancel("b"), candidates=("a",), residents=(Resident("b", LOADING),)),
    case("the selected model returns after quiet", Wait(65.0), now=30.0, candidates=("a",), residents=(replace(B, left=5),)),
    case("not before", Stop("b"), now=65.0, candidates=("a",), residents=(replace(B, left=5),)),
    case("never while somebody is served", Wait(), now=900.0, candidates=("a",), residents=(B_BUSY,)),
    case("at once where it fits beside", Start("a"), candidates=("a",), residents=(B_BUSY,), room=5, needs=NEEDS, limits=BESIDE),
    case("a want by name does not wake a sleeping choice", Wait(), candidates=("a",), awake=False, residents=(replace(B, left=5),), now=900.0),
    case("an idle model is unloaded in time", Stop("b", idle=True), now=20.0, residents=(replace(B, left=5),), limits=Limits(unload_after_idle=15)),
    case("not earlier", Wait(20.0), now=19.0, residents=(replace(B, left=5),), limits=Limits(unload_after_idle=15)),
    case("not when it is pinned", Wait(), now=90.0, residents=(replace(B, pinned=True),), limits=Limits(unload_after_idle=15)),
    case("not while it answers", Wait(), now=90.0, residents=(B_BUSY,), limits=Limits(unload_after_idle=15)),
]  # fmt: skip

LEASES = [
    case("a lease replaces an idle model", Stop("a"), candidates=("a",), claims=(Claim("b", 0),), residents=(A,)),
    case("it drains a busy one at once", drain("a"), candidates=("a",), claims=(Claim("b", 0),), residents=(A_BUSY,)),
    case("it waits its turn among requests", Start("c"), claims=(Claim("b", 2),), wants=(Want("c", 1),)),
    case("only the first claim counts", Start("b"), claims=(Claim("b", 5), Claim("c", 6))),
    case("requests wait for what is lent, however long", Wait(), now=900.0, wants=(Want("a", 0),), claims=(Claim("b", 0, granted=True),), residents=(B,)),
    case("the user's choice waits too", Wait(), candidates=("a",), choosing=True, claims=(Claim("b", 0, granted=True),), residents=(B,)),
    case("beside what is lent there is room for others", Start("a"), candidates=("a",), claims=(Claim("b", 0, granted=True),), residents=(B,), room=5, needs=NEEDS, limits=BESIDE),
    case("but not without margin", Wait(), candidates=("a",), claims=(Claim("b", 0, granted=True),), residents=(B,), room=4, needs=NEEDS, limits=BESIDE),
    case("a lent model that crashed is started again", Start("b"), now=9.0, claims=(Claim("b", 0, granted=True),), crashes={"b": (1.0,)}),
    case("until then nobody takes its place", Wait(2.0), now=1.5, candidates=("a",), claims=(Claim("b", 0, granted=True),), crashes={"b": (1.0,)}),
    case("as the chosen one does when others crash", Start("a"), now=1.5, candidates=("a",), wants=(Want("b", 0),), crashes={"b": (1.0,)}),
    case("after a lease the choice returns at once", Stop("b"), candidates=("a",), returning=True, residents=(replace(B, left=0.5),), now=1.0),
    case("what still runs there finishes first", drain("b"), candidates=("a",), returning=True, residents=(B_BUSY,)),
    case("what is lent is not unloaded as idle", Wait(), now=90.0, claims=(Claim("b", 0, granted=True),), residents=(B,), limits=Limits(unload_after_idle=15)),
]  # fmt: skip


@pytest.mark.parametrize(("situation", "action"), [*THE_CHOICE, *BESIDE_OR_INSTEAD, *REQUESTS, *LEASES])
def test_each_situation_has_its_action(situation: Situation, action: Action) -> None:
    assert plan(situation) == action


@pytest.mark.parametrize(("crashes", "pause"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 16)])
def test_the_pause_after_a_crash_doubles(crashes: int, pause: float) -> None:
    times = tuple(float(n) for n in range(crashes))
    assert restart_due(times, now=times[-1]) - times[-1] == pause


def test_crashes_of_long_ago_do_not_count() -> None:
    assert restart_due((0.0,), now=601.0) == 601.0
    assert not restarts_exhausted(tuple(float(n) for n in range(6)), now=700.0)


def test_five_restarts_are_made_and_no_sixth() -> None:
    assert not restarts_exhausted((1.0, 2.0, 3.0, 4.0, 5.0), now=6.0)
    assert restarts_exhausted((1.0, 2.0, 3.0, 4.0, 5.0, 6.0), now=7.0)


MODELS = st.sampled_from("abcd")
TIMES = st.floats(0, 1000)
SITUATIONS = st.builds(
    Situation,
    now=TIMES,
    candidates=st.lists(MODELS, unique=True, max_size=3).map(tuple),
    choosing=st.booleans(),
    awake=st.booleans(),
    paused=st.booleans(),
    returning=st.booleans(),
    wants=st.lists(st.builds(Want, MODELS, TIMES), unique_by=lambda want: want.model, max_size=3).map(tuple),
    claims=st.lists(st.builds(Claim, MODELS, TIMES), max_size=2).map(tuple)
    | st.builds(Claim, MODELS, TIMES, st.just(True)).map(lambda claim: (claim,)),
    residents=st.lists(
        st.builds(
            Resident,
            MODELS,
            st.sampled_from([STARTING, LOADING, READY, STOPPING]),
            st.integers(0, 3),
            TIMES,
            TIMES,
            st.booleans(),
            st.none() | st.integers(0, 9),
        ),
        unique_by=lambda resident: resident.model,
        max_size=3,
    ).map(tuple),
    leaving=st.frozensets(MODELS, max_size=2),
    failed=st.frozensets(MODELS),
    crashes=st.dictionaries(MODELS, st.lists(TIMES, max_size=6).map(sorted).map(tuple)),
    cut_at=st.none() | TIMES,
    room=st.none() | st.integers(0, 20),
    needs=st.dictionaries(MODELS, st.integers(0, 9).flatmap(lambda low: st.builds(Span, st.just(low), st.integers(low, 12)))),
    limits=st.builds(Limits, beside=st.booleans(), margin=st.integers(0, 2), unload_after_idle=TIMES),
)  # fmt: skip


@given(SITUATIONS)
def test_two_models_are_never_loaded_at_once(situation: Situation) -> None:
    if isinstance(action := plan(situation), Start):
        assert not any(resident.coming_up for resident in situation.residents)
        assert situation.resident(action.model) is None
        assert action.model not in situation.failed
        assert not situation.paused


@given(SITUATIONS)
def test_a_model_is_started_beside_others_only_where_it_fits_with_margin(situation: Situation) -> None:
    if isinstance(action := plan(situation), Start) and any(not one.pinned for one in situation.residents):
        need = situation.needs[action.model]
        assert situation.limits.beside
        assert situation.room is not None
        assert need.high + situation.limits.margin <= situation.room


@given(SITUATIONS)
def test_a_running_answer_is_cut_only_past_its_grace(situation: Situation) -> None:
    if isinstance(action := plan(situation), Stop):
        resident = situation.resident(action.model)
        assert resident is not None
        assert not resident.in_flight or situation.cut


@given(SITUATIONS)
def test_nothing_is_taken_from_who_has_borrowed_it(situation: Situation) -> None:
    lent = {claim.model for claim in situation.claims if claim.granted} - situation.leaving - situation.failed
    if situation.paused:
        return
    action = plan(situation)
    if isinstance(action, Stop):
        assert action.model not in lent
    if isinstance(action, Wait):
        assert not action.draining & lent


@given(SITUATIONS)
def test_nothing_pinned_goes_unless_it_is_told_to(situation: Situation) -> None:
    if isinstance(action := plan(situation), Stop) and not situation.paused:
        resident = situation.resident(action.model)
        assert resident is not None
        assert not resident.pinned or action.model in situation.leaving


@given(SITUATIONS)
def test_the_plan_never_waits_for_the_past(situation: Situation) -> None:
    action = plan(situation)
    if isinstance(action, Wait) and action.until is not None and situation.cut_at is None:
        assert action.until > situation.now
