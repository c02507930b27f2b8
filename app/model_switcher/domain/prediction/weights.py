"""Where the weights lie: exact, for llama.cpp puts them down as they are in the file.

Sources: llama.cpp b11434, src/llama-model.cpp (`load_tensors`), src/llama-model-loader.cpp (`create_tensor`),
src/llama-arch.cpp (`LLM_TENSOR_INFOS`), common/common.h (`LLM_FFN_EXPS_REGEX`).
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from model_switcher.domain.prediction.graph import Place

if TYPE_CHECKING:
    from model_switcher.domain.prediction.blueprint import Tensor
    from model_switcher.domain.prediction.hyperparameters import Hyperparameters
    from model_switcher.domain.prediction.load import LoadOptions

# `LLM_TENSOR_LAYER_INPUT`: these are looked up, not multiplied with, and never leave main memory.
_INPUT = frozenset(
    {"token_embd.weight", "position_embd.weight", "token_types.weight", "per_layer_token_embd.weight"}
)
# `LLM_TENSOR_LAYER_OUTPUT`, by the beginning of the name.
_OUTPUT = ("output", "cls", "dense_2", "dense_3", "altup_", "dec.output_norm", "enc.output_norm")
_EXPERTS = re.compile(r"ffn_(up|down|gate|gate_up)_(ch|)exps")
_DENSE = re.compile(r"ffn_(up|down|gate)\.")
EMBEDDINGS = "token_embd.weight"
OUTPUT = "output.weight"


class Places:
    """Says where each weight of a model lies.

    Args:
        model: The model.
        load: How it is loaded.
        gpu: Whether there is a GPU.
    """

    def __init__(self, model: Hyperparameters, load: LoadOptions, *, gpu: bool) -> None:
        layers = model.blocks + 1
        wanted = layers if load.n_gpu_layers is None else min(load.n_gpu_layers, layers)
        # Counted from the output layer downwards.
        self._first = layers - wanted if gpu else layers
        self._output = model.blocks
        self._load = load
        self._overrides = (
            [(re.compile(pattern), host) for pattern, host in load.override_tensor] if gpu else []
        )
        self._gpu = gpu

    def of_block(self, block: int) -> Place:
        """Where a block lies, and what it remembers."""
        return Place.DEVICE if block >= self._first else Place.HOST

    @property
    def output(self) -> Place:
        """Where the output layer lies."""
        return self.of_block(self._output)

    def of_tensor(self, tensor: Tensor, block: int) -> Place:
        """Where a weight of a block lies."""
        place = self.of_block(block)
        if not self._gpu:
            return place
        if self._overrides and (overridden := self._overridden(f"blk.{block}.{tensor.name}")) is not None:
            return overridden
        kept = (block < self._load.n_cpu_moe and _EXPERTS.match(tensor.name)) or (
            block < self._load.n_cpu_ffn and _DENSE.match(tensor.name)
        )
        return Place.HOST if kept else place

    def of_outer(self, name: str) -> Place:
        """Where a weight of no block lies."""
        if self._overrides and (overridden := self._overridden(name)) is not None:
            return overridden
        if name in _INPUT:
            return Place.HOST
        return self.output if name.startswith(_OUTPUT) else self.of_block(0)

    @property
    def is_divided(self) -> bool:
        """Whether some weights of blocks, but not all, may lie on the GPU, or none although there is one."""
        return self._gpu and (self._first > 0 or self.has_exceptions)

    @property
    def has_exceptions(self) -> bool:
        """Whether weights of one block may lie in different places."""
        return self._gpu and bool(self._overrides or self._load.n_cpu_moe or self._load.n_cpu_ffn)

    def _overridden(self, name: str) -> Place | None:
        for pattern, host in self._overrides:
            if pattern.search(name):
                return Place.HOST if host else Place.DEVICE
        return None


def weights(model: Hyperparameters, places: Places) -> dict[Place, int]:
    """Bytes of weights in each place."""
    total = dict.fromkeys(Place, 0)
    for name, tensor in model.layout.outer.items():
        total[places.of_outer(name)] += tensor.size
    for block, size in block_sizes(model):
        if not places.has_exceptions:
            total[places.of_block(block)] += size
            continue
        for tensor in model.layout.blocks[block].values():
            total[places.of_tensor(tensor, block)] += tensor.size
    if is_tied(model) and places.output is Place.DEVICE:
        total[Place.DEVICE] += model.layout.outer[EMBEDDINGS].size
    elif is_tied(model) and model.architecture.output_first:
        total[Place.HOST] += model.layout.outer[EMBEDDINGS].size
    return total


@functools.lru_cache(2048)
def block_sizes(model: Hyperparameters) -> tuple[tuple[int, int], ...]:
    """Number and bytes of each block that is loaded: those that only predict further tokens are not."""
    return tuple(
        (block, sum(tensor.size for tensor in tensors.values()))
        for block, tensors in sorted(model.layout.blocks.items())
        if block < model.trunk
    )


def is_tied(model: Hyperparameters) -> bool:
    """Whether the embeddings serve as the output layer too; on a GPU that takes a copy of them."""
    outer = model.layout.outer
    return OUTPUT not in outer and EMBEDDINGS in outer and model.architecture.has_output
