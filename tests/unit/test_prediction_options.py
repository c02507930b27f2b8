"""How launch options are read: llama-server's own names and defaults."""

from __future__ import annotations

import pytest

from fakes.small_models import blueprint
from model_switcher.domain.prediction.limits import largest_context, most_layers
from model_switcher.domain.prediction.load import LoadOptions, load_options
from model_switcher.domain.prediction.predict import predict
from model_switcher.domain.units import MIB


def test_without_options_llama_servers_defaults_hold() -> None:
    load = load_options({})
    assert load == LoadOptions()
    assert (load.ctx_size, load.parallel, load.kv_unified) == (0, 4, True)
    assert (load.batch_size, load.ubatch_size) == (2048, 512)
    assert (load.cache_type_k, load.cache_type_v) == ("f16", "f16")
    assert load.n_gpu_layers is None
    assert load.flash_attn is None


@pytest.mark.parametrize(
    ("options", "attribute", "value"),
    [
        ({"ctx-size": 4096}, "ctx_size", 4096),
        ({"ctx-size": "4096"}, "ctx_size", 4096),
        ({"ctx-size": -1}, "ctx_size", 0),
        ({"ctx-size": "long"}, "ctx_size", 0),
        ({"cache-type-k": "q8_0"}, "cache_type_k", "q8_0"),
        ({"cache-type-v": " q4_0 "}, "cache_type_v", "q4_0"),
        ({"n-gpu-layers": 20}, "n_gpu_layers", 20),
        ({"n-gpu-layers": 0}, "n_gpu_layers", 0),
        ({"n-gpu-layers": "auto"}, "n_gpu_layers", None),
        ({"n-gpu-layers": "all"}, "n_gpu_layers", None),
        ({"n-gpu-layers": -1}, "n_gpu_layers", None),
        ({"gpu-layers": "12"}, "n_gpu_layers", 12),
        ({"parallel": 2}, "parallel", 2),
        ({"parallel": 2}, "kv_unified", False),
        ({"parallel": -1}, "kv_unified", True),
        ({"parallel": 2, "kv-unified": True}, "kv_unified", True),
        ({"no-kv-unified": True}, "kv_unified", False),
        ({"ubatch-size": 1024}, "ubatch_size", 1024),
        ({"batch-size": "512"}, "batch_size", 512),
        ({"flash-attn": "auto"}, "flash_attn", None),
        ({"flash-attn": "on"}, "flash_attn", True),
        ({"flash-attn": True}, "flash_attn", True),
        ({"flash-attn": "off"}, "flash_attn", False),
        ({"flash-attn": False}, "flash_attn", False),
        ({"flash-attn": "0"}, "flash_attn", False),
        ({"swa-full": True}, "swa_full", True),
        ({"no-kv-offload": True}, "kv_offload", False),
        ({"no-op-offload": True}, "op_offload", False),
        ({"cpu-moe": True}, "n_cpu_moe", 512),
        ({"n-cpu-moe": 7}, "n_cpu_moe", 7),
        ({"n-cpu-ffn": "3"}, "n_cpu_ffn", 3),
        ({"no-mmproj-offload": True}, "mmproj_offload", False),
        ({"embedding": True}, "embedding", True),
        ({"embedding": True}, "batch_size", 512),
        ({"reranking": ""}, "embedding", True),
        ({"override-tensor": r"blk\.\d+\.ffn=CPU"}, "override_tensor", ((r"blk\.\d+\.ffn", True),)),
        (
            {"override-tensor": "a=CUDA0,b=CUDA_Host"},
            "override_tensor",
            (("a", False), ("b", True)),
        ),
        ({"override-tensor": "(=CPU,nothing"}, "override_tensor", ()),
    ],
)
def test_options_are_read_by_their_long_names(
    options: dict[str, str | int | float | bool], attribute: str, value: object
) -> None:
    assert getattr(load_options(options), attribute) == value


# limits


def test_no_context_is_offered_beyond_what_the_model_was_trained_for() -> None:
    assert largest_context(blueprint(context_length=20000), LoadOptions(), 1 << 50) == 20224


def test_no_context_is_offered_below_4096_unless_the_model_was_trained_for_less() -> None:
    least = predict(blueprint(), LoadOptions(ctx_size=4096), gpu=True)
    assert least is not None
    assert largest_context(blueprint(), LoadOptions(), least.device.total) == 4096
    assert largest_context(blueprint(), LoadOptions(), least.device.total - 1) is None
    assert largest_context(blueprint(context_length=2048), LoadOptions(), least.device.total - 1) == 2048


def test_without_a_gpu_main_memory_bounds_the_context() -> None:
    need = predict(blueprint(), LoadOptions(ctx_size=16384), gpu=False)
    assert need is not None
    assert largest_context(blueprint(), LoadOptions(), need.host.total, gpu=False) == 16384


def test_a_projector_leaves_less_for_the_context() -> None:
    need = predict(blueprint(), LoadOptions(ctx_size=16384), gpu=True)
    assert need is not None
    found = largest_context(blueprint(), LoadOptions(), need.device.total, projector=20 * MIB)
    assert found is not None
    assert found < 16384


def test_all_layers_are_the_blocks_and_the_output_layer() -> None:
    assert most_layers(blueprint(), LoadOptions(ctx_size=4096), 1 << 50) == 9


def test_no_layer_fits_where_not_even_the_output_layer_does() -> None:
    assert most_layers(blueprint(), LoadOptions(ctx_size=4096), MIB) is None


def test_nothing_is_known_of_the_limits_of_an_unknown_architecture() -> None:
    assert largest_context(blueprint("of-tomorrow"), LoadOptions(), 1 << 50) is None
    assert most_layers(blueprint("of-tomorrow"), LoadOptions(), 1 << 50) is None
