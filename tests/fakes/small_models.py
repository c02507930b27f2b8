"""Blueprints of small models that do not exist, one rule each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_switcher.domain.prediction.blueprint import Tensor, open_blueprint, pack
from model_switcher.domain.prediction.load import LoadOptions
from model_switcher.domain.prediction.predict import predict
from model_switcher.domain.tensor_types import TYPE_NUMBERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from model_switcher.domain.need import Need
    from model_switcher.domain.prediction.blueprint import Blueprint, Hyperparameter

BLOCKS, EMBEDDING, HEADS, HEADS_KV, HEAD, NETWORK, VOCABULARY = 8, 1024, 16, 4, 64, 3072, 32000


CONTEXT = 8192
LOAD = LoadOptions(ctx_size=CONTEXT)
# Keys and values of one token in one block.
ROW = 2 * HEADS_KV * HEAD * 2
# Of a state-space layer.
STATE = {
    "ssm__conv_kernel": 4,
    "ssm__inner_size": 2048,
    "ssm__state_size": 128,
    "ssm__time_step_rank": 32,
    "ssm__group_count": 1,
}
# Bytes that one of them keeps for each sequence.
ONE_STATE = 4 * (3 * (2048 + 2 * 128) + 128 * 2048)


def tensor(name: str, *shape: int, kind: str = "F16") -> Tensor:
    return Tensor(name, TYPE_NUMBERS[kind], shape)


def attention(block: int) -> list[Tensor]:
    name = f"blk.{block}."
    return [
        tensor(f"{name}attn_norm.weight", EMBEDDING, kind="F32"),
        tensor(f"{name}attn_q.weight", EMBEDDING, HEADS * HEAD),
        tensor(f"{name}attn_k.weight", EMBEDDING, HEADS_KV * HEAD),
        tensor(f"{name}attn_v.weight", EMBEDDING, HEADS_KV * HEAD),
        tensor(f"{name}attn_output.weight", HEADS * HEAD, EMBEDDING),
    ]


def network(block: int) -> list[Tensor]:
    name = f"blk.{block}."
    return [
        tensor(f"{name}ffn_norm.weight", EMBEDDING, kind="F32"),
        tensor(f"{name}ffn_gate.weight", EMBEDDING, NETWORK),
        tensor(f"{name}ffn_up.weight", EMBEDDING, NETWORK),
        tensor(f"{name}ffn_down.weight", NETWORK, EMBEDDING),
    ]


def experts(block: int, count: int = 16) -> list[Tensor]:
    name = f"blk.{block}."
    return [
        tensor(f"{name}ffn_norm.weight", EMBEDDING, kind="F32"),
        tensor(f"{name}ffn_gate_inp.weight", EMBEDDING, count, kind="F32"),
        tensor(f"{name}ffn_gate_exps.weight", EMBEDDING, NETWORK, count),
        tensor(f"{name}ffn_up_exps.weight", EMBEDDING, NETWORK, count),
        tensor(f"{name}ffn_down_exps.weight", NETWORK, EMBEDDING, count),
    ]


def decoder_block(block: int) -> list[Tensor]:
    return [*attention(block), *network(block)]


def expert_block(block: int) -> list[Tensor]:
    return [*attention(block), *experts(block)]


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


def blueprint(
    architecture: str = "llama",
    *,
    block: Callable[[int], list[Tensor]] = decoder_block,
    blocks: int = BLOCKS,
    tied: bool = False,
    more: Iterable[Tensor] = (),
    **hyperparameters: Hyperparameter,
) -> Blueprint:
    """A small model; in the names of hyper-parameters "__" stands for a dot."""
    known: dict[str, Hyperparameter] = {
        "block_count": blocks,
        "context_length": 131072,
        "embedding_length": EMBEDDING,
        "feed_forward_length": NETWORK,
        "attention.head_count": HEADS,
        "attention.head_count_kv": HEADS_KV,
    }
    known |= {name.replace("__", "."): value for name, value in hyperparameters.items()}
    tensors = [
        tensor("token_embd.weight", EMBEDDING, VOCABULARY),
        tensor("output_norm.weight", EMBEDDING, kind="F32"),
        *(() if tied else (tensor("output.weight", EMBEDDING, VOCABULARY),)),
        *more,
    ]
    for number in range(blocks):
        tensors += block(number)
    packed = pack(architecture, known, tensors)
    assert packed is not None
    return packed


def size(blueprint: Blueprint, *names: str) -> int:
    """Bytes of those tensors, in all blocks; without names, of all tensors."""
    layout = open_blueprint(blueprint)
    every = [*layout.outer.values(), *(item for block in layout.blocks.values() for item in block.values())]
    return sum(item.size for item in every if not names or item.name in names)


def predicted(model: Blueprint, load: LoadOptions = LOAD, *, gpu: bool = True) -> Need:
    """What a model takes, which must be known."""
    found = predict(model, load, gpu=gpu)
    assert found is not None
    return found
