"""What room llama.cpp needs to work, what stands beside a model, and what is not predicted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fakes.small_models import (
    CONTEXT,
    HEAD,
    HEADS,
    LOAD,
    VOCABULARY,
    attention,
    blueprint,
    decoder_block,
    expert_block,
    network,
    predicted,
    tensor,
)
from model_switcher.domain.prediction.blueprint import Tensor
from model_switcher.domain.prediction.predict import predict

F32 = 4


def test_room_to_work_grows_with_the_batch() -> None:
    model = blueprint()
    some = [predicted(model, replace(LOAD, ubatch_size=tokens)).device.compute for tokens in (128, 512, 2048)]
    assert some[0] < some[1] < some[2]


def test_without_flash_attention_the_scores_of_all_heads_take_room() -> None:
    scores = CONTEXT * 512 * HEADS * F32
    assert (
        predicted(blueprint()).device.compute
        < scores
        < predicted(blueprint(), replace(LOAD, flash_attn=False)).device.compute
    )


def test_vectors_of_all_tokens_are_answered_for() -> None:
    every = predicted(blueprint(), replace(LOAD, embedding=True)).device.compute
    assert every >= 512 * VOCABULARY * F32 > predicted(blueprint()).device.compute


def test_a_model_that_cannot_do_flash_attention_is_loaded_without() -> None:
    model = blueprint("grok", block=expert_block, expert_used_count=2)
    assert predicted(model).device.compute > CONTEXT * 512 * HEADS * F32


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
    left, forced = predicted(model, load), predicted(model, replace(load, flash_attn=True))
    assert left.device.compute > forced.device.compute


def test_a_projector_lies_with_the_model_unless_it_is_to_stay_in_main_memory() -> None:
    alone, size_of_file = predicted(blueprint()), 1 << 30
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
    assert (
        drafted.device.total
        == predicted(blueprint()).device.total + predicted(blueprint(blocks=2)).device.total
    )


def test_with_an_unknown_draft_model_nothing_is_known() -> None:
    assert predict(blueprint(), LOAD, gpu=True, draft=blueprint("of-tomorrow")) is None


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
