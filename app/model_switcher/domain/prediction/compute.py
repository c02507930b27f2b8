"""How large the compute buffers are: the graph of the largest batch is built and its results are put in their places."""

from __future__ import annotations

from typing import TYPE_CHECKING

from model_switcher.domain.prediction.allocator import buffer_sizes
from model_switcher.domain.prediction.graphs.builder import Builder
from model_switcher.domain.prediction.graphs.decoder import build_decoder
from model_switcher.domain.prediction.scheduler import schedule

if TYPE_CHECKING:
    from model_switcher.domain.prediction.cache import Extent
    from model_switcher.domain.prediction.graph import Place
    from model_switcher.domain.prediction.hyperparameters import Hyperparameters
    from model_switcher.domain.prediction.load import LoadOptions
    from model_switcher.domain.prediction.weights import Places


def compute(
    model: Hyperparameters, load: LoadOptions, size: Extent, places: Places, *, gpu: bool
) -> dict[Place, int]:
    """Bytes of the compute buffer in each place."""
    build = Builder(model, load, size, places)
    build_decoder(build, range(model.trunk))
    nodes = schedule(build.graph, device=gpu, take_over=load.op_offload)
    return buffer_sizes(nodes, build.graph.leaves)
