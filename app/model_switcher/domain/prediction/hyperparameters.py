"""A model's hyper-parameters as llama.cpp understands them (src/llama-model.cpp, `load_hparams`; src/llama-hparams.cpp)."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from model_switcher.domain.prediction.architectures import ARCHITECTURES
from model_switcher.domain.prediction.blueprint import Blueprint, Layout, open_blueprint
from model_switcher.domain.prediction.traits import Architecture, Family, Memory, Recurrent, Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model_switcher.domain.prediction.blueprint import Hyperparameter

# LLAMA_MAX_LAYERS in src/llama-hparams.h
_MAX_BLOCKS = 512


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hyperparameters:
    """What a model is made of. Sequences have one entry for each block.

    Attributes:
        architecture: The rules of its architecture.
        layout: Its tensors, and whatever else its header says.
        blocks: All blocks, with those that only predict further tokens.
        trunk: Blocks that run for every token.
        embedding: Width of the embeddings.
        context_length: Tokens it was trained for.
        heads, heads_kv: Attention heads, and those of keys and values.
        feed_forward: Width of the feed-forward network.
        key, value: Width of one head's keys and values.
        key_swa, value_swa: The same in layers with a sliding window.
        latent: Whether keys and values are kept as one latent vector (MLA).
        window: Tokens of the sliding window; 0 for none.
        sliding: Which blocks have one.
        caches: Which blocks keep keys and values of their own.
        states: Which blocks keep a recurrent state.
        convolution_state, recurrent_state: Numbers in one such state.
        causal: Whether a token sees only those before.
    """

    architecture: Architecture
    layout: Layout
    blocks: int
    trunk: int
    embedding: int
    context_length: int
    heads: tuple[int, ...]
    heads_kv: tuple[int, ...]
    feed_forward: tuple[int, ...]
    key: int
    value: int
    key_swa: int
    value_swa: int
    latent: bool
    window: int
    sliding: tuple[bool, ...]
    caches: tuple[bool, ...]
    states: tuple[bool, ...]
    convolution_state: int
    recurrent_state: int
    causal: bool

    def number(self, key: str, default: int = 0) -> int:
        """A whole number of the header."""
        return _number(self.layout, key, default)

    def real(self, key: str) -> float:
        """A number of the header; 0.0 if there is none."""
        value = self.layout.hyperparameters.get(key)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0

    def per_block(self, key: str) -> tuple[int, ...]:
        """Whole numbers of the header, one for each block."""
        return _per_block(self.layout, key, self.blocks, 0)


@functools.lru_cache(2048)
def hyperparameters(blueprint: Blueprint) -> Hyperparameters | None:
    """The hyper-parameters of a model; None if its architecture has no rules here, or they do not fit it."""
    layout = open_blueprint(blueprint)
    architecture = ARCHITECTURES.get(layout.architecture)
    blocks = _number(layout, "block_count")
    embedding = _number(layout, "embedding_length")
    context_length = _number(layout, "context_length")
    if architecture is None or not 0 < blocks <= _MAX_BLOCKS or embedding <= 0 or context_length <= 0:
        return None
    if not _all_types_known(layout):
        return None
    trunk = blocks - min(blocks, _number(layout, "nextn_predict_layers"))
    heads = _per_block(layout, "attention.head_count", blocks, 0)
    heads_kv = _per_block(layout, "attention.head_count_kv", blocks, None) or heads
    feed_forward = _per_block(layout, "feed_forward_length", blocks, 0)
    usual = embedding // heads[0] if heads[0] else 0
    key = _number(layout, "attention.key_length", usual)
    value = _number(layout, "attention.value_length", usual)
    window, sliding = _windows(layout, architecture, blocks, trunk)
    states = _states(layout, architecture, heads_kv, feed_forward, trunk)
    convolution_state, recurrent_state = _state_sizes(layout, embedding, heads)
    return Hyperparameters(
        architecture=architecture,
        layout=layout,
        blocks=blocks,
        trunk=trunk,
        embedding=embedding,
        context_length=context_length,
        heads=heads,
        heads_kv=heads_kv,
        feed_forward=feed_forward,
        key=key,
        value=value,
        key_swa=_number(layout, "attention.key_length_swa", key),
        value_swa=_number(layout, "attention.value_length_swa", value),
        latent=_number(layout, "attention.key_length_mla") > 0,
        window=window,
        sliding=sliding,
        caches=_caches(layout, architecture, states, feed_forward, trunk),
        states=states,
        convolution_state=convolution_state,
        recurrent_state=recurrent_state,
        causal=layout.hyperparameters.get("attention.causal") is not False,
    )


def _all_types_known(layout: Layout) -> bool:
    tensors = chain(layout.outer.values(), *(block.values() for block in layout.blocks.values()))
    return all(tensor.type_name is not None for tensor in tensors)


def _number(layout: Layout, key: str, default: int = 0) -> int:
    value = layout.hyperparameters.get(key)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else default


def _per_block(layout: Layout, key: str, blocks: int, default: int | None) -> tuple[int, ...]:
    """One number for each block; () where the key is missing and `default` is None."""
    value = layout.hyperparameters.get(key)
    if isinstance(value, list):
        numbers = [_whole(item) for item in value[:blocks]]
        return tuple(numbers) + (0,) * (blocks - len(numbers))
    if value is None and default is None:
        return ()
    return (_number(layout, key, default or 0),) * blocks


def _whole(value: Hyperparameter) -> int:
    return int(value) if isinstance(value, int | float) and value >= 0 else 0


def _flags(values: Sequence[Hyperparameter], blocks: int) -> tuple[bool, ...]:
    flags = tuple(bool(value) for value in values[:blocks])
    return flags + (False,) * (blocks - len(flags))


def _windows(
    layout: Layout, architecture: Architecture, blocks: int, trunk: int
) -> tuple[int, tuple[bool, ...]]:
    """The size of the sliding window, and which blocks have one (`load_swa_pattern`, `set_swa_pattern`)."""
    rule = architecture.window
    none = (False,) * blocks
    if rule is None or rule.blocks not in (None, blocks):
        return 0, none
    size = _number(layout, "attention.sliding_window", rule.size or 0)
    if rule.forced and size and rule.size:
        size = rule.size
    if not size:
        return 0, none
    pattern = layout.hyperparameters.get("attention.sliding_window_pattern")
    if isinstance(pattern, list):
        return size, _flags(pattern, blocks)
    period = pattern if isinstance(pattern, int) and not isinstance(pattern, bool) else rule.period
    if period is None:
        return 0, none
    return size, tuple(block < trunk and _slides(block, period, rule) for block in range(blocks))


def _slides(block: int, period: int, rule: Window) -> bool:
    if period <= 0:
        return True
    return block % period != 0 if rule.dense_first else block % period < period - 1


def _states(
    layout: Layout,
    architecture: Architecture,
    heads_kv: tuple[int, ...],
    feed_forward: tuple[int, ...],
    trunk: int,
) -> tuple[bool, ...]:
    """Which blocks keep a recurrent state (`is_recr_impl`, filled by each model's `load_arch_hparams`)."""
    blocks = len(heads_kv)
    if architecture.memory is Memory.RECURRENT:
        return (True,) * blocks
    if architecture.memory is not Memory.HYBRID:
        return (False,) * blocks
    given = layout.hyperparameters.get("attention.recurrent_layers")
    if isinstance(given, list):
        return _flags(given, blocks)
    return _states_by_rule(layout, architecture, heads_kv, feed_forward, trunk)


def _states_by_rule(
    layout: Layout,
    architecture: Architecture,
    heads_kv: tuple[int, ...],
    feed_forward: tuple[int, ...],
    trunk: int,
) -> tuple[bool, ...]:
    blocks = len(heads_kv)
    match architecture.recurrent:
        case Recurrent.ALL:
            return (True,) * blocks
        case Recurrent.INTERVAL:
            interval = _number(layout, "full_attention_interval", 4) or 1
            return tuple(block < trunk and (block + 1) % interval != 0 for block in range(blocks))
        case Recurrent.NO_HEADS_NO_FEED_FORWARD:
            return tuple(not heads and not width for heads, width in zip(heads_kv, feed_forward, strict=True))
        case _:
            return tuple(not heads for heads in heads_kv)


def _caches(
    layout: Layout,
    architecture: Architecture,
    states: tuple[bool, ...],
    feed_forward: tuple[int, ...],
    trunk: int,
) -> tuple[bool, ...]:
    """Which blocks keep keys and values (`create_memory`, `has_kv`)."""
    blocks = len(states)
    if architecture.memory in (Memory.NONE, Memory.RECURRENT):
        return (False,) * blocks
    # llama.cpp b10434 keeps keys and values of the blocks that predict further tokens too; b11434 no longer does.
    last = blocks if architecture.memory is Memory.CACHE else trunk
    if architecture.family is Family.GEMMA3N:
        last = min(blocks, 20)  # a constant in gemma3n.cpp
    elif architecture.family is Family.GEMMA4:
        last = min(blocks, blocks - _number(layout, "attention.shared_kv_layers"))
    if architecture.recurrent is Recurrent.NO_HEADS_NO_FEED_FORWARD:
        return tuple(
            not state and not width and block < last
            for block, (state, width) in enumerate(zip(states, feed_forward, strict=True))
        )
    both = architecture.recurrent is Recurrent.ALL
    return tuple((both or not state) and block < last for block, state in enumerate(states))


def _state_sizes(layout: Layout, embedding: int, heads: tuple[int, ...]) -> tuple[int, int]:
    """Numbers in the convolution's and in the recurrent state (`n_embd_r`, `n_embd_s`)."""
    head = _number(layout, "wkv.head_size")
    if head:
        return _number(layout, "token_shift_count", 2) * embedding, embedding * head
    length = _number(layout, "shortconv.l_cache")
    if length:
        return embedding * (length - 1), 0
    kernel = _number(layout, "ssm.conv_kernel")
    head = _number(layout, "kda.head_dim")
    if head:
        inner = heads[0] * head
        return 3 * (kernel - 1 if kernel else 3) * inner, head * head * heads[0]
    inner, state = _number(layout, "ssm.inner_size"), _number(layout, "ssm.state_size")
    groups = _number(layout, "ssm.group_count")
    return max(kernel - 1, 0) * (inner + 2 * groups * state), state * inner
