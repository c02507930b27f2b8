"""What a small model takes on a card and on the processor, by how much is free."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fakes.engines import LLAMA_SERVER
from fakes.memory_truth import DATA, read_blueprints
from model_switcher.domain.catalog import Model
from model_switcher.domain.engines import EngineFacts
from model_switcher.domain.fit import Place, Space
from model_switcher.domain.launch import Option
from model_switcher.domain.memory import Gpu, Readings
from model_switcher.domain.need import Amount, Fit, FitKind, Source
from model_switcher.domain.prediction.blueprint import pack
from model_switcher.domain.units import GIB, MIB
from model_switcher.engine.catalog import scan_file
from model_switcher.engine.demo_models import write_llama
from model_switcher.engine.needs.breakdown import Account
from model_switcher.engine.needs.estimate import Estimate, Estimator, need_of, questions
from model_switcher.engine.needs.fits import fit_of
from model_switcher.engine.needs.ledger import Circumstances
from model_switcher.engine.needs.setup import Engine, setup
from model_switcher.engine.needs.store import Entry, NeedStore

ENGINE = Engine(
    binary=LLAMA_SERVER, facts=EngineFacts(version="b1", devices=("CUDA0: RTX",), flags=frozenset())
)
TRAINED = 1 << 18


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """24 MiB of weights in 8 layers, a cache of 16 KiB a token: 4 GiB with the trained context."""
    found = scan_file(
        write_llama(
            tmp_path_factory.mktemp("models") / "a.gguf", name="A", seed=1, context_length=TRAINED,
            embedding_length=512, block_count=8, feed_forward_length=1408,
        )
    )  # fmt: skip
    assert isinstance(found, Model)
    return found


@pytest.fixture
def store(tmp_path: Path) -> NeedStore:
    return NeedStore(tmp_path / "needs.sqlite")


def estimator(model: Model, store: NeedStore, *, gpu: bool = True, **options: Option) -> Estimator:
    given = {name.replace("_", "-"): value for name, value in options.items()}
    found = setup(model, ENGINE if gpu else None, given)
    return Estimator(model, found, found.key, store)


def on_card(model: Model, store: NeedStore, free: int, **options: Option) -> Estimate:
    estimate = estimator(model, store, **options).estimate(free, free)
    assert estimate is not None
    return estimate


def at(free: int | None, *, servers: int = 0) -> Circumstances:
    card = Gpu(index=0, name="RTX", source="amdgpu", total=free, used=0, free=free)
    there = Space(place=Place.GPU, free=free, servers=servers)
    return Circumstances(
        readings=Readings(time=0.0, gpus=(card,)), spaces={Place.GPU: there}, drivers=lambda _: None
    )


def fit(estimate: Estimate, free: int) -> Fit:
    return fit_of(estimate, at(free), margin=256 * MIB)


@pytest.mark.parametrize(
    ("now", "near"),
    [
        (at(GIB + 63 * MIB), True),
        (at(GIB - 63 * MIB), True),
        (at(GIB + 64 * MIB), False),
        (at(GIB - 64 * MIB), False),
        (at(GIB, servers=1), False),
        (at(None), False),
    ],
)
def test_what_changes_by_little_is_not_worked_out_again(now: Circumstances, near: bool) -> None:
    assert now.near(at(GIB)) is at(GIB).near(now) is near
    assert now.near(now)


def test_with_room_to_spare_it_is_loaded_as_it_is(model: Model, store: NeedStore) -> None:
    estimate = on_card(model, store, 16 * GIB)
    assert estimate.is_as_set
    assert estimate.need is estimate.predicted is estimate.whole
    assert (estimate.need.ctx_size, estimate.need.n_gpu_layers) == (TRAINED, None)
    assert fit(estimate, 16 * GIB) == Fit(kind=FitKind.ALONE, need=estimate.need.high)


def test_with_less_room_the_context_is_lowered_and_told(model: Model, store: NeedStore) -> None:
    estimate = on_card(model, store, 3 * GIB)
    assert estimate.shortened
    assert 4096 < estimate.need.ctx_size < TRAINED
    assert estimate.need.device.total <= 2 * GIB
    told = fit(estimate, 3 * GIB)
    assert (told.kind, told.ctx_size, told.n_gpu_layers) == (FitKind.ALONE, estimate.need.ctx_size, None)


def test_with_still_less_it_is_short_of_the_whole_and_tells_the_layers(
    model: Model, store: NeedStore
) -> None:
    free = GIB + 80 * MIB
    estimate = on_card(model, store, free)
    assert estimate.need.n_gpu_layers is not None
    assert estimate.whole.n_gpu_layers is None
    assert estimate.need.ctx_size == estimate.whole.ctx_size == 4096
    told = fit(estimate, free)
    assert told.n_gpu_layers == estimate.need.n_gpu_layers
    assert told.need == estimate.whole.high
    scarce = fit(on_card(model, store, 60 * MIB), 60 * MIB)
    assert scarce.kind is FitKind.SHORT
    assert scarce.shortfall == estimate.whole.low - 60 * MIB
    assert scarce.ctx_size is None


def test_of_a_mixture_whose_experts_would_move_the_layers_are_told_too(
    model: Model, store: NeedStore
) -> None:
    mixture = replace(
        model,
        blueprint=read_blueprints(DATA / "corpus-blueprints.json")["qwen3-30b-a3b-q4km"],
        block_count=48,
        parameters=30 * 10**9,
        active_parameters=3 * 10**9,
    )
    free = 12 * GIB
    estimate = on_card(mixture, store, free)
    assert estimate.predicted.n_gpu_layers is None, "experts alone"
    told = fit(estimate, free)
    assert told.kind is FitKind.SHORT
    assert told.n_gpu_layers is not None
    context = estimate.whole.ctx_size
    fits, more = (
        on_card(mixture, store, free, ctx_size=context, n_gpu_layers=told.n_gpu_layers + extra).need
        for extra in (0, 1)
    )
    assert fits.device.total <= free < more.device.total


def test_what_was_set_stays_and_what_would_fit_is_told(model: Model, store: NeedStore) -> None:
    free = 2 * GIB
    estimate = on_card(model, store, free, ctx_size=TRAINED, n_gpu_layers=99)
    assert (estimate.need.ctx_size, estimate.need.n_gpu_layers) == (TRAINED, None)
    told = fit(estimate, free)
    assert told.kind is FitKind.SHORT
    assert told.shortfall == estimate.need.low - free
    assert told.ctx_size is not None
    assert told.n_gpu_layers is not None
    for options in (
        {"ctx_size": told.ctx_size, "n_gpu_layers": 99},
        {"ctx_size": TRAINED, "n_gpu_layers": told.n_gpu_layers},
    ):
        would = on_card(model, store, free, **options)
        assert would.need.device.total <= free
    more = on_card(model, store, free, ctx_size=TRAINED, n_gpu_layers=told.n_gpu_layers + 1)
    assert more.need.device.total > free, "not one layer more"


def test_on_the_processor_main_memory_counts(model: Model, store: NeedStore) -> None:
    asked = estimator(model, store, gpu=False)
    whole = asked.estimate(16 * GIB, 16 * GIB)
    assert whole is not None
    assert whole.is_as_set
    assert (whole.need.device.total, whole.need.n_gpu_layers) == (0, 0)
    # llama-server counts on all of main memory, whatever is free of it.
    busy = asked.estimate(16 * GIB, GIB)
    assert busy is not None
    assert busy.need.ctx_size == TRAINED
    assert busy.least is not None
    small = asked.estimate(3 * GIB, 3 * GIB)
    assert small is not None
    assert small.shortened


def test_nothing_is_lowered_where_the_free_memory_is_unknown(model: Model, store: NeedStore) -> None:
    estimate = estimator(model, store).estimate(None, None)
    assert estimate is not None
    assert estimate.need.ctx_size == TRAINED


def test_what_was_measured_counts_for_that_context_only(model: Model, store: NeedStore) -> None:
    before = on_card(model, store, 16 * GIB, ctx_size=8192)
    measured = replace(before.need, source=Source.MEASURED, driver=300 * MIB, high=before.need.high + MIB)
    key = setup(model, ENGINE, {}).key
    store.remember(Entry(key=key, source=Source.MEASURED, ctx_size=8192, layers=None, need=measured))
    after = on_card(model, store, 16 * GIB, ctx_size=8192)
    assert after.known == (measured, after.predicted)
    assert after.predicted.source is Source.RULES
    other = on_card(model, store, 16 * GIB, ctx_size=4096)
    assert other.need.source is Source.RULES
    assert other.need.driver == 300 * MIB, "but the driver's part was measured for every model"


def said(store: NeedStore, model: Model, ctx_size: int, cache: int) -> None:
    account = Account(device=Amount(weights=MIB, cache=cache), host=Amount(weights=MIB))
    need = need_of(account, ctx_size=ctx_size, layers=None)
    key = setup(model, ENGINE, {}).key
    store.remember(Entry(key=key, source=Source.ENGINE, ctx_size=ctx_size, layers=None, need=need))


def test_what_the_rules_do_not_know_is_the_engines_word_in_proportion(model: Model, store: NeedStore) -> None:
    unknown = replace(model, blueprint=pack("nobody-knows", {}, ()))
    assert questions(unknown, setup(unknown, ENGINE, {})) == (4096, TRAINED)
    assert questions(unknown, setup(unknown, ENGINE, {"ctx-size": 5000})) == (5120,)
    assert questions(replace(unknown, architecture=None), setup(unknown, ENGINE, {})) == ()
    asked = estimator(unknown, store)
    assert asked.estimate(GIB, GIB) is None
    said(store, unknown, 4096, 40 * MIB)
    assert asked.estimate(GIB, GIB) is None, "one context says nothing of another"
    said(store, unknown, TRAINED, 40 * MIB * TRAINED // 4096)
    estimate = asked.estimate(16 * GIB, 16 * GIB)
    assert estimate is not None
    assert (estimate.need.source, estimate.need.ctx_size) == (Source.ENGINE, TRAINED)
    fixed = estimator(unknown, store, ctx_size=8192).estimate(16 * GIB, 16 * GIB)
    assert fixed is not None
    assert fixed.need.device.cache == 80 * MIB
