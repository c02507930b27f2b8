"""What a model would take: by the rules, else as its engine said; as it was measured, where it was."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from model_switcher.domain.lowering import Lowering, at_context, lowered
from model_switcher.domain.need import Need, Source
from model_switcher.domain.prediction.predict import predict

if TYPE_CHECKING:
    from model_switcher.domain.catalog import Model
    from model_switcher.domain.prediction.blueprint import Blueprint
    from model_switcher.domain.prediction.load import LoadOptions
    from model_switcher.engine.needs.breakdown import Account
    from model_switcher.engine.needs.setup import Setup
    from model_switcher.engine.needs.store import Key, NeedStore

SMALLEST_CONTEXT = 4096
_STEP = 256
_DOUBT = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a model takes.

    Attributes:
        need: The best that is known.
        predicted: The same by rules or by the engine's word; equals `need` where nothing was measured.
        whole: As predicted, but with all layers on the GPU that were to be, where llama-server would move some of them
            to main memory; else equals `predicted`.
        least: As `whole`, with the smallest context that is of use; None where all of it fits.
        layers: How many layers would fit with the context of `whole`; None where all do, or none.
        shortened: Whether the context is smaller than it would be with more memory.
    """

    need: Need
    predicted: Need
    whole: Need
    least: Need | None = None
    layers: int | None = None
    shortened: bool = False

    @property
    def is_as_set(self) -> bool:
        """Whether all of it fits with the options as they are."""
        return not self.shortened and self.least is None and self.whole is self.predicted

    @property
    def known(self) -> tuple[Need, ...]:
        """What is known, the best first."""
        return (self.need,) if self.need is self.predicted else (self.need, self.predicted)


class Estimator:
    """Says what one model takes when it is loaded in different ways. Blocks for some milliseconds a question.

    Args:
        model: The model.
        setup: How it would be started.
        key: What its needs belong to.
        store: What was learned.
        draft: The blueprint of its draft model.

    Attributes:
        rest: How long it sleeps after each prediction, as a part of the time that it took: threads share the interpreter.
    """

    def __init__(
        self, model: Model, setup: Setup, key: Key, store: NeedStore, *, draft: Blueprint | None = None
    ) -> None:
        self._model = model
        self._setup = setup
        self._key = key
        self._store = store
        self._draft = draft
        self._followed: dict[LoadOptions, Need | None] = {}
        self.rest = 0.0

    @property
    def ctx_size(self) -> int:
        """The context that its options set; 0 where llama-server chooses."""
        return self._setup.load.ctx_size

    def ask(self, load: LoadOptions) -> Need | None:
        """What the model takes by the rules, where they doubt or do not know it by its engine's word; None if neither says."""
        need = self._by_the_rules(load)
        if need is None or is_weak(need):
            need = self._by_the_engine(load) or need
        if need is None or need.device.total == 0:
            return need
        return replace(need, driver=self._store.driver(self._key.gpus))

    def estimate(self, free: int | None, room: int | None) -> Estimate | None:
        """What it takes with what llama-server may lower; None if nobody knows.

        Args:
            free: Bytes that llama-server counts on: what is free on all GPUs together, else all of main memory; None
                if unknown.
            room: Bytes that are free for its buffers once everything of ours is unloaded.
        """
        load = self._setup.load
        asked = self.ask(load)
        if asked is None:
            return None
        if free is None:
            return Estimate(need=self._measured(asked) or asked, predicted=asked, whole=asked)
        predicted = self._lowered(free, self._setup.allowed) or asked
        whole = predicted
        if predicted.device.weights != asked.device.weights:
            whole = self.ask(replace(load, ctx_size=predicted.ctx_size)) or asked
        estimate = Estimate(
            need=self._measured(predicted) or predicted,
            predicted=predicted,
            whole=whole,
            shortened=predicted.ctx_size < asked.ctx_size,
        )
        gpu = bool(self._setup.gpus)
        if room is None or (whole.device if gpu else whole.host).total <= room:
            return estimate
        return replace(
            estimate,
            least=self.ask(replace(load, ctx_size=min(SMALLEST_CONTEXT, whole.ctx_size))),
            # Where the experts alone would move, the layers that would fit are still to be found.
            layers=self._layers(room, whole.ctx_size) if gpu and predicted.n_gpu_layers is None else None,
        )

    def _lowered(
        self, free: int, allowed: Lowering | None, *, ctx_size: int | None = None, experts: bool = True
    ) -> Need | None:
        setup = self._setup
        load = setup.load if ctx_size is None else replace(setup.load, ctx_size=ctx_size)
        model = self._model
        return lowered(
            self.ask,
            load,
            allowed,
            free=free,
            gpus=len(setup.gpus),
            blocks=model.block_count or 0,
            experts=experts and model.active_parameters != model.parameters,
        )

    def _layers(self, free: int, ctx_size: int) -> int | None:
        fewer = Lowering(target=0, context=None, layers=True)
        found = self._lowered(free, fewer, ctx_size=ctx_size, experts=False)
        return found.n_gpu_layers if found is not None and found.device.total <= free else None

    def at_context(self, ctx_size: int) -> Need | None:
        """What it takes with that context, as far as it was not measured."""
        return self.ask(replace(self._setup.load, ctx_size=ctx_size))

    def _measured(self, predicted: Need) -> Need | None:
        return self._store.measured(self._key, ctx_size=predicted.ctx_size, layers=predicted.n_gpu_layers)

    def _by_the_rules(self, load: LoadOptions) -> Need | None:
        if load not in self._followed:
            began = time.perf_counter()
            self._followed[load] = self._predict(load)
            time.sleep((time.perf_counter() - began) * self.rest)
        return self._followed[load]

    def _predict(self, load: LoadOptions) -> Need | None:
        blueprint = self._model.blueprint
        if blueprint is None:
            return None
        return predict(
            blueprint,
            load,
            gpu=bool(self._setup.gpus),
            projector=self._model.projector_blueprint,
            draft=self._draft,
        )

    def _by_the_engine(self, load: LoadOptions) -> Need | None:
        if replace(load, ctx_size=0) != replace(self._setup.load, ctx_size=0):
            return None  # it was not asked that
        said = self._store.said(self._key, layers=self._setup.layers)
        if not said:
            return None
        wanted = padded(load.ctx_size or self._model.context_length or said[-1].ctx_size)
        exact = next((need for need in said if need.ctx_size == wanted), None)
        if exact is not None:
            return exact
        return at_context(said[0], said[-1], wanted) if len(said) > 1 else None


def is_weak(need: Need) -> bool:
    """Whether the bounds of a need are too far apart to rely on it."""
    return need.high - need.low > need.high * _DOUBT


def questions(model: Model, setup: Setup) -> tuple[int, ...]:
    """The contexts that the engine is to be asked about where the rules do not know the model."""
    if model.architecture is None or model.context_length is None:
        return ()
    if setup.load.ctx_size:
        return (padded(setup.load.ctx_size),)
    whole = padded(model.context_length)
    return tuple(sorted({min(SMALLEST_CONTEXT, whole), whole}))


def padded(ctx_size: int) -> int:
    """The context that llama.cpp makes of it (src/llama-context.cpp)."""
    return -(-ctx_size // _STEP) * _STEP


def need_of(account: Account, *, ctx_size: int, layers: int | None) -> Need:
    """What an engine's account says, as a need."""
    total = account.device.total
    return Need(
        device=account.device,
        host=account.host,
        source=Source.ENGINE,
        ctx_size=ctx_size,
        n_gpu_layers=layers if total else 0,
        low=total,
        high=total,
    )
