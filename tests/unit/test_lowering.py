from __future__ import annotations

from dataclasses import replace

import pytest

from model_switcher.domain.lowering import Lowering, at_context, lowered, lowering
from model_switcher.domain.need import Amount, Need, Source
from model_switcher.domain.prediction.load import LoadOptions, load_options
from model_switcher.domain.units import MIB

BLOCKS = 31
LAYERS = BLOCKS + 1
TRAINED = 65536
LAYER = 100  # MiB of weights
EXPERTS = 80  # of those
CACHE = 1600  # MiB on all layers with the trained context


def model(load: LoadOptions, *, experts: int = 0, gpus: int = 1) -> Need:
    """Weights and cache spread evenly over the layers; experts of the first blocks may stay in main memory."""
    layers = min(LAYERS, LAYERS if load.n_gpu_layers is None else load.n_gpu_layers)
    ctx_size = load.ctx_size or TRAINED
    moved = min(load.n_cpu_moe, BLOCKS)
    weights = layers * LAYER - moved * experts
    cache = CACHE * ctx_size * layers // (TRAINED * LAYERS)
    host = (LAYERS - layers) * LAYER + moved * experts
    device = Amount(weights=weights * MIB, cache=cache * MIB)
    rest = Amount(weights=host * MIB, cache=(CACHE * ctx_size // TRAINED - cache) * MIB)
    if not gpus:
        device, rest = Amount(), Amount(weights=LAYERS * LAYER * MIB, cache=CACHE * ctx_size // TRAINED * MIB)
    return Need(
        device=device, host=rest, source=Source.RULES, ctx_size=ctx_size,
        n_gpu_layers=load.n_gpu_layers, low=device.total, high=device.total,
    )  # fmt: skip


def after(
    free: int, options: dict[str, str | int | float | bool], *, experts: int = 0, gpus: int = 1
) -> Need:
    need = lowered(
        lambda load: model(load, experts=experts, gpus=gpus),
        load_options(options),
        lowering(options),
        free=free * MIB,
        gpus=gpus,
        blocks=BLOCKS,
        experts=experts > 0,
    )
    assert need is not None
    return need


@pytest.mark.parametrize(
    ("options", "allowed"),
    [
        ({}, Lowering(target=1024 * MIB, context=4096, layers=True)),
        ({"fit": "off"}, None),
        ({"fit": False}, None),
        (
            {"fit": "on", "fit-target": "512,256", "fit-ctx": 8192},
            Lowering(target=512 * MIB, context=8192, layers=True),
        ),
        ({"ctx-size": 8192}, Lowering(target=1024 * MIB, context=None, layers=True)),
        ({"ctx-size": 0}, Lowering(target=1024 * MIB, context=None, layers=True)),
        ({"n-gpu-layers": 20}, Lowering(target=1024 * MIB, context=4096, layers=False)),
        ({"n-gpu-layers": "all"}, Lowering(target=1024 * MIB, context=4096, layers=False)),
        ({"gpu-layers": "auto"}, Lowering(target=1024 * MIB, context=4096, layers=True)),
        ({"n-cpu-moe": 4}, Lowering(target=1024 * MIB, context=4096, layers=False)),
        ({"fit-target": "nonsense"}, Lowering(target=1024 * MIB, context=4096, layers=True)),
    ],
)
def test_only_what_nobody_set_is_lowered(options: dict[str, str | int], allowed: Lowering | None) -> None:
    assert lowering(options) == allowed


def test_what_fits_with_the_target_to_spare_stays_as_it_is() -> None:
    whole = LAYERS * LAYER + CACHE
    assert after(whole + 1024, {}).ctx_size == TRAINED
    assert after(whole + 1023, {}).ctx_size < TRAINED


def test_the_context_is_lowered_in_proportion_and_rounded_down() -> None:
    need = after(LAYERS * LAYER + CACHE // 2 + 1024, {})
    assert need.n_gpu_layers is None
    assert need.ctx_size == TRAINED // 2
    assert need.device.cache == pytest.approx(CACHE // 2 * MIB, rel=1e-3)
    assert after(LAYERS * LAYER + CACHE // 2 + 1024 - 1, {}).ctx_size == TRAINED // 2 - 256


def test_where_the_smallest_context_does_not_fit_layers_move() -> None:
    need = after(16 * LAYER + 1024 + 60, {})
    assert (need.ctx_size, need.n_gpu_layers) == (4096, 16)
    assert need.device.total <= (16 * LAYER + 60) * MIB


def test_of_a_mixture_the_experts_move_first() -> None:
    dense = LAYERS * LAYER - BLOCKS * EXPERTS
    need = after(dense + 5 * EXPERTS + 1024 + CACHE * 4096 // TRAINED, {}, experts=EXPERTS)
    assert need.n_gpu_layers is None, "every layer stays, without its experts"
    assert need.device.weights == (dense + 5 * EXPERTS) * MIB
    fewer = after(dense // 2 + 1024, {}, experts=EXPERTS)
    assert fewer.n_gpu_layers is not None
    assert fewer.device.total <= dense // 2 * MIB


def test_a_context_that_was_set_stays_and_layers_move() -> None:
    need = after(LAYERS * LAYER // 2 + 1024, {"ctx-size": 32768})
    assert need.ctx_size == 32768
    assert need.n_gpu_layers is not None


def test_what_was_set_altogether_stays_though_it_does_not_fit() -> None:
    need = after(1024, {"ctx-size": 32768, "n-gpu-layers": 99})
    assert (need.ctx_size, need.n_gpu_layers) == (32768, 99)


def test_layers_that_were_set_stay_with_the_smallest_context() -> None:
    need = after(1024, {"n-gpu-layers": 99})
    assert (need.ctx_size, need.n_gpu_layers) == (4096, 99)


def test_without_a_gpu_only_the_context_is_lowered() -> None:
    whole = LAYERS * LAYER + CACHE
    assert after(whole + 1024, {}, gpus=0).ctx_size == TRAINED
    need = after(whole - CACHE // 2 + 1024, {}, gpus=0)
    assert need.ctx_size == TRAINED // 2
    assert after(1, {}, gpus=0).ctx_size == 4096


def test_slots_with_a_context_of_their_own_count_each() -> None:
    need = after(1, {"parallel": 2, "n-gpu-layers": 99})
    assert need.ctx_size == 2 * 4096


def test_the_target_is_left_free_on_every_gpu() -> None:
    whole = LAYERS * LAYER + CACHE
    assert after(whole + 2 * 1024, {}, gpus=2).ctx_size == TRAINED
    assert after(whole + 1024, {}, gpus=2).ctx_size < TRAINED


def test_a_model_that_nobody_knows_has_no_need() -> None:
    allowed = lowering({})
    assert lowered(lambda _: None, LoadOptions(), allowed, free=0, gpus=1, blocks=1) is None


def test_between_two_contexts_all_grows_in_proportion() -> None:
    least, most = model(LoadOptions(ctx_size=4096)), model(LoadOptions(ctx_size=TRAINED))
    between = at_context(least, most, 32768)
    assert between.device == model(LoadOptions(ctx_size=32768)).device
    assert between.low == between.device.total
    assert at_context(least, replace(least), 8192).device == least.device
