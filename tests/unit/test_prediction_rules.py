"""One rule of llama.cpp at a time, with small models in which nothing else happens."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakes.blueprints import (
    BLOCKS,
    EMBEDDING,
    HEAD,
    HEADS,
    HEADS_KV,
    VOCABULARY,
    attention,
    blueprint,
    decoder_block,
    expert_block,
    network,
    size,
    tensor,
)
from model_switcher.domain.need import Need, Source
from model_switcher.domain.prediction import Blueprint, LoadOptions, predict
from model_switcher.domain.prediction.blueprint import Tensor

F16, F32 = 2, 4
CONTEXT = 8192
LOAD = LoadOptions(ctx_size=CONTEXT)
# Keys and values of one token in one block.
ROW = 2 * HEADS_KV * HEAD * F16


def need(model: Blueprint, load: LoadOptions = LOAD, *, gpu: bool = True) -> Need:
    found = predict(model, load, gpu=gpu)
    assert found is not None
    return found


# weights


def test_all_weights_but_the_embeddings_lie_on_the_gpu() -> None:
    model = blueprint()
    embeddings = size(model, "token_embd.weight")
    found = need(model)
    assert found.host.weights == embeddings
    assert found.device.weights == size(model) - embeddings
    assert found.source is Source.RULES


def test_without_a_gpu_everything_lies_in_main_memory() -> None:
    model = blueprint()
    found = need(model, gpu=False)
    assert found.device.total == 0
    assert found.host.weights == size(model)
    assert found.n_gpu_layers == 0


def test_layers_are_counted_from_the_output_layer_downwards() -> None:
    model = blueprint()
    output = size(model, "output.weight", "output_norm.weight")
    one_block = size(model) - output - size(model, "token_embd.weight")
    one_block //= BLOCKS
    assert need(model, replace(LOAD, n_gpu_layers=1)).device.weights == output
    assert need(model, replace(LOAD, n_gpu_layers=3)).device.weights == output + 2 * one_block
    assert need(model, replace(LOAD, n_gpu_layers=BLOCKS + 1)) == replace(need(model), n_gpu_layers=BLOCKS + 1)


def test_embeddings_that_serve_as_the_output_layer_are_there_twice_with_a_gpu_and_once_without() -> None:
    model = blueprint(tied=True)
    embeddings = size(model, "token_embd.weight")
    assert need(model).host.weights == embeddings
    assert need(model).device.weights == size(model)
    assert need(model, gpu=False).host.weights == size(model)
    assert need(model, replace(LOAD, n_gpu_layers=0)).device.weights == 0


def test_experts_of_the_first_blocks_may_stay_in_main_memory() -> None:
    model = blueprint("qwen3moe", block=expert_block, expert_used_count=4, expert_count=16)
    names = ("ffn_gate_exps.weight", "ffn_up_exps.weight", "ffn_down_exps.weight")
    whole, kept = need(model), need(model, replace(LOAD, n_cpu_moe=2))
    moved = size(model, *names) * 2 // BLOCKS
    assert kept.device.weights == whole.device.weights - moved
    assert kept.host.weights == whole.host.weights + moved
    assert kept.device.cache == whole.device.cache
    assert kept.low < kept.device.total < kept.high
    every = need(model, replace(LOAD, n_cpu_moe=512))
    assert every.device.weights == whole.device.weights - size(model, *names)


def test_networks_of_the_first_blocks_may_stay_in_main_memory() -> None:
    model = blueprint()
    moved = size(model, "ffn_gate.weight", "ffn_up.weight", "ffn_down.weight") * 3 // BLOCKS
    assert need(model, replace(LOAD, n_cpu_ffn=3)).host.weights == need(model).host.weights + moved


def test_patterns_say_where_tensors_lie() -> None:
    model = blueprint()
    load = replace(LOAD, override_tensor=((r"blk\.[01]\.attn_q", True), ("token_embd", False)))
    moved = size(model, "attn_q.weight") * 2 // BLOCKS
    assert need(model, load).host.weights == moved
    assert need(model, load).device.weights == size(model) - moved


def test_blocks_that_only_predict_further_tokens_are_not_loaded_but_keep_a_cache() -> None:
    """As in llama.cpp b10434; b11434 no longer keeps one."""
    plain = blueprint("glm4moe", block=expert_block, expert_used_count=4)
    further = blueprint(
        "glm4moe", block=expert_block, expert_used_count=4, blocks=BLOCKS + 1, nextn_predict_layers=1
    )
    assert need(further).device.weights == need(plain).device.weights
    assert need(further).device.cache == need(plain).device.cache * (BLOCKS + 1) // BLOCKS


# caches


def test_a_cache_holds_keys_and_values_of_each_token_in_each_block() -> None:
    assert need(blueprint()).device.cache == ROW * CONTEXT * BLOCKS


def test_without_a_context_size_the_whole_context_that_the_model_was_trained_for_is_kept() -> None:
    found = need(blueprint(context_length=20480), LoadOptions())
    assert found.ctx_size == 20480
    assert found.device.cache == ROW * 20480 * BLOCKS


def test_contexts_are_whole_multiples_of_256() -> None:
    assert need(blueprint(), replace(LOAD, ctx_size=5000)).ctx_size == 5120


def test_slots_with_a_context_each_share_the_tokens_evenly() -> None:
    load = replace(LOAD, ctx_size=10000, parallel=3, kv_unified=False)
    found = need(blueprint(), load)
    assert found.ctx_size == 3 * 3584
    assert found.device.cache == ROW * 3 * 3584 * BLOCKS


def test_a_quantized_cache_takes_what_its_blocks_take() -> None:
    load = replace(LOAD, cache_type_k="q8_0", cache_type_v="q4_0")
    each = HEADS_KV * HEAD // 32
    assert need(blueprint(), load).device.cache == (34 + 18) * each * CONTEXT * BLOCKS


def test_blocks_with_a_sliding_window_keep_no_more_than_that_and_a_batch_for_each_slot() -> None:
    model = blueprint("gemma3", attention__sliding_window=1024, blocks=12)
    dense = 2  # each sixth
    window = 4 * 1024 + 512
    load = replace(LOAD, ctx_size=65536)
    assert need(model, load).device.cache == ROW * (dense * 65536 + (12 - dense) * window)
    assert need(model, replace(load, swa_full=True)).device.cache == ROW * 12 * 65536
    one = replace(load, parallel=1)
    assert need(model, one).device.cache == ROW * (dense * 65536 + (12 - dense) * (1024 + 512))


def test_a_file_may_say_itself_which_blocks_have_a_sliding_window() -> None:
    pattern: list[bool | int | float] = [True, True, True, False] * 2
    model = blueprint("gemma4", attention__sliding_window=512, attention__sliding_window_pattern=pattern)
    window = 4 * 512 + 512
    assert need(model).device.cache == ROW * (2 * CONTEXT + 6 * window)


def latent_block(block: int, *, absorbed: bool) -> list[Tensor]:
    name = f"blk.{block}."
    q, rank, turned, plain = 192, 512, 64, 128
    made = (
        [
            tensor(f"{name}attn_k_b.weight", plain, rank, HEADS),
            tensor(f"{name}attn_v_b.weight", rank, plain, HEADS),
        ]
        if absorbed
        else [tensor(f"{name}attn_kv_b.weight", rank, HEADS * 2 * plain)]
    )
    return [
        tensor(f"{name}attn_norm.weight", EMBEDDING, kind="F32"),
        tensor(f"{name}attn_q.weight", EMBEDDING, HEADS * q),
        tensor(f"{name}attn_kv_a_mqa.weight", EMBEDDING, rank + turned),
        tensor(f"{name}attn_kv_a_norm.weight", rank, kind="F32"),
        *made,
        tensor(f"{name}attn_output.weight", HEADS * plain, EMBEDDING),
        *network(block),
    ]


def test_latent_attention_keeps_one_vector_for_all_heads() -> None:
    model = blueprint(
        "deepseek2",
        block=lambda block: latent_block(block, absorbed=True),
        attention__head_count_kv=1,
        attention__key_length=576,
        attention__value_length=512,
        attention__key_length_mla=192,
        attention__value_length_mla=128,
        attention__kv_lora_rank=512,
    )
    assert need(model).device.cache == 576 * F16 * CONTEXT * BLOCKS


def test_older_files_of_latent_attention_keep_keys_and_values_of_each_head() -> None:
    model = blueprint(
        "deepseek2",
        block=lambda block: latent_block(block, absorbed=False),
        attention__head_count_kv=HEADS,
        attention__key_length=192,
        attention__value_length=128,
        attention__kv_lora_rank=512,
    )
    assert need(model).device.cache == HEADS * (192 + 128) * F16 * CONTEXT * BLOCKS


def state_block(block: int) -> list[Tensor]:
    name, inner, width, heads = f"blk.{block}.", 2048, 128, 32
    mixed = inner + 2 * width
    return [
        tensor(f"{name}attn_norm.weight", EMBEDDING, kind="F32"),
        tensor(f"{name}ssm_in.weight", EMBEDDING, mixed + inner + heads),
        tensor(f"{name}ssm_conv1d.weight", 4, mixed, kind="F32"),
        tensor(f"{name}ssm_conv1d.bias", mixed, kind="F32"),
        tensor(f"{name}ssm_dt.bias", heads, kind="F32"),
        tensor(f"{name}ssm_a", 1, heads, kind="F32"),
        tensor(f"{name}ssm_d", 1, heads, kind="F32"),
        tensor(f"{name}ssm_norm.weight", inner, kind="F32"),
        tensor(f"{name}ssm_out.weight", inner, EMBEDDING),
    ]


STATE = {
    "ssm__conv_kernel": 4,
    "ssm__inner_size": 2048,
    "ssm__state_size": 128,
    "ssm__time_step_rank": 32,
    "ssm__group_count": 1,
}
ONE_STATE = F32 * (3 * (2048 + 2 * 128) + 128 * 2048)


def test_a_recurrent_model_keeps_a_state_for_each_slot_however_long_the_context_is() -> None:
    model = blueprint("mamba2", block=state_block, attention__head_count=0, attention__head_count_kv=0, **STATE)
    assert need(model).device.cache == 4 * ONE_STATE * BLOCKS
    assert need(model, replace(LOAD, ctx_size=65536)).device.cache == 4 * ONE_STATE * BLOCKS
    assert need(model, replace(LOAD, parallel=1)).device.cache == ONE_STATE * BLOCKS


def test_a_hybrid_model_keeps_states_in_some_blocks_and_keys_and_values_in_the_others() -> None:
    heads: list[bool | int | float] = [0, 0, 0, HEADS_KV] * 2
    model = blueprint(
        "granitehybrid",
        block=lambda block: [*(attention(block) if heads[block] else state_block(block)), *network(block)],
        attention__head_count_kv=heads,
        **STATE,
    )
    assert need(model).device.cache == 2 * ROW * CONTEXT + 6 * 4 * ONE_STATE


def test_an_encoder_keeps_nothing() -> None:
    model = blueprint("llama-embed", pooling_type=1)
    assert need(model, LoadOptions(embedding=True)).device.cache == 0


def test_caches_may_stay_in_main_memory() -> None:
    found = need(blueprint(), replace(LOAD, kv_offload=False))
    assert found.device.cache == 0
    assert found.host.cache == ROW * CONTEXT * BLOCKS


# room to work


def test_room_to_work_grows_with_the_batch() -> None:
    model = blueprint()
    some = [need(model, replace(LOAD, ubatch_size=tokens)).device.compute for tokens in (128, 512, 2048)]
    assert some[0] < some[1] < some[2]


def test_without_flash_attention_the_scores_of_all_heads_take_room() -> None:
    scores = CONTEXT * 512 * HEADS * F32
    assert need(blueprint()).device.compute < scores < need(blueprint(), replace(LOAD, flash_attn=False)).device.compute


def test_vectors_of_all_tokens_are_answered_for() -> None:
    every = need(blueprint(), replace(LOAD, embedding=True)).device.compute
    assert every >= 512 * VOCABULARY * F32 > need(blueprint()).device.compute


def test_a_model_that_cannot_do_flash_attention_is_loaded_without() -> None:
    model = blueprint("grok", block=expert_block, expert_used_count=2)
    assert need(model).device.compute > CONTEXT * 512 * HEADS * F32


def test_flash_attention_is_left_out_where_it_would_run_beside_its_blocks() -> None:
    """Norms of 32 heads are work enough for the GPU, and in blocks without keys of their own nothing calls it back."""

    def block(number: int) -> list[Tensor]:
        name = f"blk.{number}."
        return [
            *decoder_block(number),
            tensor(f"{name}attn_q_norm.weight", HEAD, kind="F32"),
            tensor(f"{name}attn_k_norm.weight", HEAD, kind="F32"),
        ]

    model = blueprint(
        "gemma4",
        block=block,
        attention__shared_kv_layers=4,
        attention__sliding_window=512,
        attention__sliding_window_pattern=[True, False] * 4,
    )
    load = replace(LOAD, n_gpu_layers=0)
    left, forced = need(model, load), need(model, replace(load, flash_attn=True))
    assert left.device.compute > forced.device.compute


# what is not known


def test_an_architecture_that_is_not_in_the_table_is_not_predicted() -> None:
    assert predict(blueprint("of-tomorrow"), LOAD, gpu=True) is None


def test_a_type_of_weights_that_is_not_known_is_not_predicted() -> None:
    model = blueprint(more=[Tensor("blk.0.attn_q_norm.weight", 200, (HEAD,))])
    assert predict(model, LOAD, gpu=True) is None


def test_a_type_of_cache_that_is_not_known_is_not_predicted() -> None:
    assert predict(blueprint(), replace(LOAD, cache_type_k="q9_9"), gpu=True) is None


def test_quantized_values_without_flash_attention_are_refused_by_llama_server() -> None:
    load = replace(LOAD, cache_type_v="q8_0", flash_attn=False)
    assert predict(blueprint(), load, gpu=True) is None


def test_a_model_without_a_tensor_that_it_needs_is_not_predicted() -> None:
    assert predict(blueprint(block=attention), LOAD, gpu=True) is not None
    assert predict(blueprint(block=network), LOAD, gpu=True) is None


@pytest.mark.parametrize(
    "hyperparameters",
    [
        {"block_count": 0},
        {"block_count": 100000},
        {"embedding_length": "much"},
        {"context_length": -1},
        {"attention__head_count": 0},
    ],
)
def test_a_header_that_contradicts_itself_is_not_predicted(hyperparameters: dict[str, str | int]) -> None:
    assert predict(blueprint(**hyperparameters), LOAD, gpu=True) is None


# what is loaded beside the model


def test_a_projector_lies_with_the_model_unless_it_is_to_stay_in_main_memory() -> None:
    alone, size_of_file = need(blueprint()), 1 << 30
    beside = predict(blueprint(), LOAD, gpu=True, projector=size_of_file)
    assert beside is not None
    assert beside.device.total >= alone.device.total + size_of_file
    stays = predict(blueprint(), replace(LOAD, mmproj_offload=False), gpu=True, projector=size_of_file)
    assert stays is not None
    assert stays.device == alone.device
    assert stays.host.total >= alone.host.total + size_of_file


def test_a_draft_model_is_added() -> None:
    drafted = predict(blueprint(), LOAD, gpu=True, draft=blueprint(blocks=2))
    assert drafted is not None
    assert drafted.device.total == need(blueprint()).device.total + need(blueprint(blocks=2)).device.total


def test_with_an_unknown_draft_model_nothing_is_known() -> None:
    assert predict(blueprint(), LOAD, gpu=True, draft=blueprint("of-tomorrow")) is None
