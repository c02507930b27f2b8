"""What the user is told of changes: once for each event, and only what was asked for."""

from __future__ import annotations

from dataclasses import replace

from fakes import snapshots
from model_switcher.desktop.notices import Notice, notices
from model_switcher.domain.settings import DesktopSettings
from model_switcher.domain.snapshot import Outcome, Result, Snapshot
from model_switcher.domain.states import Failure, ServerState

USUAL = DesktopSettings().notifications
WHY = (
    "The GPU has too little free memory for it. "
    "Close other programs that use the GPU, or set a smaller ctx-size."
)
CRASH = Failure(cause="engine-crashed", sentence="The engine was killed by SIGKILL")


def switched(result: Result = Result.SWITCHED, *, failure: Failure | None = None) -> Snapshot:
    outcome = Outcome(
        result=result,
        target=snapshots.QWEN.id,
        serving=snapshots.NEMOTRON.id,
        seconds=3.2,
        finished=10.0,
        failure=failure,
    )
    return replace(snapshots.ready(), outcome=outcome)


def test_a_switch_that_was_rolled_back_is_told_with_cause_hint_and_what_is_served() -> None:
    told = notices(snapshots.loading(), snapshots.rolled_back(), USUAL)
    assert told == [Notice("rolled back", "Qwen3 8B could not be loaded", f"{WHY} Nemotron Nano 8B is back.")]


def test_a_switch_after_which_nothing_is_served_is_told_once() -> None:
    told = notices(snapshots.loading(), snapshots.failed(), USUAL)
    assert told == [Notice("failed", "Qwen3 8B could not be loaded", f"{WHY} Nothing is served now.")]


def test_the_same_event_is_not_told_twice_when_failure_and_outcome_come_one_after_the_other() -> None:
    failure_only = replace(snapshots.failed(), outcome=None)
    first = notices(snapshots.loading(), failure_only, USUAL)
    second = notices(failure_only, snapshots.failed(), USUAL)
    third = notices(snapshots.failed(), replace(snapshots.failed(), number=99), USUAL)
    assert (len(first), second, third) == (1, [], [])


def test_a_failure_within_a_switch_waits_for_the_outcome() -> None:
    during = replace(snapshots.loading(), failure=snapshots.OUT_OF_MEMORY)
    assert notices(snapshots.loading(), during, USUAL) == []
    assert len(notices(during, snapshots.failed(), USUAL)) == 1


def test_the_same_failure_of_a_second_try_is_told_again() -> None:
    again = snapshots.failed()
    assert again.outcome is not None
    again = replace(again, outcome=replace(again.outcome, finished=50.0))
    assert len(notices(snapshots.failed(), again, USUAL)) == 1


def test_a_refused_switch_says_that_the_old_model_keeps_running() -> None:
    told = notices(snapshots.ready(), switched(Result.REFUSED, failure=snapshots.OUT_OF_MEMORY), USUAL)
    assert told == [Notice("failed", "Qwen3 8B was not loaded", f"{WHY} Nemotron Nano 8B keeps running.")]


def test_a_switch_that_succeeds_is_told_only_on_request() -> None:
    assert notices(snapshots.loading(), switched(), USUAL) == []
    assert notices(snapshots.loading(), switched(), ("switched",)) == [
        Notice("switched", "Qwen3 8B is ready", "Loaded in 3.2 s.", warning=False)
    ]


def test_what_the_user_did_himself_is_no_news() -> None:
    for result in (Result.CANCELLED, Result.ALREADY):
        assert notices(snapshots.loading(), switched(result), USUAL) == []
    assert notices(snapshots.ready(), snapshots.stopped(), USUAL) == []


def test_a_crash_is_told_when_its_server_is_seen_to_have_failed() -> None:
    dead = replace(snapshots.ready(), servers=(snapshots.server(state=ServerState.FAILED),), failure=CRASH)
    told = notices(snapshots.ready(), dead, USUAL)
    assert told == [
        Notice("crashed", "Nemotron Nano 8B stopped unexpectedly", "The engine was killed by SIGKILL.")
    ]
    assert notices(dead, replace(dead, servers=()), USUAL) == []


def test_a_crash_is_told_when_its_server_was_seen_to_stop_first_and_that_it_is_started_again() -> None:
    stopping = replace(snapshots.ready(), servers=(snapshots.server(state=ServerState.STOPPING),))
    dead = replace(snapshots.ready(), servers=(snapshots.server(state=ServerState.FAILED),))
    assert notices(snapshots.ready(), stopping, USUAL) == []
    assert notices(stopping, dead, USUAL) == [
        Notice("crashed", "Nemotron Nano 8B stopped unexpectedly", "It is started again.")
    ]
    assert notices(dead, replace(dead, number=9), USUAL) == []


def test_a_server_that_fails_while_it_is_meant_to_stop_is_no_crash() -> None:
    dead = replace(snapshots.stopped(), servers=(snapshots.server(state=ServerState.FAILED),))
    assert notices(snapshots.ready(), dead, USUAL) == []


def test_a_crash_is_told_when_the_dead_server_was_never_seen() -> None:
    gone = replace(snapshots.ready(), servers=(), failure=CRASH)
    assert [notice.kind for notice in notices(snapshots.ready(), gone, USUAL)] == ["crashed"]


def test_kinds_that_the_settings_leave_out_are_not_told() -> None:
    assert notices(snapshots.loading(), snapshots.rolled_back(), ("crashed",)) == []
    assert notices(snapshots.loading(), snapshots.failed(), ("crashed",)) == []


def test_the_first_snapshot_tells_what_went_wrong_before_it() -> None:
    assert [notice.kind for notice in notices(None, snapshots.failed(), USUAL)] == ["failed"]
    assert notices(None, snapshots.ready(), USUAL) == []


def test_a_notice_about_the_instance_is_told_once_whatever_the_settings_say() -> None:
    noted = replace(snapshots.ready(), notice="The settings file has 2 problems.")
    assert notices(snapshots.ready(), noted, ()) == [
        Notice("instance", "Model Switcher", "The settings file has 2 problems.")
    ]
    assert notices(noted, replace(noted, number=50), ()) == []
