from __future__ import annotations

import pytest

from model_switcher.domain.fit import (
    ASSUMED_NVIDIA,
    Holding,
    Place,
    Space,
    bounds,
    driver_of,
    fit,
    held,
    place_of,
    space,
    takes,
)
from model_switcher.domain.memory import Gpu, GpuProcess, Ram, Readings
from model_switcher.domain.need import Amount, Fit, FitKind, Need, Source


def need(
    device: int = 0, host: int = 0, *, mapped: int = 0, doubt: int = 0, driver: int | None = None
) -> Need:
    return Need(
        device=Amount(weights=device),
        host=Amount(weights=mapped, cache=host - mapped),
        source=Source.RULES,
        ctx_size=4096,
        low=max(0, device - doubt),
        high=device + doubt,
        driver=driver,
    )


def gpu(
    free: int | None, *processes: GpuProcess, source: str = "amdgpu", integrated: bool = False, index: int = 0
) -> Gpu:
    return Gpu(
        index=index, name="Radeon", source=source, total=100, used=None, free=free,
        processes=processes or None, id=f"card {index}", integrated=integrated,
    )  # fmt: skip


def readings(*gpus: Gpu, available: int = 50, rss: dict[int, int] | None = None) -> Readings:
    return Readings(time=1.0, gpus=gpus, ram=Ram(total=100, available=available), servers_rss=rss)


def room(free: int | None, ours: int | None = 0, *, servers: int = 0, driver: int = 0) -> Space:
    return Space(place=Place.GPU, free=free, ours=ours, servers=servers, driver=driver)


@pytest.mark.parametrize(
    ("wanted", "there", "kind", "shortfall"),
    [
        pytest.param(need(20), room(30, 40, servers=1), FitKind.BESIDE, None, id="beside with margin"),
        pytest.param(need(20), room(29, 40, servers=1), FitKind.ALONE, None, id="beside only without: alone"),
        pytest.param(need(20), room(30), FitKind.ALONE, None, id="beside nothing is alone"),
        pytest.param(need(20), room(0, 30, servers=1), FitKind.ALONE, None, id="alone, once ours has gone"),
        pytest.param(need(20), room(5, 24, servers=1), FitKind.TIGHT, None, id="within the margin"),
        pytest.param(need(20), room(5, 15, servers=1), FitKind.TIGHT, None, id="to the last byte"),
        pytest.param(need(20), room(5, 14, servers=1), FitKind.SHORT, 1, id="one byte too little"),
        pytest.param(need(20, doubt=5), room(31, 9, servers=1), FitKind.ALONE, None, id="beside counts at most"),
        pytest.param(need(20, doubt=5), room(16), FitKind.TIGHT, None, id="alone counts at least"),
        pytest.param(need(20), room(25, driver=6), FitKind.SHORT, 1, id="the driver's part is missing"),
        pytest.param(need(20, driver=1), room(25, driver=9), FitKind.TIGHT, None, id="a measured one wins"),
        pytest.param(need(20), room(None), FitKind.UNKNOWN, None, id="nobody knows what is free"),
        pytest.param(need(20), room(5, None, servers=1), FitKind.UNKNOWN, None, id="nor what ours would give back"),
        pytest.param(need(20), room(30, None, servers=1), FitKind.BESIDE, None, id="which is not needed for beside"),
    ],
)  # fmt: skip
def test_each_need_has_its_fit(wanted: Need, there: Space, kind: FitKind, shortfall: int | None) -> None:
    found = fit(wanted, there, margin=10)
    most = bounds(wanted, Place.GPU, driver=there.driver)[1]
    assert found == Fit(kind=kind, need=most, shortfall=shortfall)


def test_what_is_loaded_is_resident_whatever_is_free() -> None:
    assert fit(need(20), room(0), resident=True) == Fit(kind=FitKind.RESIDENT, need=20)
    assert fit(None, room(0), resident=True) == Fit(kind=FitKind.RESIDENT)
    assert fit(None, room(100)) == Fit(kind=FitKind.UNKNOWN)


@pytest.mark.parametrize(
    ("wanted", "now", "place"),
    [
        pytest.param(None, readings(gpu(5)), Place.GPU, id="a card counts"),
        pytest.param(None, readings(gpu(None)), Place.RAM, id="not one that tells nothing"),
        pytest.param(None, readings(), Place.RAM, id="without a card main memory counts"),
        pytest.param(need(5), readings(gpu(5)), Place.GPU, id="a need on a card"),
        pytest.param(need(0, 5), readings(gpu(5)), Place.RAM, id="a need that takes nothing of it"),
        pytest.param(need(5), readings(), Place.GPU, id="a need on a GPU of which nothing is known"),
        pytest.param(need(5), readings(gpu(5, integrated=True)), Place.RAM, id="an integrated GPU has none of its own"),
    ],
)  # fmt: skip
def test_one_memory_counts(wanted: Need | None, now: Readings, place: Place) -> None:
    assert place_of(wanted, now) is place


def test_several_cards_count_together_and_all_have_to_be_known() -> None:
    assert space(readings(gpu(5), gpu(7, index=1)), Place.GPU, ()).free == 12
    assert space(readings(gpu(5), gpu(None, index=1)), Place.GPU, ()).free is None
    assert space(readings(), Place.GPU, ()).free is None


def test_what_other_programs_took_since_is_missing() -> None:
    ours = Holding(pid=7, need=need(30))
    before = space(readings(gpu(60, GpuProcess(pid=7, name="a", used=31))), Place.GPU, [ours])
    after = space(readings(gpu(20, GpuProcess(pid=7, name="a", used=31))), Place.GPU, [ours])
    assert fit(need(25), before, margin=5).kind is FitKind.BESIDE
    assert fit(need(25), after, margin=5).kind is FitKind.ALONE
    assert fit(need(55), after, margin=5) == Fit(kind=FitKind.SHORT, need=55, shortfall=4)


def test_a_server_holds_what_the_driver_says_else_what_it_needs() -> None:
    told = readings(gpu(9, GpuProcess(pid=7, name="a", used=31)))
    assert held(told, Place.GPU, Holding(pid=7, need=need(30))) == 31
    assert held(told, Place.GPU, Holding(pid=8, need=need(30)), driver=4) == 34
    assert held(told, Place.GPU, Holding(pid=8, need=None)) is None
    assert held(readings(gpu(9)), Place.GPU, Holding(pid=7, need=need(30, driver=2))) == 32


def test_a_server_that_is_unknown_makes_the_whole_unknown() -> None:
    there = space(readings(gpu(9)), Place.GPU, [Holding(pid=7, need=None)])
    assert (there.free, there.ours, there.whole, there.servers) == (9, None, None, 1)


def test_files_that_a_server_has_mapped_count_as_used_and_come_back_with_it() -> None:
    # Of 40 that are resident 25 are mapped, and the system counts those as available.
    now = readings(available=60, rss={7: 40})
    there = space(now, Place.RAM, [Holding(pid=7, need=need(0, 40, mapped=25))])
    assert there.free == 35
    assert there.whole == 75, "what is available, and what the server allocated"


def test_on_main_memory_both_parts_of_a_need_count() -> None:
    shared = need(20, 5, doubt=2)
    assert bounds(shared, Place.RAM) == (23, 27)
    assert takes(shared, Place.RAM) == 27
    assert takes(shared, Place.GPU, driver=3) == 25
    assert takes(need(0, 5), Place.GPU, driver=3) == 0, "who uses no GPU has no part of its driver"
    assert takes(None, Place.RAM) is None


def test_the_driver_of_nvidia_is_assumed_to_hold_something() -> None:
    assert driver_of(readings(gpu(5))) == 0
    assert driver_of(readings(gpu(5, source="nvml"))) == ASSUMED_NVIDIA
    assert space(readings(gpu(5, source="nvml")), Place.GPU, ()).driver == ASSUMED_NVIDIA
    assert space(readings(gpu(5, source="nvml")), Place.RAM, ()).driver == 0
