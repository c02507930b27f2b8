"""What past switches tell, as pure functions of them."""

from __future__ import annotations

import pytest

from model_switcher.domain.history import Record, expected_seconds, presumably_cold, record_of, report
from model_switcher.domain.snapshot import Outcome, Reason, Result
from model_switcher.domain.states import Cause, Failure
from model_switcher.domain.units import GIB, MIB

BOOT = 1000.0


def load(
    model: str,
    seconds: float,
    *,
    size: int | None = GIB,
    cold: bool | None = False,
    result: Result = Result.SWITCHED,
    finished: float = 2000.0,
) -> Record:
    return Record(
        finished=finished,
        model=model,
        result=result,
        seconds=seconds + 0.1,
        size=size,
        load_seconds=seconds,
        cold=cold,
    )


def test_nothing_is_expected_where_nothing_is_known() -> None:
    assert expected_seconds([], "a", size=GIB, cold=None) is None
    assert expected_seconds([load("b", 3.0, size=None)], "a", size=GIB, cold=None) is None
    assert expected_seconds([load("b", 3.0)], "a", size=None, cold=None) is None


def test_the_median_of_the_last_few_loads_of_the_model_is_expected() -> None:
    old = [load("a", 100.0) for _ in range(5)]
    new = [load("a", seconds) for seconds in (2.0, 50.0, 3.0, 1.0, 4.0)]
    other = [load("b", 77.0) for _ in range(5)]
    assert expected_seconds([*old, *new, *other], "a", size=GIB, cold=False) == 3.0


def test_cold_and_warm_loads_are_kept_apart_and_what_is_not_known_belongs_to_neither() -> None:
    records = [load("a", 2.0, cold=False), load("a", 20.0, cold=True), load("a", 300.0, cold=None)]
    assert expected_seconds(records, "a", size=GIB, cold=False) == 2.0
    assert expected_seconds(records, "a", size=GIB, cold=True) == 20.0
    assert expected_seconds(records, "a", size=GIB, cold=None) == 20.0
    assert expected_seconds(records[:1], "a", size=GIB, cold=True) is None


def test_a_load_that_failed_says_nothing_about_the_next() -> None:
    records = [load("a", 2.0), load("a", 0.1, result=Result.ROLLED_BACK)]
    assert expected_seconds(records, "a", size=GIB, cold=False) == 2.0


def test_a_file_that_was_replaced_by_one_of_another_size_is_another_model() -> None:
    records = [load("a", 2.0, size=GIB)]
    assert expected_seconds(records, "a", size=4 * GIB, cold=False) == 8.0


def test_other_models_tell_by_a_line_through_their_loads() -> None:
    # A quarter of a second, and 2 GiB a second.
    records = [load("tiny", 0.25, size=1), load("b", 0.75), load("c", 1.25, size=2 * GIB)]
    assert expected_seconds(records, "a", size=4 * GIB, cold=False) == pytest.approx(2.25)
    odd = [*records, load("d", 1.5, size=5 * GIB // 2), load("e", 30.0, size=3 * GIB)]
    assert expected_seconds(odd, "a", size=4 * GIB, cold=False) < 5.0  # type: ignore[operator]


def test_a_line_is_not_followed_to_models_far_larger_than_any_before() -> None:
    assert expected_seconds([load("tiny", 0.05, size=MIB)], "a", size=GIB, cold=False) is None


def test_a_file_is_presumed_cold_until_it_was_loaded_since_the_start_of_the_system() -> None:
    before = [load("a", 2.0, finished=BOOT - 1)]
    assert presumably_cold(before, "a", size=GIB, booted=BOOT, available=8 * GIB)
    since = [*before, load("a", 2.0, finished=BOOT + 1)]
    assert not presumably_cold(since, "a", size=GIB, booted=BOOT, available=8 * GIB)
    assert presumably_cold(since, "b", size=GIB, booted=BOOT, available=8 * GIB)


def test_a_file_is_presumed_cold_when_what_was_loaded_since_took_its_place() -> None:
    records = [load("a", 2.0), load("b", 2.0, size=3 * GIB), load("c", 2.0, result=Result.NOTHING_LEFT)]
    assert not presumably_cold(records, "a", size=GIB, booted=BOOT, available=4 * GIB)
    assert presumably_cold(records, "a", size=GIB, booted=BOOT, available=4 * GIB - 1)


def test_an_outcome_becomes_a_record_with_its_cause() -> None:
    failure = Failure(cause=Cause.MODEL_DAMAGED, sentence="It is damaged", log=("line",))
    outcome = Outcome(
        result=Result.ROLLED_BACK,
        target="a",
        serving="b",
        seconds=3.0,
        finished=5.0,
        phases={"start": 2.5},
        failure=failure,
        reason=Reason.LEASE,
    )
    record = record_of(outcome, size=7, engine="fake 1", load_seconds=1.0, cold=True)
    assert record == Record(
        finished=5.0,
        model="a",
        result=Result.ROLLED_BACK,
        seconds=3.0,
        reason=Reason.LEASE,
        serving="b",
        phases={"start": 2.5},
        size=7,
        engine="fake 1",
        load_seconds=None,  # what was loaded then was another model
        cold=True,
        cause=Cause.MODEL_DAMAGED,
        sentence="It is damaged",
    )


def test_where_there_was_nothing_to_switch_there_is_no_record() -> None:
    for result in (Result.ALREADY, Result.CHOSEN):
        outcome = Outcome(result=result, target="a", serving="a", seconds=0.0, finished=1.0)
        assert record_of(outcome, size=1, engine=None, load_seconds=None, cold=None) is None


def test_a_report_has_rates_of_all_and_of_each_model_without_what_was_cancelled() -> None:
    records = [
        load("b", 9.0, cold=True),
        load("a", 2.0),
        load("a", 4.0),
        load("a", 1.0, result=Result.REFUSED),
        load("a", 1.0, result=Result.CANCELLED, finished=2001.0),
    ]
    shown = report(records, limit=2)
    assert shown.records == (records[4], records[3])
    assert (shown.total.switches, shown.total.succeeded, shown.total.cancelled) == (4, 3, 1)
    assert shown.total.success_rate == 0.75
    assert [summary.model for summary in shown.models] == ["a", "b"]
    assert shown.models[0].success_rate == 2 / 3
    assert (shown.models[0].warm_seconds, shown.models[0].cold_seconds) == (3.0, None)
    assert (shown.models[1].warm_seconds, shown.models[1].cold_seconds) == (None, 9.0)


def test_a_report_of_nothing_has_no_rate() -> None:
    shown = report([])
    assert shown.records == ()
    assert shown.models == ()
    assert shown.total.success_rate is None
