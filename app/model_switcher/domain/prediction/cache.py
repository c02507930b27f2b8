"""What a context remembers: keys and values, and recurrent states. Exact.

Sources: llama.cpp b11434, src/llama-context.cpp (the constructor), src/llama-kv-cache.cpp, src/llama-kv-cache-iswa.cpp,
src/llama-memory-recurrent.cpp.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from model_switcher.domain.prediction.graph import Place
from model_switcher.domain.tensor_types import TENSOR_TYPES, TYPE_NUMBERS

if TYPE_CHECKING:
    from model_switcher.domain.prediction.hyperparameters import Hyperparameters
    from model_switcher.domain.prediction.load import LoadOptions
    from model_switcher.domain.prediction.weights import Places

# Contexts and caches are whole multiples of this (`GGML_PAD(…, 256)`).
STEP = 256
_STATE_ELEMENT = 4  # F32
# Types of caches that are not quantized.
PLAIN_TYPES = frozenset({"f32", "f16", "bf16"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much of a context there is.

    Attributes:
        ctx_size: Tokens of all slots together.
        cells: Tokens that one cache holds.
        cells_swa: The same in layers with a sliding window.
        streams: Caches side by side, one for each slot that has a context of its own.
        tokens: Worked on at once.
        slots: Sequences at a time.
        outputs: Tokens of a batch that are answered for.
    """

    ctx_size: int
    cells: int
    cells_swa: int
    streams: int
    tokens: int
    slots: int
    outputs: int


def extent(model: Hyperparameters, load: LoadOptions) -> Extent:
    """The context that llama.cpp makes of the options."""
    asked = load.ctx_size or model.context_length
    batch = min(asked, load.batch_size) if model.causal else load.batch_size
    tokens = min(batch, load.ubatch_size or load.batch_size)
    ctx_size = _padded(asked)
    slots = max(1, load.parallel)
    cells, streams = ctx_size, 1
    if not load.kv_unified:
        cells, streams = _padded(ctx_size // slots), slots
        ctx_size = cells * slots
    window = model.window * (slots if load.kv_unified else 1) + tokens
    cells_swa = cells if load.swa_full else _padded(min(cells, window))
    tokens = min(tokens, ctx_size)
    # As many for each slot (`graph_reserve`).
    tokens = -(-tokens // slots) * slots
    return Extent(
        ctx_size=ctx_size,
        cells=cells,
        cells_swa=cells_swa,
        streams=streams,
        tokens=tokens,
        slots=slots,
        outputs=tokens if load.embedding else min(tokens, slots),
    )


def caches(
    model: Hyperparameters, load: LoadOptions, size: Extent, places: Places
) -> dict[Place, int] | None:
    """Bytes of what is remembered in each place; None for a type of cache this program does not know."""
    total = dict.fromkeys(Place, 0)
    for block in range(model.blocks):
        place = places.of_block(block) if load.kv_offload else Place.HOST
        if model.caches[block]:
            keys, values = cache_rows(model, load, block)
            if keys is None or values is None:
                return None
            cells = size.cells_swa if model.sliding[block] else size.cells
            total[place] += (keys + values) * cells * size.streams
        if model.states[block] and block < model.trunk:
            total[place] += _STATE_ELEMENT * (model.convolution_state + model.recurrent_state) * size.slots
    return total


def cache_rows(model: Hyperparameters, load: LoadOptions, block: int) -> tuple[int | None, int | None]:
    """Bytes of one token's keys and values in a block; None for a type this program does not know."""
    sliding = model.sliding[block]
    heads = model.heads_kv[block]
    keys = row_size(load.cache_type_k, (model.key_swa if sliding else model.key) * heads)
    if model.latent:
        return keys, 0
    width = (model.value_swa if sliding else model.value) * heads
    if not load.flash_attn:
        width = widest_values(model)  # turned round, all layers are as wide as the widest
    return keys, row_size(load.cache_type_v, width)


def widest_values(model: Hyperparameters) -> int:
    """Numbers in one token's values in the block that has most (`n_embd_v_gqa_max`)."""
    return max(
        (model.value_swa if sliding else model.value) * heads
        for sliding, heads in zip(model.sliding, model.heads_kv, strict=True)
    )


def row_size(cache_type: str, elements: int) -> int | None:
    """Bytes of a row of `elements`; None for a type this program does not know."""
    number = TYPE_NUMBERS.get(cache_type.upper())
    if number is None:
        return None
    kind = TENSOR_TYPES[number]
    return elements // kind.block_elements * kind.block_bytes


def _padded(tokens: int) -> int:
    return -(-tokens // STEP) * STEP
