"""How large the compute buffers are: the graph of the largest batch is built and its results are put in their places."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from model_switcher.domain.prediction.allocator import buffer_sizes
from model_switcher.domain.prediction.architectures import Family
from model_switcher.domain.prediction.graphs.builder import Builder
from model_switcher.domain.prediction.graphs.decoder import build_decoder
from model_switcher.domain.prediction.graphs.encoder import build_encoder
from model_switcher.domain.prediction.graphs.gemma import SPARSE_BLOCKS, build_gemma3n, build_gemma4
from model_switcher.domain.prediction.graph import Place
from model_switcher.domain.prediction.scheduler import schedule

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from model_switcher.domain.prediction.cache import Extent
    from model_switcher.domain.prediction.hyperparameters import Hyperparameters
    from model_switcher.domain.prediction.load import LoadOptions
    from model_switcher.domain.prediction.weights import Places


# A run of blocks that came this often needs no more memory when it comes again.
_REPEATS = 2

_BUILDERS = {
    Family.ENCODER: build_encoder,
    Family.GEMMA3N: build_gemma3n,
    Family.GEMMA4: build_gemma4,
}


def compute(
    model: Hyperparameters, load: LoadOptions, size: Extent, places: Places, *, gpu: bool
) -> dict[Place, int]:
    """Bytes of the compute buffer in each place.

    Raises:
        UnfamiliarModelError: The model lacks what its architecture always has.
    """
    build = Builder(model, load, size, places)
    blocks = _telling_blocks([_kind(build, block, copied=gpu and load.op_offload) for block in range(model.trunk)])
    _BUILDERS.get(model.architecture.family, build_decoder)(build, blocks)
    nodes = schedule(build.graph, device=gpu, take_over=load.op_offload)
    return buffer_sizes(nodes, build.graph.leaves)


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
    seen: Counter[tuple[Hashable, ...]] = Counter()
    telling = []
    for block in range(len(kinds)):
        run = tuple(kinds[max(0, block - 2) : block + 1])
        seen[run] += 1
        if seen[run] <= _REPEATS or block == len(kinds) - 1:
            telling.append(block)
    return telling
