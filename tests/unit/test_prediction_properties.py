"""What holds for whatever is predicted: for all models that the tests know, loaded in any way, whole or damaged."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fakes.memory_truth import DATA, read_blueprints
from fakes.small_models import size
from model_switcher.domain.prediction.blueprint import Tensor, open_blueprint, pack
from model_switcher.domain.prediction.limits import largest_context, most_layers
from model_switcher.domain.prediction.load import LoadOptions
from model_switcher.domain.prediction.predict import predict
from model_switcher.domain.units import MIB

if TYPE_CHECKING:
    from model_switcher.domain.need import Need
    from model_switcher.domain.prediction.blueprint import Blueprint, Layout

GIB = 1024 * MIB
CACHE_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q4_0")


@cache
def known() -> dict[str, Blueprint]:
    return {
        name: blueprint
        for part in ("corpus", "further")
        for name, blueprint in read_blueprints(DATA / f"{part}-blueprints.json").items()
    }


models = st.deferred(lambda: st.sampled_from(sorted(known()))).map(lambda name: known()[name])
contexts = st.integers(1, 512).map(lambda steps: steps * 256)
loads = st.builds(
    LoadOptions,
    ctx_size=contexts,
    cache_type_k=st.sampled_from(CACHE_TYPES),
    cache_type_v=st.sampled_from(CACHE_TYPES),
    n_gpu_layers=st.none() | st.integers(0, 90),
    parallel=st.integers(1, 6),
    kv_unified=st.booleans(),
    ubatch_size=st.sampled_from((32, 128, 512, 2048)),
    flash_attn=st.sampled_from((None, None, True, False)),
    swa_full=st.booleans(),
    kv_offload=st.booleans(),
    n_cpu_moe=st.sampled_from((0, 0, 3, 512)),
)
whole = st.builds(
    LoadOptions, ctx_size=contexts, cache_type_k=st.sampled_from(CACHE_TYPES), parallel=st.integers(1, 6)
)


def need(model: Blueprint, load: LoadOptions, *, gpu: bool = True) -> Need:
    found = predict(model, load, gpu=gpu)
    assume(found is not None)
    assert found is not None
    return found


@given(models, loads, st.booleans())
@settings(deadline=None, max_examples=150)
def test_every_amount_is_one_and_lies_within_its_bounds(
    model: Blueprint, load: LoadOptions, gpu: bool
) -> None:
    found = need(model, load, gpu=gpu)
    for amount in (found.device, found.host):
        assert min(amount.weights, amount.cache, amount.compute) >= 0
    assert 0 <= found.low <= found.device.total <= found.high
    assert gpu or found.device.total == 0


@given(models, whole, st.integers(1, 200))
@settings(deadline=None, max_examples=150)
def test_more_context_never_takes_less(model: Blueprint, load: LoadOptions, steps: int) -> None:
    less, more = need(model, load), need(model, replace(load, ctx_size=load.ctx_size + 256 * steps))
    assert more.device.total >= less.device.total
    assert more.host.total >= less.host.total


@given(models, loads, st.integers(1, 200))
@settings(deadline=None, max_examples=100)
def test_more_context_never_keeps_less(model: Blueprint, load: LoadOptions, steps: int) -> None:
    load = replace(load, flash_attn=load.flash_attn is not False)
    less, more = need(model, load), need(model, replace(load, ctx_size=load.ctx_size + 256 * steps))
    assert more.device.cache >= less.device.cache
    assert more.host.cache >= less.host.cache


@given(models, loads, st.integers(1, 40))
@settings(deadline=None, max_examples=100)
def test_more_layers_never_keep_less_on_the_gpu(model: Blueprint, load: LoadOptions, layers: int) -> None:
    """Room to work is another matter: with all layers there, nothing is copied to and fro."""
    load = replace(load, flash_attn=load.flash_attn is not False, n_gpu_layers=load.n_gpu_layers or 0)
    less, more = need(model, load), need(model, replace(load, n_gpu_layers=(load.n_gpu_layers or 0) + layers))
    assert more.device.weights >= less.device.weights
    assert more.device.cache >= less.device.cache
    assert more.host.weights <= less.host.weights


@given(models, loads, st.booleans())
@settings(deadline=None, max_examples=100)
def test_all_weights_that_are_loaded_lie_somewhere(model: Blueprint, load: LoadOptions, gpu: bool) -> None:
    found = need(model, load, gpu=gpu)
    layout = open_blueprint(model)
    further = layout.hyperparameters.get("nextn_predict_layers", 0)
    blocks = layout.hyperparameters["block_count"]
    assert isinstance(blocks, int)
    assert isinstance(further, int)
    left_out = sum(
        tensor.size
        for block, tensors in layout.blocks.items()
        if block >= blocks - further
        for tensor in tensors.values()
    )
    loaded = size(model) - left_out
    assert found.device.weights + found.host.weights >= loaded
    assert found.device.weights <= loaded


@given(models, whole, st.integers(1, 96))
@settings(deadline=None, max_examples=60)
def test_the_largest_context_fits_and_the_next_one_does_not(
    model: Blueprint, load: LoadOptions, gib: int
) -> None:
    free = gib * GIB // 4
    found = largest_context(model, load, free)
    trained = need(model, replace(load, ctx_size=0)).ctx_size
    if found is None:
        least = min(4096, trained)
        assert need(model, replace(load, ctx_size=least)).device.total > free
        return
    assert need(model, replace(load, ctx_size=found)).device.total <= free
    assert found % 256 == 0
    assert found >= trained or need(model, replace(load, ctx_size=found + 256)).device.total > free


@given(models, whole, st.integers(1, 96))
@settings(deadline=None, max_examples=40)
def test_the_most_layers_fit_and_one_more_does_not(model: Blueprint, load: LoadOptions, gib: int) -> None:
    free = gib * GIB // 4
    found = most_layers(model, load, free)
    blocks = open_blueprint(model).hyperparameters["block_count"]
    assert isinstance(blocks, int)
    if found is not None:
        assert need(model, replace(load, n_gpu_layers=found)).device.total <= free
    if found != blocks + 1:
        assert need(model, replace(load, n_gpu_layers=(found or 0) + 1)).device.total > free


# damaged headers

odd_values = st.one_of(
    st.integers(-(2**63), 2**64 - 1),
    st.floats(),
    st.booleans(),
    st.text(max_size=8),
    st.lists(st.one_of(st.integers(-5, 2**40), st.floats(), st.booleans()), max_size=40),
)
odd_shapes = st.lists(st.integers(0, 2**40), max_size=5).map(tuple)
odd_keys = (
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.key_length_mla",
    "attention.recurrent_layers",
    "attention.shared_kv_layers",
    "attention.sliding_window",
    "attention.sliding_window_pattern",
    "attention.value_length",
    "block_count",
    "context_length",
    "embedding_length",
    "embedding_length_per_layer_input",
    "expert_used_count",
    "full_attention_interval",
    "n_deepstack_layers",
    "nextn_predict_layers",
    "pooling_type",
    "shortconv.l_cache",
    "ssm.conv_kernel",
    "ssm.group_count",
    "ssm.inner_size",
    "ssm.state_size",
    "ssm.time_step_rank",
    "wkv.head_size",
)


@given(models, loads, st.data(), st.booleans())
@settings(deadline=None, max_examples=300)
def test_a_damaged_header_is_predicted_or_not_but_breaks_nothing(
    model: Blueprint, load: LoadOptions, data: st.DataObject, gpu: bool
) -> None:
    layout = open_blueprint(model)
    hyperparameters = dict(layout.hyperparameters)
    hyperparameters |= data.draw(st.dictionaries(st.sampled_from(odd_keys), odd_values, max_size=4))
    tensors = all_tensors(layout)
    for _ in range(data.draw(st.integers(0, 3))):
        index = data.draw(st.integers(0, len(tensors) - 1))
        one = tensors.pop(index)
        if data.draw(st.booleans()):
            tensors.append(Tensor(one.name, data.draw(st.integers(0, 300)), data.draw(odd_shapes)))
    damaged = pack(layout.architecture, hyperparameters, tensors)
    if damaged is None:
        return
    found = predict(damaged, load, gpu=gpu)
    assert found is None or found.low <= found.device.total <= found.high


def all_tensors(layout: Layout) -> list[Tensor]:
    return list(layout.outer.values()) + [
        Tensor(f"blk.{block}.{tensor.name}", tensor.type, tensor.shape)
        for block, tensors in layout.blocks.items()
        for tensor in tensors.values()
    ]
