"""How far a switch is, at every moment."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_switcher.domain.progress import Progress, progress
from model_switcher.domain.snapshot import Phase

SECONDS = st.floats(0, 1e5)
PARTS = st.none() | st.floats(0, 1)


def start(elapsed: float, engine: float | None, expected: float | None, previous: float = 0.0) -> Progress:
    return progress(phase=Phase.START, elapsed=elapsed, engine=engine, expected=expected, previous=previous)


@given(phase=st.sampled_from(Phase), elapsed=SECONDS, engine=PARTS, expected=st.none() | SECONDS)
def test_a_figure_is_a_part_that_only_the_end_makes_whole(
    phase: Phase, elapsed: float, engine: float | None, expected: float | None
) -> None:
    figure = progress(phase=phase, elapsed=elapsed, engine=engine, expected=expected)
    assert 0 <= figure.fraction < 1
    assert figure.seconds_left is None or figure.seconds_left >= 0


@given(st.lists(st.tuples(SECONDS, PARTS), max_size=20), st.none() | SECONDS)
def test_a_figure_never_goes_back(moments: list[tuple[float, float | None]], expected: float | None) -> None:
    shown = [0.0]
    for phase in Phase:
        for elapsed, engine in moments:
            figure = progress(
                phase=phase, elapsed=elapsed, engine=engine, expected=expected, previous=shown[-1]
            )
            shown.append(figure.fraction)
    assert shown == sorted(shown)


def test_the_load_is_nearly_all_of_a_switch() -> None:
    before = progress(phase=Phase.STOP, elapsed=60.0, engine=None, expected=None)
    assert before.fraction <= 0.1 <= start(0.0, None, None).fraction


def test_what_is_left_comes_from_history_before_the_engine_reports() -> None:
    assert start(4.0, None, 10.0).seconds_left == 6.0
    assert start(4.0, 0.001, 10.0).seconds_left == 6.0
    assert start(0.0, None, 10.0).fraction < start(5.0, None, 10.0).fraction < start(9.0, None, 10.0).fraction


def test_what_is_left_comes_from_the_engine_where_there_is_no_history() -> None:
    assert start(3.0, 0.25, None).seconds_left == 9.0
    assert start(3.0, 0.25, None).fraction < start(3.0, 0.5, None).fraction


def test_a_load_that_is_slower_than_ever_moves_what_is_left_towards_the_engines_word() -> None:
    # Expected 10 s; the engine has read a tenth in 5 s, which makes 45 s more.
    early = start(5.0, 0.1, 10.0).seconds_left
    later = start(9.0, 0.18, 10.0).seconds_left
    overdue = start(25.0, 0.5, 10.0).seconds_left
    assert early == pytest.approx(0.95 * 5 + 0.05 * 45)
    assert later is not None
    assert 1 < later < 41
    assert overdue == 25.0


def test_nobody_knows_how_long_it_takes_once_it_is_overdue_and_the_engine_has_read_all() -> None:
    for engine in (None, 1.0):
        figure = start(12.0, engine, 10.0)
        assert figure.seconds_left is None
        assert 0.9 < figure.fraction < start(30.0, engine, 10.0).fraction < 1


def test_nobody_knows_how_long_running_answers_take() -> None:
    assert progress(phase=Phase.DRAIN, elapsed=1.0, engine=None, expected=10.0).seconds_left is None
    assert progress(phase=Phase.PREFLIGHT, elapsed=0.1, engine=None, expected=10.0).seconds_left == 10.0
