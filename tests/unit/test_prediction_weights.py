"""Where llama.cpp puts the weights: one rule at a time, with small models in which nothing else happens."""

from __future__ import annotations

from dataclasses import replace

from fakes.small_models import BLOCKS, LOAD, blueprint, expert_block, predicted, size
from model_switcher.domain.need import Source


def test_all_weights_but_the_embeddings_lie_on_the_gpu() -> None:
    model = blueprint()
    embeddings = size(model, "token_embd.weight")
    found = predicted(model)
    assert found.host.weights == embeddings
    assert found.device.weights == size(model) - embeddings
    assert found.source is Source.RULES


def test_without_a_gpu_everything_lies_in_main_memory() -> None:
    model = blueprint()
    found = predicted(model, gpu=False)
    assert found.device.total == 0
    assert found.host.weights == size(model)
    assert found.n_gpu_layers == 0


def test_layers_are_counted_from_the_output_layer_downwards() -> None:
    model = blueprint()
    output = size(model, "output.weight", "output_norm.weight")
    one_block = size(model) - output - size(model, "token_embd.weight")
    one_block //= BLOCKS
    assert predicted(model, replace(LOAD, n_gpu_layers=1)).device.weights == output
    assert predicted(model, replace(LOAD, n_gpu_layers=3)).device.weights == output + 2 * one_block
    assert predicted(model, replace(LOAD, n_gpu_layers=BLOCKS + 1)) == replace(
        predicted(model), n_gpu_layers=BLOCKS + 1
    )


def test_embeddings_that_serve_as_the_output_layer_are_there_twice_with_a_gpu_and_once_without() -> None:
    model = blueprint(tied=True)
    embeddings = size(model, "token_embd.weight")
    assert predicted(model).host.weights == embeddings
    assert predicted(model).device.weights == size(model)
    assert predicted(model, gpu=False).host.weights == size(model)
    assert predicted(model, replace(LOAD, n_gpu_layers=0)).device.weights == 0


def test_experts_of_the_first_blocks_may_stay_in_main_memory() -> None:
    model = blueprint("qwen3moe", block=expert_block, expert_used_count=4, expert_count=16)
    names = ("ffn_gate_exps.weight", "ffn_up_exps.weight", "ffn_down_exps.weight")
    whole, kept = predicted(model), predicted(model, replace(LOAD, n_cpu_moe=2))
    moved = size(model, *names) * 2 // BLOCKS
    assert kept.device.weights == whole.device.weights - moved
    assert kept.host.weights == whole.host.weights + moved
    assert kept.device.cache == whole.device.cache
    assert kept.low < kept.device.total < kept.high
    every = predicted(model, replace(LOAD, n_cpu_moe=512))
    assert every.device.weights == whole.device.weights - size(model, *names)


def test_networks_of_the_first_blocks_may_stay_in_main_memory() -> None:
    model = blueprint()
    moved = size(model, "ffn_gate.weight", "ffn_up.weight", "ffn_down.weight") * 3 // BLOCKS
    assert predicted(model, replace(LOAD, n_cpu_ffn=3)).host.weights == predicted(model).host.weights + moved


def test_patterns_say_where_tensors_lie() -> None:
    model = blueprint()
    load = replace(LOAD, override_tensor=((r"blk\.[01]\.attn_q", True), ("token_embd", False)))
    moved = size(model, "attn_q.weight") * 2 // BLOCKS
    assert predicted(model, load).host.weights == moved
    assert predicted(model, load).device.weights == size(model) - moved


def test_blocks_that_only_predict_further_tokens_are_not_loaded_but_keep_a_cache() -> None:
    """As in llama.cpp b10434; b11434 no longer keeps one."""
    plain = blueprint("glm4moe", block=expert_block, expert_used_count=4)
    further = blueprint(
        "glm4moe", block=expert_block, expert_used_count=4, blocks=BLOCKS + 1, nextn_predict_layers=1
    )
    assert predicted(further).device.weights == predicted(plain).device.weights
    assert predicted(further).device.cache == predicted(plain).device.cache * (BLOCKS + 1) // BLOCKS
