"""Who holds the memory: every split adds up to the whole."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_switcher.domain.memory import Gpu, GpuProcess, Ram, Readings, gauge
from model_switcher.domain.owners import Owner, OwnerKind, Split, split
from model_switcher.domain.units import MIB

SERVER, SPEECH, DESKTOP, BROWSER = 100, 200, 300, 400
SERVERS = {SERVER: "nemotron"}


def process(pid: int, name: str | None, mib: int | None) -> GpuProcess:
    return GpuProcess(pid=pid, name=name, used=None if mib is None else mib * MIB)


def card(total: int, free: int, *processes: GpuProcess, silent: bool = False, **more: object) -> Gpu:
    gpu = Gpu(
        index=0,
        name="RTX",
        source="nvml",
        total=total * MIB,
        used=(total - free) * MIB,
        free=free * MIB,
        processes=None if silent else processes,
    )
    return replace(gpu, **more)  # type: ignore[arg-type]


def of(gpu: Gpu, servers: dict[int, str] | None = None, **more: object) -> Split:
    readings = Readings(time=0.0, gpus=(gpu,), **more)  # type: ignore[arg-type]
    (found,) = split(readings, SERVERS if servers is None else servers)
    assert sum(owner.used for owner in found.owners) == found.total == gpu.total
    return found


def mib(found: Split) -> list[tuple[str, str, int]]:
    return [(owner.kind.value, owner.name, owner.used // MIB) for owner in found.owners]


def test_a_users_own_sum() -> None:
    """2,034 MB that were there before, the model's 5,065 and speech recognition's 3,524, of 16,311."""
    gpu = card(
        16311,
        16311 - 2034 - 5065 - 3524,
        process(SERVER, "llama-server", 5065),
        process(SPEECH, "python3", 3524),
        process(DESKTOP, "Xorg", 900),
    )
    assert mib(of(gpu)) == [
        ("server", "nemotron", 5065),
        ("program", "python3", 3524),
        ("desktop and driver", "", 2034),
        ("free", "", 5688),
    ]


def test_programs_are_named_and_the_biggest_comes_first() -> None:
    gpu = card(1000, 100, process(1, "small", 10), process(2, "big", 300), process(3, None, 50))
    assert mib(of(gpu))[:3] == [
        ("program", "big", 300),
        ("program", "process 3", 50),
        ("program", "small", 10),
    ]


def test_processes_of_one_name_are_one_program() -> None:
    gpu = card(1000, 100, process(1, "firefox", 10), process(2, "other", 30), process(3, "firefox", 50))
    assert of(gpu).owners[0] == Owner(kind=OwnerKind.PROGRAM, name="firefox", used=60 * MIB, pids=(1, 3))


def test_each_server_is_an_owner_of_its_own() -> None:
    gpu = card(1000, 100, process(1, "llama-server", 10), process(2, "llama-server", 300))
    assert mib(of(gpu, {1: "a", 2: "b"}))[:2] == [("server", "a", 10), ("server", "b", 300)]


def test_what_a_server_started_counts_as_the_servers() -> None:
    gpu = card(1000, 100, process(SERVER, "python.exe", 10), process(7, "python.exe", 300))
    found = of(gpu, kin={7: SERVER})
    assert found.owners[0] == Owner(kind=OwnerKind.SERVER, name="nemotron", used=310 * MIB, pids=(SERVER, 7))


def test_a_server_of_another_instance_is_another_program() -> None:
    gpu = card(1000, 100, process(7, "llama-server", 300))
    assert mib(of(gpu, kin={7: 8}))[0] == ("program", "llama-server", 300)


def test_the_desktop_is_told_apart_on_windows() -> None:
    gpu = card(
        1000, 100, process(1, "dwm.exe", 200), process(2, "Explorer.EXE", 40), process(3, "game.exe", 60)
    )
    assert mib(of(gpu)) == [("program", "game.exe", 60), ("desktop and driver", "", 840), ("free", "", 100)]
    assert of(gpu).owners[1].pids == (1, 2)


def test_where_no_process_is_told_all_that_is_taken_is_one() -> None:
    assert mib(of(card(1000, 300, silent=True))) == [("everything else", "", 700), ("free", "", 300)]


def test_a_process_without_a_figure_may_hold_any_of_the_rest() -> None:
    gpu = card(1000, 300, process(SERVER, "llama-server", 100), process(1, "game.exe", None))
    assert mib(of(gpu)) == [("server", "nemotron", 100), ("everything else", "", 600), ("free", "", 300)]


def test_a_desktop_process_without_a_figure_leaves_the_rest_to_the_desktop() -> None:
    gpu = card(1000, 300, process(SERVER, "llama-server", 100), process(1, "Xorg", None))
    assert mib(of(gpu))[1] == ("desktop and driver", "", 600)


def test_what_the_driver_keeps_for_itself_is_neither_free_nor_a_programs() -> None:
    gpu = replace(card(1000, 300, process(1, "game", 500)), used=600 * MIB)
    assert mib(of(gpu))[1:] == [("desktop and driver", "", 200), ("free", "", 300)]


def test_memory_that_two_processes_share_is_not_counted_twice() -> None:
    gpu = card(1000, 400, process(SERVER, "llama-server", 500), process(1, "game", 500))
    assert mib(of(gpu)) == [
        ("server", "nemotron", 500),
        ("program", "game", 100),
        ("desktop and driver", "", 0),
        ("free", "", 400),
    ]


@pytest.mark.parametrize("unknown", [{"total": None}, {"used": None, "free": None}])
def test_a_gpu_without_figures_has_no_split(unknown: dict[str, None]) -> None:
    assert split(Readings(time=0.0, gpus=(replace(card(1000, 300), **unknown),)), {}) == ()  # type: ignore[arg-type]


def test_free_memory_follows_from_what_is_used_where_only_that_is_told() -> None:
    assert mib(of(replace(card(1000, 300, silent=True), free=None)))[-1] == ("free", "", 300)


def test_main_memory_is_split_too() -> None:
    readings = Readings(
        time=0.0, ram=Ram(total=1000, available=300), servers_rss={SERVER: 200, 7: 9}, gpu_problem="none"
    )
    (found,) = split(readings, SERVERS)
    assert (found.device, found.source) == ("ram", "psutil")
    assert [(owner.kind, owner.name, owner.used) for owner in found.owners] == [
        (OwnerKind.SERVER, "nemotron", 200),
        (OwnerKind.ELSE, "", 500),
        (OwnerKind.FREE, "", 300),
    ]
    assert found.used_by(OwnerKind.SERVER) == 200


def test_a_mapped_model_may_be_more_than_what_is_taken() -> None:
    readings = Readings(time=0.0, ram=Ram(total=1000, available=900), servers_rss={SERVER: 600})
    (found,) = split(readings, SERVERS)
    assert [owner.used for owner in found.owners] == [100, 0, 900]


FIGURES = st.one_of(st.none(), st.integers(min_value=0, max_value=10**12))
PROCESSES = st.lists(
    st.builds(
        GpuProcess,
        pid=st.integers(min_value=1, max_value=9),
        name=st.sampled_from(["a", "b", "Xorg", None]),
        used=FIGURES,
    ),
    max_size=8,
    unique_by=lambda process: process.pid,
)


@given(
    total=FIGURES,
    used=FIGURES,
    free=FIGURES,
    processes=st.one_of(st.none(), PROCESSES.map(tuple)),
    servers=st.dictionaries(st.integers(min_value=1, max_value=9), st.just("m"), max_size=3),
    kin=st.dictionaries(st.integers(min_value=1, max_value=9), st.integers(min_value=1, max_value=9)),
)
def test_whatever_a_driver_says_the_shares_add_up(  # noqa: PLR0917 - hypothesis names them
    total: int | None,
    used: int | None,
    free: int | None,
    processes: tuple[GpuProcess, ...] | None,
    servers: dict[int, str],
    kin: dict[int, int],
) -> None:
    gpu = Gpu(index=0, name="G", source="nvml", total=total, used=used, free=free, processes=processes)
    for found in split(Readings(time=0.0, gpus=(gpu,), kin=kin), servers):
        assert sum(owner.used for owner in found.owners) == total
        assert all(owner.used >= 0 for owner in found.owners)


def test_the_gauge_shows_the_first_card_with_memory_of_its_own() -> None:
    graphics = card(512, 100, integrated=True)
    ram = Ram(total=8, available=2)
    assert gauge(Readings(time=0.0, gpus=(graphics, card(1000, 300)), ram=ram)).total == 1000 * MIB
    assert gauge(Readings(time=0.0, gpus=(graphics,), ram=ram)).label == "RAM"
