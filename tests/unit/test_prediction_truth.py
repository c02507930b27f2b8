"""What is predicted beside what llama-server itself said, for hundreds of models and ways to load them."""

from __future__ import annotations

import statistics
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING

import pytest

from fakes.memory_truth import DATA, Row, read_blueprints, read_rows
from model_switcher.domain.prediction.predict import predict
from model_switcher.domain.units import MIB

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from model_switcher.domain.need import Need
    from model_switcher.domain.prediction.blueprint import Blueprint

SETS = ("corpus", "further", "published")
# llama-server prints the MiB below: weights, cache and compute buffer may each have almost one more.
ROUNDING = 3 * MIB


@cache
def blueprints(name: str) -> dict[str, Blueprint]:
    return read_blueprints(DATA / f"{name}-blueprints.json")


@cache
def rows(name: str) -> list[Row]:
    return read_rows(DATA / f"{name}-truth.csv")


def predicted(name: str, row: Row) -> Need:
    need = predict(blueprints(name)[row.model], row.load, gpu=row.gpu)
    assert need is not None, row
    return need


def device_error(name: str, row: Row) -> float:
    """By what share of the truth the total on the device is off, beyond what rounding hides."""
    return share(predicted(name, row).device.total, sum(row.device))


def host_error(name: str, row: Row) -> float:
    return share(predicted(name, row).host.total, sum(row.host))


def share(found: float, true: float) -> float:
    return max(true - found, found - true - ROUNDING, 0) / true


def chosen(name: str, *variants: str) -> list[Row]:
    return [row for row in rows(name) if row.variant in variants]


def assert_within(
    name: str, some: Iterable[Row], error: Callable[[str, Row], float], *, median: float, worst: float
) -> None:
    errors = {f"{row.model} {row.options}": error(name, row) for row in some}
    assert errors
    assert statistics.median(errors.values()) <= median
    farthest = max(errors, key=lambda key: errors[key])
    assert errors[farthest] <= worst, farthest


@pytest.mark.parametrize("name", SETS)
def test_there_are_many_models_of_many_architectures(name: str) -> None:
    assert len(blueprints(name)) >= 25
    assert {row.model for row in rows(name)} == set(blueprints(name))


@pytest.mark.parametrize("name", SETS)
def test_the_total_on_the_device_is_met_within_one_percent_for_each_context_and_cache(name: str) -> None:
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in chosen(name, ""):
        groups[row.options["ctx-size"], row.options.get("cache-type-k", "f16")].append(row)
    for some in groups.values():
        assert_within(name, some, device_error, median=0.01, worst=0.03)


@pytest.mark.parametrize("name", SETS)
def test_with_half_of_the_layers_on_the_device_the_total_there_is_met_within_five_percent(name: str) -> None:
    assert_within(name, chosen(name, "half"), device_error, median=0.01, worst=0.05)


@pytest.mark.parametrize("name", ["further", "published"])
def test_with_any_number_of_layers_on_the_device_the_total_there_is_met_within_five_percent(
    name: str,
) -> None:
    assert_within(name, chosen(name, "some layers"), device_error, median=0.001, worst=0.05)


@pytest.mark.parametrize("name", SETS[:2])
def test_without_a_gpu_the_total_in_main_memory_is_met_within_one_percent(name: str) -> None:
    some = chosen(name, "cpu", "cpu, no flash attention", "cpu, no repacking", "cpu, vectors")
    assert_within(name, some, host_error, median=0.001, worst=0.01)


@pytest.mark.parametrize(
    "variant",
    [
        "caches in main memory",
        "no flash attention",
        "one slot",
        "contexts apart",
        "whole windows",
        "batches of 128",
        "batches of 2048",
    ],
)
def test_other_ways_to_load_are_met_within_three_percent(variant: str) -> None:
    assert_within("corpus", chosen("corpus", variant), device_error, median=0.005, worst=0.03)


@pytest.mark.parametrize("name", SETS)
def test_weights_and_caches_are_exact(name: str) -> None:
    """But for copies of some weights that a backend keeps, and buffers of no more than a MiB."""
    for row in rows(name):
        need = predicted(name, row)
        weights, cache, _ = row.device
        assert 0 <= need.device.cache - cache < MIB or need.device.cache == cache, row
        assert share(need.device.weights, weights) < 0.02 if weights else need.device.weights == 0, row


@pytest.mark.parametrize("name", SETS)
def test_the_truth_lies_within_the_bounds_wherever_the_rules_are_weak(name: str) -> None:
    for row in rows(name):
        need = predicted(name, row)
        if need.low == need.high:
            continue
        true = sum(row.device)
        assert need.low - ROUNDING - 0.01 * true <= true <= need.high + ROUNDING + 0.01 * true, row


def test_no_layers_on_the_device_still_take_room_to_work_there() -> None:
    some = chosen("corpus", "no layers")
    assert_within("corpus", some, device_error, median=0.02, worst=0.5)
    assert all(predicted("corpus", row).device.weights == 0 for row in some)
