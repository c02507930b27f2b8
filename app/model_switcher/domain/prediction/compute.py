"""How large the compute buffers are: the graph of the largest batch is built and its results are put in their places."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from model_switcher.domain.prediction.allocator import buffer_sizes
from model_switcher.domain.prediction.graph import COPY, Node, Place
from model_switcher.domain.prediction.graphs.builder import Builder
from model_switcher.domain.prediction.graphs.decoder import build_decoder
from model_switcher.domain.prediction.graphs.encoder import build_encoder
from model_switcher.domain.prediction.graphs.gemma import SPARSE_BLOCKS, build_gemma3n, build_gemma4
from model_switcher.domain.prediction.graphs.rwkv import build_rwkv6, build_rwkv7
from model_switcher.domain.prediction.scheduler import schedule
from model_switcher.domain.prediction.traits import Family

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from model_switcher.domain.prediction.cache import Extent
    from model_switcher.domain.prediction.hyperparameters import Hyperparameters
    from model_switcher.domain.prediction.load import LoadOptions
    from model_switcher.domain.prediction.weights import Places


# A run of blocks that came this often needs no more memory when it comes again.
_REPEATS = 2
# Vulkan gives no more at once; CUDA has no such bound (`get_max_size` of the buffer types).
_PIECE = 1 << 30

_BUILDERS = {
    Family.ENCODER: build_encoder,
    Family.GEMMA3N: build_gemma3n,
    Family.GEMMA4: build_gemma4,
    Family.RWKV6: build_rwkv6,
    Family.RWKV7: build_rwkv7,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What it takes to run a model.

    Attributes:
        size: Bytes of the compute buffer in each place.
        doubt: Bytes by which that on the device may differ.
    """

    size: dict[Place, int]
    doubt: int


def compute(model: Hyperparameters, load: LoadOptions, size: Extent, places: Places, *, gpu: bool) -> Work:
    """Build the graph of the largest batch and lay it out.

    Raises:
        UnfamiliarModelError: The model lacks what its architecture always has.
    """
    build = _built(model, load, size, places, gpu=gpu)
    nodes = schedule(build.graph, device=gpu, take_over=load.op_offload)
    leaves = build.graph.leaves
    found = buffer_sizes(nodes, leaves, largest_piece=_PIECE if gpu else None)
    doubt = 0
    if found[Place.DEVICE] > _PIECE:
        doubt = abs(buffer_sizes(nodes, leaves)[Place.DEVICE] - found[Place.DEVICE])
    return Work(size=found, doubt=doubt + _largest_copy(nodes))


def _largest_copy(nodes: Sequence[Node]) -> int:
    """What of the weights and caches is brought to the device for a while: whether one more fits into a gap depends on
    the order in which a backend runs things.
    """
    copied = (
        node.size for node in nodes if node.operation == COPY and node.place is Place.DEVICE and node.kept
    )
    return max(copied, default=0)


def can_flash(model: Hyperparameters, load: LoadOptions, size: Extent, places: Places) -> bool:
    """Whether flash attention runs where its blocks lie, with a token for each slot; else llama.cpp does without
    (`resolve_fused_ops` in src/llama-context.cpp).

    Raises:
        UnfamiliarModelError: The model lacks what its architecture always has.
    """
    small = replace(size, tokens=size.slots, outputs=size.slots)
    build = _built(model, load, small, places, gpu=True)
    schedule(build.graph, device=True, take_over=load.op_offload)
    return all(node.place is places.of_block(block) for block, node in build.flash)


def _built(model: Hyperparameters, load: LoadOptions, size: Extent, places: Places, *, gpu: bool) -> Builder:
    build = Builder(model, load, size, places)
    copied = gpu and load.op_offload
    blocks = _telling_blocks([_kind(build, block, copied=copied) for block in range(model.trunk)])
    _BUILDERS.get(model.architecture.family, build_decoder)(build, blocks)
    return build


def _kind(build: Builder, block: int, *, copied: bool) -> tuple[object, ...]:
    """Equal for blocks that need the same memory to work.

    Args:
        build: The graph in the making.
        block: The block.
        copied: Whether the device may work with copies of weights: their bytes count then.
    """
    model = build.model
    tensors = model.layout.blocks.get(block, {})
    places = tuple(build.places.of_tensor(tensor, block) for tensor in tensors.values())
    return (
        tuple((tensor.name, tensor.shape) for tensor in tensors.values()),
        places,
        tuple(tensor.size for tensor in tensors.values()) if copied and Place.HOST in places else (),
        build.places.of_block(block),
        build.rotates(block),
        *(kinds[block] for kinds in (model.sliding, model.caches, model.states, model.heads, model.heads_kv)),
        model.per_block("expert_used_count")[block],
        block < model.number("n_deepstack_layers"),
        block < SPARSE_BLOCKS and model.architecture.family is Family.GEMMA3N,
    )


def _telling_blocks(kinds: Sequence[Hashable]) -> list[int]:
    """Blocks that need as much as all of them: runs of three kinds that came often enough are left out."""
    numbers: dict[Hashable, int] = {}
    numbered = [numbers.setdefault(kind, len(numbers)) for kind in kinds]
    seen: Counter[tuple[int, ...]] = Counter()
    telling = []
    for block in range(len(numbered)):
        run = tuple(numbered[max(0, block - 2) : block + 1])
        seen[run] += 1
        if seen[run] <= _REPEATS or block == len(numbered) - 1:
            telling.append(block)
    return telling
