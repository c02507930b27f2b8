"""When memory counts as given back: tables of readings before and after."""

from __future__ import annotations

from dataclasses import replace

import pytest

from model_switcher.domain.memory import Gpu, GpuProcess, Ram, Readings
from model_switcher.domain.release import Evidence, Proven, Taker, Unproven, Waiting, held_by, released
from model_switcher.domain.units import MIB

SERVER, CHILD, GAME = 100, 101, 200
HELD = 5000


def gpu(free: int | None, processes: dict[int, int | None] | None, *, name: str = "RTX") -> Gpu:
    """A card of 16,000 MiB; figures in MiB by pid."""
    return Gpu(
        index=0,
        name=name,
        source="nvml",
        total=16_000 * MIB,
        used=None if free is None else (16_000 - free) * MIB,
        free=None if free is None else free * MIB,
        id=f"GPU-{name}",
        processes=None
        if processes is None
        else tuple(
            GpuProcess(pid=pid, name=f"program {pid}", used=None if used is None else used * MIB)
            for pid, used in processes.items()
        ),
    )


def at(*gpus: Gpu, running: tuple[int, ...] = (), kin: dict[int, int] | None = None) -> Readings:
    return Readings(time=0.0, gpus=gpus, kin=kin or {}, servers_rss=dict.fromkeys(running, 1))


BEFORE = at(gpu(9_000, {SERVER: HELD, GAME: 1_000}), running=(SERVER,))


def verdict(
    before: Readings, after: Readings, *, held: int | None = None, waited: float = 0.1
) -> Proven | Waiting | Unproven:
    held = None if held is None else held * MIB
    return released(before, after, pids=frozenset({SERVER}), held=held, waited=waited, bound=10.0)


def test_the_process_is_gone_and_free_memory_rose_by_what_it_held() -> None:
    assert verdict(BEFORE, at(gpu(14_000, {GAME: 1_000}))) == Proven(
        evidence=Evidence.MEMORY, gained=HELD * MIB
    )


@pytest.mark.parametrize("waited", [0.0, 3.0, 8.0, 9.9])
def test_a_counter_that_stays_as_it_was_proves_nothing_however_often_it_is_read(waited: float) -> None:
    frozen = at(gpu(9_000, {GAME: 1_000}))
    assert verdict(BEFORE, frozen, waited=waited) == Waiting(missing=HELD * MIB)


def test_past_the_bound_a_frozen_counter_is_the_drivers() -> None:
    frozen = at(gpu(9_000, {GAME: 1_000}))
    assert verdict(BEFORE, frozen, waited=10.0) == Unproven(
        holder="the driver", missing=HELD * MIB, device="RTX"
    )


def test_a_part_that_is_missing_is_waited_for() -> None:
    assert verdict(BEFORE, at(gpu(12_000, {GAME: 1_000}))) == Waiting(missing=2_000 * MIB)


def test_the_drivers_own_coming_and_going_is_no_missing_part() -> None:
    assert isinstance(verdict(BEFORE, at(gpu(13_940, {GAME: 1_000}))), Proven)
    assert isinstance(verdict(BEFORE, at(gpu(13_930, {GAME: 1_000}))), Waiting)


def test_of_a_small_server_a_small_part_is_missed() -> None:
    before = at(gpu(9_000, {SERVER: 16}))
    assert verdict(before, at(gpu(9_000, {}))) == Waiting(missing=16 * MIB)
    assert isinstance(verdict(before, at(gpu(9_014, {}))), Proven)


def test_a_process_in_the_list_still_holds_whatever_the_counter_says() -> None:
    after = at(gpu(14_000, {SERVER: HELD, GAME: 1_000}))
    assert verdict(BEFORE, after) == Waiting(missing=HELD * MIB)
    assert verdict(BEFORE, after, waited=11.0) == Unproven(
        holder="program 100", missing=HELD * MIB, device="RTX"
    )


def test_a_process_that_still_runs_has_given_nothing_back() -> None:
    after = at(gpu(14_000, {GAME: 1_000}), running=(SERVER,))
    assert verdict(BEFORE, after) == Waiting()
    assert verdict(BEFORE, after, waited=11.0) == Unproven(holder="process 100")


def test_what_the_server_started_has_to_be_gone_too() -> None:
    before = at(gpu(9_000, {SERVER: 10, CHILD: 4_990}), kin={CHILD: SERVER})
    left = at(gpu(9_010, {CHILD: 4_990}), kin={CHILD: SERVER})
    assert verdict(before, left) == Waiting(missing=4_990 * MIB)
    assert verdict(before, at(gpu(14_000, {}))) == Proven(evidence=Evidence.MEMORY, gained=HELD * MIB)


def test_growth_of_another_program_explains_what_did_not_become_free() -> None:
    after = at(gpu(11_000, {GAME: 4_000}))
    assert verdict(BEFORE, after) == Proven(
        evidence=Evidence.MEMORY,
        gained=HELD * MIB,
        takers=(Taker(name="program 200", pid=GAME, used=3_000 * MIB),),
    )


def test_a_program_that_came_meanwhile_explains_it_too() -> None:
    after = at(gpu(11_500, {GAME: 1_000, 300: 2_500}))
    assert verdict(BEFORE, after) == Proven(
        evidence=Evidence.MEMORY,
        gained=HELD * MIB,
        takers=(Taker(name="program 300", pid=300, used=2_500 * MIB),),
    )


def test_what_another_program_gave_back_is_not_taken_for_ours() -> None:
    before = at(gpu(5_000, {SERVER: HELD, GAME: 5_000}))
    assert verdict(before, at(gpu(10_000, {}))) == Waiting(missing=HELD * MIB)


def test_a_program_whose_share_the_driver_keeps_silent_about_is_named_past_the_bound() -> None:
    after = at(gpu(9_000, {GAME: 1_000, 300: None}))
    assert verdict(BEFORE, after, waited=11.0) == Unproven(
        holder="program 300", missing=HELD * MIB, device="RTX"
    )


def test_every_gpu_that_it_was_on_has_to_be_free() -> None:
    before = at(gpu(9_000, {SERVER: 2_000}, name="A"), gpu(9_000, {SERVER: 3_000}, name="B"))
    half = at(gpu(11_000, {}, name="A"), gpu(9_000, {}, name="B"))
    assert verdict(before, half) == Waiting(missing=3_000 * MIB)
    whole = at(gpu(11_000, {}, name="A"), gpu(12_000, {}, name="B"))
    assert verdict(before, whole) == Proven(evidence=Evidence.MEMORY, gained=HELD * MIB)


def test_gpus_are_told_apart_by_their_id_not_by_their_place() -> None:
    before = at(gpu(9_000, {SERVER: HELD}, name="A"), gpu(1_000, {}, name="B"))
    after = at(gpu(1_000, {}, name="B"), gpu(14_000, {}, name="A"))
    assert isinstance(verdict(before, after), Proven)


def test_a_gpu_that_does_not_answer_is_waited_for() -> None:
    assert verdict(BEFORE, at()) == Waiting()
    assert verdict(BEFORE, at(), waited=11.0) == Unproven(
        holder="the driver: the GPU does not answer", device="RTX"
    )


def test_without_process_figures_free_memory_has_to_rise_by_what_is_known_otherwise() -> None:
    before = at(gpu(9_000, None))
    assert verdict(before, at(gpu(9_000, None)), held=HELD) == Waiting(missing=HELD * MIB)
    assert verdict(before, at(gpu(14_000, None)), held=HELD) == Proven(
        evidence=Evidence.MEMORY, gained=HELD * MIB
    )
    assert verdict(before, at(gpu(9_000, None)), held=HELD, waited=11.0) == Unproven(
        holder="another program or the driver", missing=HELD * MIB, device="RTX"
    )


def test_a_driver_that_names_our_process_and_not_its_share_tells_nothing_else() -> None:
    before = at(gpu(9_000, {SERVER: None}))
    assert verdict(before, at(gpu(9_000, {})), held=HELD) == Waiting(missing=HELD * MIB)
    assert verdict(before, at(gpu(9_000, {}))) == Proven(evidence=Evidence.PROCESS)


def test_a_driver_that_does_not_see_our_process_is_held_to_what_is_known_otherwise() -> None:
    before = at(gpu(9_000, {}))
    assert verdict(before, at(gpu(9_000, {})), held=HELD) == Waiting(missing=HELD * MIB)
    assert isinstance(verdict(before, at(gpu(14_000, {})), held=HELD), Proven)


def test_without_a_gpu_the_end_of_the_process_is_all_there_is_to_prove() -> None:
    before = Readings(time=0.0, ram=Ram(total=8, available=2), servers_rss={SERVER: 5})
    assert verdict(before, replace(before, servers_rss={})) == Proven(evidence=Evidence.PROCESS)
    assert verdict(before, before) == Waiting()


def test_without_figures_the_end_of_the_process_is_all_there_is_to_prove() -> None:
    assert verdict(at(gpu(None, None)), at(gpu(None, None)), held=HELD) == Proven(evidence=Evidence.PROCESS)


def test_memory_that_is_main_memory_proves_nothing_about_a_card() -> None:
    before = at(replace(gpu(9_000, None), integrated=True))
    assert verdict(before, before, held=HELD) == Proven(evidence=Evidence.PROCESS)


def test_what_is_held_is_the_sum_over_all_cards() -> None:
    readings = at(
        gpu(9_000, {SERVER: 2_000, CHILD: 5}, name="A"), gpu(9_000, {SERVER: 3_000}, name="B"),
        kin={CHILD: SERVER},
    )  # fmt: skip
    assert held_by(readings, [SERVER]) == 5_005 * MIB
    assert held_by(readings, [GAME]) == 0
    assert held_by(at(gpu(9_000, None)), [SERVER]) is None
    assert held_by(at(gpu(9_000, {SERVER: None})), [SERVER]) is None
    assert held_by(at(), [SERVER]) is None
