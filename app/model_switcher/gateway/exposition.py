"""A snapshot as Prometheus' text: what runs, and who holds the memory. What is unknown is left out."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from model_switcher.domain.owners import RAM
from model_switcher.domain.states import ServerState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client.core import Metric

    from model_switcher.domain.memory import Gpu, Readings
    from model_switcher.domain.snapshot import Snapshot

CONTENT_TYPE = CONTENT_TYPE_LATEST
_PREFIX = "model_switcher_"
_PERCENT = 100
_GPU = ("gpu", "name", "source")

Sample = tuple[tuple[str, ...], float | None]


def exposition(snapshot: Snapshot) -> bytes:
    """All metrics of one moment, in the text format of `CONTENT_TYPE`."""
    registry = CollectorRegistry()
    registry.register(_SnapshotCollector(snapshot))
    return generate_latest(registry)


class _SnapshotCollector(Collector):
    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        snapshot = self._snapshot
        yield _gauge("info", "Always 1; the label is of interest.", ("version",), [((snapshot.version,), 1)])
        yield from _servers(snapshot)
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
        "load_seconds",
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
