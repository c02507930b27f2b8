"""A snapshot as Prometheus' text: what runs, and who holds the memory. What is unknown is left out."""

from __future__ import annotations

from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from model_switcher.domain.owners import RAM
from model_switcher.domain.states import ServerState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from model_switcher.domain.memory import Gpu, Readings
    from model_switcher.domain.snapshot import Snapshot
    from model_switcher.gateway.tally import Histogram, Tally

CONTENT_TYPE = CONTENT_TYPE_LATEST
_PREFIX = "model_switcher_"
_PERCENT = 100
_GPU = ("gpu", "name", "source")

Sample = tuple[tuple[str, ...], float | None]


def exposition(snapshot: Snapshot, tally: Tally, engines: Mapping[str, str]) -> bytes:
    """All metrics of one moment, in the text format of `CONTENT_TYPE`.

    Args:
        snapshot: What is the case.
        tally: What was counted since the instance began.
        engines: What the engines say themselves, in the same format, by the model that they hold.
    """
    registry = CollectorRegistry()
    registry.register(_Collector(snapshot, tally, engines))
    return generate_latest(registry)


class _Collector(Collector):
    def __init__(self, snapshot: Snapshot, tally: Tally, engines: Mapping[str, str]) -> None:
        self._snapshot = snapshot
        self._tally = tally
        self._engines = engines

    def collect(self) -> Iterator[Metric]:
        snapshot = self._snapshot
        yield _gauge("info", "Always 1; the label is of interest.", ("version",), [((snapshot.version,), 1)])
        yield from _servers(snapshot)
        yield from _counted(self._tally)
        yield from _of_engines(self._engines)
        if snapshot.readings is not None:
            yield from _gpus(snapshot.readings.gpus)
            yield from _main_memory(snapshot.readings)
        yield from _owners(snapshot)
        yield _needs(snapshot)


def _servers(snapshot: Snapshot) -> Iterator[Metric]:
    servers = snapshot.servers
    in_flight: Counter[str] = Counter()
    for server in servers:
        in_flight[server.model] += server.in_flight
    ready = sum(server.state is ServerState.READY for server in servers)
    selected = [] if snapshot.selected is None else [((snapshot.selected,), 1.0)]
    yield _gauge("selected", "The selected model: 1.", ("model",), selected)
    yield _gauge("residents", "Models that are loaded.", (), [((), ready)])
    states = [((server.model, server.state.value), 1.0) for server in servers]
    yield _gauge("server_state", "Each server, with what it does: 1.", ("model", "state"), states)
    yield _gauge("requests_held", "Requests that wait for a model.", (), [((), snapshot.held)])
    yield _gauge(
        "requests_in_flight",
        "Requests that are being answered.",
        ("model",),
        [((model,), count) for model, count in in_flight.items()],
    )
    yield _gauge(
        "tokens_per_second",
        "Speed of the last answer; absent when idle.",
        ("model",),
        [((server.model,), server.tokens_per_second) for server in servers],
    )
    yield _gauge(
        "server_load_seconds",
        "How long the server took to load.",
        ("model",),
        [((server.model,), server.load_seconds) for server in servers],
    )
    yield _gauge("paused", "Whether the memory was freed until further notice.", (), [((), snapshot.paused)])
    spill = [] if snapshot.spill is None else [((snapshot.spill.model, snapshot.spill.sign.value), 1.0)]
    yield _gauge("spilled", "A model that spilled out of the GPU's memory: 1.", ("model", "sign"), spill)


def _gpus(gpus: Iterable[Gpu]) -> Iterator[Metric]:
    figures: dict[tuple[str, str], list[Sample]] = {
        ("memory_total_bytes", "Memory of its own."): [],
        ("memory_used_bytes", "Of it in use, without what the driver keeps."): [],
        ("memory_free_bytes", "Of it free."): [],
        ("memory_shared_bytes", "Main memory that it works on."): [],
        ("utilization_ratio", "Part of the time that it was busy."): [],
        ("temperature_celsius", "Temperature."): [],
        ("power_watts", "Power."): [],
    }
    for gpu in gpus:
        share = None if gpu.utilization is None else gpu.utilization / _PERCENT
        values = (gpu.total, gpu.used, gpu.free, gpu.shared_used, share, gpu.temperature, gpu.power)
        for samples, value in zip(figures.values(), values, strict=True):
            samples.append(((gpu.key, gpu.name, gpu.source), value))
    for (name, text), samples in figures.items():
        yield _gauge(f"gpu_{name}", text, _GPU, samples)


def _main_memory(readings: Readings) -> Iterator[Metric]:
    ram = readings.ram
    total, free = (None, None) if ram is None else (ram.total, ram.available)
    yield _gauge("ram_total_bytes", "Main memory.", (), [((), total)])
    yield _gauge("ram_available_bytes", "Of it available.", (), [((), free)])


def _owners(snapshot: Snapshot) -> Iterator[Metric]:
    """Who holds what; two servers of one model are one owner here."""
    held: Counter[tuple[str, ...]] = Counter()
    for split in snapshot.owners:
        for owner in split.owners:
            held[split.device, split.name or RAM, owner.kind.value, owner.name] += owner.used
    yield _gauge(
        "memory_owner_bytes",
        "Memory by owner; the owners of a device add up to its total.",
        ("device", "name", "kind", "owner"),
        list(held.items()),
    )


def _needs(snapshot: Snapshot) -> Metric:
    """What the models that run take; those that do not would be thousands."""
    running = dict.fromkeys(server.model for server in snapshot.servers)
    samples: list[Sample] = []
    for model in running:
        for need in snapshot.needs.get(model, ()):
            for place, amount in (("gpu", need.device), ("ram", need.host)):
                parts = {"weights": amount.weights, "cache": amount.cache, "compute": amount.compute}
                samples += [((model, need.source.value, place, part), size) for part, size in parts.items()]
            samples.append(((model, need.source.value, "gpu", "driver"), need.driver))
    return _gauge(
        "need_bytes",
        "What a model that runs takes, as predicted and as measured; the driver's part once it was measured.",
        ("model", "source", "place", "part"),
        samples,
    )


def _gauge(name: str, text: str, labels: tuple[str, ...], samples: Iterable[Sample]) -> Metric:
    family = GaugeMetricFamily(f"{_PREFIX}{name}", text, labels=labels)
    for values, value in samples:
        if value is not None:
            family.add_metric(values, value)
    return family


def _counted(tally: Tally) -> Iterator[Metric]:
    yield _histogram(
        "load_seconds",
        "Loads by how they ended and who wanted them; each phase, and all of them.",
        ("phase", "result", "reason"),
        tally.loads,
    )
    waits = {(how,): waits for how, waits in tally.waits.items()}
    yield _histogram(
        "request_wait_seconds",
        "How long requests waited for their model, and whether they were served, refused, or left.",
        ("result",),
        waits,
    )
    restarts = CounterMetricFamily(f"{_PREFIX}restarts", "Loads after a crash.", labels=("model",))
    for model, count in tally.restarts.items():
        restarts.add_metric((model,), count)
    yield restarts


def _histogram(name: str, text: str, labels: tuple[str, ...], histograms: Mapping[Any, Histogram]) -> Metric:
    """`histograms` has a tuple of the labels' values for each."""
    family = HistogramMetricFamily(f"{_PREFIX}{name}", text, labels=labels)
    for values, histogram in histograms.items():
        bounds = [*map(str, histogram.bounds), "+Inf"]
        buckets = list(zip(bounds, map(float, accumulate(histogram.counts)), strict=True))
        family.add_metric(values, buckets, histogram.total)
    return family


def _of_engines(engines: Mapping[str, str]) -> Iterable[Metric]:
    """Every family once, with the samples of all models."""
    families: dict[str, Metric] = {}
    for model, text in engines.items():
        try:
            told = list(text_string_to_metric_families(text))
        except ValueError:  # whatever that engine speaks
            continue
        for family in told:
            known = families.setdefault(family.name, Metric(family.name, family.documentation, family.type))
            known.samples += [
                sample._replace(labels={"model": model, **sample.labels}) for sample in family.samples
            ]
    return families.values()
