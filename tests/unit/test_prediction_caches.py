"""What llama.cpp keeps of a context: one rule at a time, with small models in which nothing else happens."""

from __future__ import annotations

from dataclasses import replace

from fakes.small_models import (
    BLOCKS,
    CONTEXT,
    HEAD,
    HEADS,
    HEADS_KV,
    LOAD,
    ONE_STATE,
    ROW,
    STATE,
    attention,
    blueprint,
    latent_block,
    network,
    predicted,
    state_block,
)
from model_switcher.domain.prediction.load import LoadOptions

F16 = 2


def test_a_cache_holds_keys_and_values_of_each_token_in_each_block() -> None:
    assert predicted(blueprint()).device.cache == ROW * CONTEXT * BLOCKS


def test_without_a_context_size_the_whole_context_that_the_model_was_trained_for_is_kept() -> None:
    found = predicted(blueprint(context_length=20480), LoadOptions())
    assert found.ctx_size == 20480
    assert found.device.cache == ROW * 20480 * BLOCKS


def test_contexts_are_whole_multiples_of_256() -> None:
    assert predicted(blueprint(), replace(LOAD, ctx_size=5000)).ctx_size == 5120


def test_slots_with_a_context_each_share_the_tokens_evenly() -> None:
    load = replace(LOAD, ctx_size=10000, parallel=3, kv_unified=False)
    found = predicted(blueprint(), load)
    assert found.ctx_size == 3 * 3584
    assert found.device.cache == ROW * 3 * 3584 * BLOCKS


def test_a_quantized_cache_takes_what_its_blocks_take() -> None:
    load = replace(LOAD, cache_type_k="q8_0", cache_type_v="q4_0")
    each = HEADS_KV * HEAD // 32
    assert predicted(blueprint(), load).device.cache == (34 + 18) * each * CONTEXT * BLOCKS


def test_blocks_with_a_sliding_window_keep_no_more_than_that_and_a_batch_for_each_slot() -> None:
    model = blueprint("gemma3", attention__sliding_window=1024, blocks=12)
    dense = 2  # each sixth
    window = 4 * 1024 + 512
    load = replace(LOAD, ctx_size=65536)
    assert predicted(model, load).device.cache == ROW * (dense * 65536 + (12 - dense) * window)
    assert predicted(model, replace(load, swa_full=True)).device.cache == ROW * 12 * 65536
    one = replace(load, parallel=1)
    assert predicted(model, one).device.cache == ROW * (dense * 65536 + (12 - dense) * (1024 + 512))


def test_a_file_may_say_itself_which_blocks_have_a_sliding_window() -> None:
    pattern: list[bool | int | float] = [True, True, True, False] * 2
    model = blueprint("gemma4", attention__sliding_window=512, attention__sliding_window_pattern=pattern)
    window = 4 * 512 + 512
    assert predicted(model).device.cache == ROW * (2 * CONTEXT + 6 * window)


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
    assert predicted(model).device.cache == 576 * F16 * CONTEXT * BLOCKS


def test_older_files_of_latent_attention_keep_keys_and_values_of_each_head() -> None:
    model = blueprint(
        "deepseek2",
        block=lambda block: latent_block(block, absorbed=False),
        attention__head_count_kv=HEADS,
        attention__key_length=192,
        attention__value_length=128,
        attention__kv_lora_rank=512,
    )
    assert predicted(model).device.cache == HEADS * (192 + 128) * F16 * CONTEXT * BLOCKS


def test_a_recurrent_model_keeps_a_state_for_each_slot_however_long_the_context_is() -> None:
    model = blueprint(
        "mamba2", block=state_block, attention__head_count=0, attention__head_count_kv=0, **STATE
    )
    assert predicted(model).device.cache == 4 * ONE_STATE * BLOCKS
    assert predicted(model, replace(LOAD, ctx_size=65536)).device.cache == 4 * ONE_STATE * BLOCKS
    assert predicted(model, replace(LOAD, parallel=1)).device.cache == ONE_STATE * BLOCKS


def test_a_hybrid_model_keeps_states_in_some_blocks_and_keys_and_values_in_the_others() -> None:
    heads: list[bool | int | float] = [0, 0, 0, HEADS_KV] * 2
    model = blueprint(
        "granitehybrid",
        block=lambda block: [*(attention(block) if heads[block] else state_block(block)), *network(block)],
        attention__head_count_kv=heads,
        **STATE,
    )
    assert predicted(model).device.cache == 2 * ROW * CONTEXT + 6 * 4 * ONE_STATE


def test_an_encoder_keeps_nothing() -> None:
    model = blueprint("llama-embed", pooling_type=1)
    assert predicted(model, LoadOptions(embedding=True)).device.cache == 0


def test_caches_may_stay_in_main_memory() -> None:
    found = predicted(blueprint(), replace(LOAD, kv_offload=False))
    assert found.device.cache == 0
    assert found.host.cache == ROW * CONTEXT * BLOCKS
