"""Every policy of `plan` is a row here; no process in sight."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_switcher.domain.plan import (
    Action,
    Cancel,
    Drain,
    GiveUp,
    Nothing,
    Resident,
    Situation,
    Start,
    Stop,
    WaitUntil,
    goal_of,
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
A_READY = Resident("a", READY)


@pytest.mark.parametrize(
    ("situation", "action"),
    [
        pytest.param(Situation(now=0), Nothing(), id="nothing wanted, nothing runs"),
        pytest.param(Situation(now=0, candidates=("a",)), Start("a"), id="the goal is started"),
        pytest.param(
            Situation(now=0, candidates=("a",), residents=(A_READY,)), Nothing(), id="the goal is served"
        ),
        pytest.param(
            Situation(now=0, candidates=("a",), residents=(Resident("a", LOADING),)),
            Nothing(),
            id="the goal loads",
        ),
        pytest.param(
            Situation(now=0, candidates=("b", "a"), residents=(A_READY,)),
            Stop("a"),
            id="an idle model is replaced",
        ),
        pytest.param(
            Situation(now=0, candidates=("b", "a"), residents=(Resident("a", READY, 2),)),
            Drain("a"),
            id="a busy model is drained",
        ),
        pytest.param(
            Situation(now=5, candidates=("b", "a"), residents=(Resident("a", READY, 2),), cut_at=6),
            Drain("a"),
            id="a cut waits for its grace",
        ),
        pytest.param(
            Situation(now=6, candidates=("b", "a"), residents=(Resident("a", READY, 2),), cut_at=6),
            Stop("a"),
            id="past its grace a cut ends running answers",
        ),
        pytest.param(
            Situation(now=0, candidates=("b", "a"), residents=(Resident("a", STOPPING),)),
            Nothing(),
            id="nothing starts before the old one is gone",
        ),
        pytest.param(
            Situation(now=0, candidates=("a",), residents=(Resident("a", STOPPING),)),
            Nothing(),
            id="chosen again while it stops: wait until it is gone",
        ),
        pytest.param(
            Situation(now=0, candidates=("c", "a"), residents=(Resident("b", LOADING),)),
            Cancel("b"),
            id="a third choice cancels the second",
        ),
        pytest.param(
            Situation(now=0, candidates=("c", "a"), residents=(Resident("b", STARTING),)),
            Cancel("b"),
            id="also one that has only just begun",
        ),
        pytest.param(
            Situation(now=0, candidates=("b", "a", "d"), failed=frozenset({"b"})),
            Start("a"),
            id="roll back to the old",
        ),
        pytest.param(
            Situation(now=0, candidates=("b", "a", "d"), failed=frozenset({"b", "a"})),
            Start("d"),
            id="fall back to the default",
        ),
        pytest.param(
            Situation(now=0, candidates=("b", "a"), failed=frozenset({"b", "a"})),
            GiveUp(),
            id="nothing is left",
        ),
        pytest.param(
            Situation(now=0, candidates=("a",), awake=False, residents=(A_READY,)),
            Stop("a"),
            id="asleep: unload",
        ),
        pytest.param(
            Situation(now=0, candidates=("a",), awake=False, residents=(Resident("a", LOADING),)),
            Cancel("a"),
            id="asleep while loading",
        ),
        pytest.param(
            Situation(now=0, candidates=("a",), awake=False), Nothing(), id="asleep: nothing starts"
        ),
        pytest.param(
            Situation(now=100.5, candidates=("a",), crashes={"a": (100.0,)}),
            WaitUntil(101.0),
            id="one second after the first crash",
        ),
        pytest.param(
            Situation(now=101, candidates=("a",), crashes={"a": (100.0,)}),
            Start("a"),
            id="then it starts again",
        ),
    ],
)
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
SITUATIONS = st.builds(
    Situation,
    now=st.floats(0, 1000),
    candidates=st.lists(MODELS, unique=True, max_size=3).map(tuple),
    awake=st.booleans(),
    residents=st.lists(
        st.builds(Resident, MODELS, st.sampled_from([STARTING, LOADING, READY, STOPPING]), st.integers(0, 3)),
        unique_by=lambda resident: resident.model,
        max_size=3,
    ).map(tuple),
    failed=st.frozensets(MODELS),
    crashes=st.dictionaries(MODELS, st.lists(st.floats(0, 1000), max_size=6).map(sorted).map(tuple)),
    cut_at=st.none() | st.floats(0, 1000),
)


@given(SITUATIONS)
def test_two_models_are_never_loaded_at_once(situation: Situation) -> None:
    if isinstance(action := plan(situation), Start):
        assert situation.residents == ()
        assert action.model == goal_of(situation)
        assert action.model not in situation.failed


@given(SITUATIONS)
def test_a_running_answer_is_cut_only_past_its_grace(situation: Situation) -> None:
    if isinstance(action := plan(situation), Stop):
        busy = any(resident.model == action.model and resident.in_flight for resident in situation.residents)
        assert not busy or (situation.cut_at is not None and situation.now >= situation.cut_at)
