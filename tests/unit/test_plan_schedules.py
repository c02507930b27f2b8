"""`plan` in simulated time, over thousands of random schedules: nobody is forgotten, nobody waits too long, nothing thrashes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.schedule import Lease, Request, Schedule
from model_switcher.domain.plan import Limits

MODELS = st.sampled_from("abc")
REQUESTS = st.lists(
    st.builds(
        Request,
        at=st.floats(0, 200).map(lambda time: round(time, 1)),
        model=MODELS,
        takes=st.floats(0.1, 20).map(lambda time: round(time, 1)),
    ),
    min_size=1,
    max_size=25,
)
LEASES = st.lists(st.builds(Lease, at=st.floats(0, 200), model=MODELS, lasts=st.floats(0.1, 40)), max_size=3)
SIZES = {"a": 4, "b": 4, "c": 5}
MANY = settings(max_examples=700, deadline=None)


def ran(schedule: Schedule) -> Schedule:
    schedule.run()
    lost = [item for item in (*schedule.requests, *schedule.leases) if item.ended is None]
    assert not lost
    assert schedule.late == []
    return schedule


def in_order_of_arrival(schedule: Schedule) -> int:
    """Loads that serving one request after the other would cost, with the same returns of the user's choice in between."""
    events = [(request.at, request.model, True) for request in schedule.requests]
    events += [(when, schedule.selected, False) for when in schedule.returns]
    loads, current = 0, schedule.selected
    for _, model, counts in sorted(events, key=lambda event: event[0]):
        loads += model != current and counts
        current = model
    return loads


@MANY
@given(REQUESTS)
def test_taking_turns_costs_no_more_loads_than_serving_in_order_of_arrival(requests: list[Request]) -> None:
    schedule = ran(Schedule(requests))
    assert len(schedule.loads) <= in_order_of_arrival(schedule)


@MANY
@given(REQUESTS, LEASES)
def test_no_request_and_no_lease_is_forgotten(requests: list[Request], leases: list[Lease]) -> None:
    schedule = ran(Schedule(requests, leases=leases))
    granted = [lease.granted for lease in schedule.leases]
    assert granted == sorted(granted, key=lambda time: time or 0), "first in, first out"


@MANY
@given(REQUESTS, LEASES, st.integers(5, 14))
def test_beside_each_other_models_never_take_more_than_there_is(
    requests: list[Request], leases: list[Lease], room: int
) -> None:
    schedule = ran(Schedule(requests, leases=leases, limits=Limits(beside=True), room=room, sizes=SIZES))
    assert schedule.most_taken <= room


@MANY
@given(REQUESTS)
def test_what_is_resident_is_never_loaded_again_while_everything_fits(requests: list[Request]) -> None:
    schedule = ran(Schedule(requests, limits=Limits(beside=True), room=13, sizes=SIZES))
    assert sorted(schedule.loads) == sorted(set(schedule.loads))


def test_a_client_that_pauses_between_its_requests_does_not_make_models_come_and_go() -> None:
    pausing = [Request(at=10 + 5.0 * n, model="b", takes=2) for n in range(20)]
    schedule = ran(Schedule(pausing))
    assert [model for _, model, _ in schedule.starts] == ["b", "a"]
    back = schedule.starts[-1][0]
    assert back >= pausing[-1].at + 2 + Limits().return_after


def test_two_clients_that_pause_each_get_their_model_with_one_load_a_turn() -> None:
    turns = [Request(at=4.0 * n, model="ab"[n % 2], takes=1) for n in range(40)]
    schedule = ran(Schedule(turns))
    assert len(schedule.loads) <= 39


def test_a_client_that_never_pauses_does_not_starve_another() -> None:
    greedy = [Request(at=0.5 * n, model="a", takes=1) for n in range(200)]
    other = Request(at=5, model="b", takes=1)
    ran(Schedule([*greedy, other]))
    assert other.begun is not None
    assert other.begun <= 5 + Limits().starvation_bound + 1 + 0.5 + 2 + 0.1
