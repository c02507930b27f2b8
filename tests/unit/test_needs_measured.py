from __future__ import annotations

import pytest

from model_switcher.domain.memory import Gpu, GpuProcess, Readings
from model_switcher.domain.need import Amount, Need, Source
from model_switcher.domain.units import MIB
from model_switcher.engine.needs.breakdown import Account, Loaded
from model_switcher.engine.needs.measured import Figures, Watched, measured

PID = 7
ON_GPU = Need(
    device=Amount(weights=500, cache=100, compute=50), host=Amount(weights=30, compute=5),
    source=Source.RULES, ctx_size=4096, low=640, high=660,
)  # fmt: skip
ON_CPU = Need(
    device=Amount(), host=Amount(weights=500, cache=100, compute=50),
    source=Source.RULES, ctx_size=4096, n_gpu_layers=0, low=0, high=0,
)  # fmt: skip
USUAL = Loaded(ctx_size=4096, layers=None, all_layers=False, account=None)
TALKATIVE = Loaded(
    ctx_size=4096, layers=33, all_layers=True,
    account=Account(device=Amount(weights=510, cache=110, compute=60), host=Amount(weights=31)),
)  # fmt: skip


def reading(time: float, gpu: int | None = None, ram: int | None = None) -> Readings:
    processes = (GpuProcess(pid=PID, name="llama-server", used=gpu),) if gpu is not None else ()
    card = Gpu(index=0, name="RTX", source="nvml", total=1 << 40, used=None, free=None, processes=processes)
    return Readings(time=time, gpus=(card,), servers_rss={} if ram is None else {PID: ram})


def told(*readings: Readings, ready: float = 0.0) -> list[Figures]:
    watched = Watched(PID, ready)
    return [figures for one in readings if (figures := watched.look(one)) is not None]


def test_what_the_driver_holds_beyond_the_buffers_is_its_own() -> None:
    need = measured(ON_GPU, USUAL, Figures(gpu=1000, ram=None))
    assert need is not None
    assert (need.source, need.device, need.driver) == (Source.MEASURED, ON_GPU.device, 350)
    assert (need.low, need.high, need.ctx_size, need.n_gpu_layers) == (650, 650, 4096, None)
    assert need.host == ON_GPU.host


def test_a_process_that_holds_less_than_predicted_was_predicted_too_high() -> None:
    need = measured(ON_GPU, USUAL, Figures(gpu=620, ram=None))
    assert need is not None
    assert (need.device, need.driver, need.high) == (Amount(weights=500, cache=100, compute=20), 0, 620)


def test_a_figure_below_weights_and_cache_is_not_all_of_it() -> None:
    assert measured(ON_GPU, USUAL, Figures(gpu=599, ram=None)) is None


def test_the_servers_own_log_wins_over_the_prediction() -> None:
    need = measured(ON_GPU, TALKATIVE, Figures(gpu=1000, ram=None))
    assert need is not None
    assert TALKATIVE.account is not None
    assert (need.device, need.host, need.driver) == (TALKATIVE.account.device, TALKATIVE.account.host, 320)
    silent = measured(ON_GPU, TALKATIVE, Figures(gpu=None, ram=None))
    assert silent is not None
    assert (silent.device, silent.driver) == (TALKATIVE.account.device, None)
    assert measured(None, TALKATIVE, Figures(gpu=None, ram=None)) is not None


def test_on_the_processor_main_memory_is_measured() -> None:
    need = measured(ON_CPU, USUAL, Figures(gpu=None, ram=800))
    assert need is not None
    assert (need.host, need.n_gpu_layers) == (Amount(weights=500, cache=100, compute=200), 0)
    assert measured(ON_CPU, USUAL, Figures(gpu=None, ram=599)) is None, "not all of the file was touched"


@pytest.mark.parametrize(
    ("expected", "figures"),
    [
        pytest.param(None, Figures(gpu=1000, ram=1000), id="nothing was predicted"),
        pytest.param(ON_GPU, Figures(gpu=None, ram=1000), id="the driver tells nothing"),
        pytest.param(ON_CPU, Figures(gpu=None, ram=None), id="nothing is told"),
    ],
)
def test_where_too_little_is_known_nothing_was_measured(expected: Need | None, figures: Figures) -> None:
    assert measured(expected, USUAL, figures) is None


def test_it_is_told_when_it_has_settled_and_again_when_it_has_grown() -> None:
    assert told(
        reading(1, 100 * MIB, 50 * MIB),
        reading(2, 300 * MIB, 60 * MIB),
        reading(3, 304 * MIB, 61 * MIB),
        reading(4, 305 * MIB, 62 * MIB),
        reading(5, 330 * MIB, 900 * MIB),
        reading(6, 331 * MIB, 900 * MIB),
        reading(7, 331 * MIB, 900 * MIB),
    ) == [Figures(304 * MIB, 61 * MIB), Figures(331 * MIB, 61 * MIB)]


def test_readings_from_before_it_was_ready_do_not_count() -> None:
    assert told(reading(1, 300 * MIB), reading(2, 300 * MIB), ready=1.5) == []
    assert told(reading(1, 300 * MIB), reading(2, 300 * MIB), reading(3, 300 * MIB), ready=1.5) == [
        Figures(300 * MIB, None)
    ]


def test_main_memory_that_grows_with_use_is_not_told_again() -> None:
    assert told(
        *(reading(number, None, size * MIB) for number, size in enumerate((50, 50, 900, 900), 1))
    ) == [Figures(None, 50 * MIB)]
