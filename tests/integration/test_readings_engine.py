"""What a real llama-server holds of a card, as its driver's library tells it; the card and the driver are simulated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from fakes.engines import LLAMA_SERVER, RunningEngine, running
from fakes.fake_gpu import DESKTOP, NAME, RESERVED, TOTAL, Card, FakeGpu
from fakes.instance import Instance, write_settings
from fakes.nvml import SampledProgram
from model_switcher.domain.memory import Gpu
from model_switcher.domain.owners import OwnerKind
from model_switcher.domain.units import MIB
from model_switcher.engine.demo_models import write_llama

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from model_switcher.domain.snapshot import Snapshot

IDLE = TOTAL - RESERVED - DESKTOP


@pytest.fixture(scope="module")
def gpu(tmp_path_factory: pytest.TempPathFactory) -> FakeGpu:
    return FakeGpu(tmp_path_factory.mktemp("fake_gpu"))


@pytest.fixture
def card(gpu: FakeGpu, tmp_path: Path) -> Card:
    return gpu.card(tmp_path)


@pytest.fixture
def program(card: Card) -> Iterator[SampledProgram]:
    with SampledProgram(card.gpu.libraries, card.state) as sampled:
        yield sampled


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A small one, and one with 24 MiB of weights."""
    folder = tmp_path_factory.mktemp("models")
    return (
        write_llama(folder / "small.gguf", name="Small", seed=1),
        write_llama(
            folder / "large.gguf", name="Large", seed=2,
            embedding_length=512, block_count=4, feed_forward_length=1408,
        ),
    )  # fmt: skip


def about(size: int | None) -> Any:
    """That size: an engine takes and gives a few kilobytes between two questions."""
    assert size is not None
    return pytest.approx(size, abs=MIB)


def gpu_of(readings: dict[str, Any]) -> dict[str, Any]:
    (found,) = readings["gpus"]
    return dict(found)


def held(gpu: dict[str, Any], pid: int) -> int:
    return sum(process["used"] for process in gpu["processes"] if process["pid"] == pid)


async def end(engine: RunningEngine) -> int:
    """Kill it; the pid that it had."""
    engine.process.kill()
    await engine.exit_code()
    return engine.process.pid


async def choose(instance: Instance, model: str) -> dict[str, Any]:
    """The outcome of the switch to it."""
    async with httpx.AsyncClient(base_url=instance.address, timeout=60, trust_env=False) as client:
        reply = await client.post("/switcher/select", json={"model": model})
        assert reply.status_code == 200, reply.text
        return dict(reply.json()["outcome"])


async def test_the_driver_tells_what_an_engine_holds_and_that_it_gave_it_back(
    card: Card, program: SampledProgram, models: tuple[Path, Path]
) -> None:
    assert gpu_of(program.sample())["free"] == IDLE
    async with running(LLAMA_SERVER, model=models[1], before=card.before) as engine:
        await engine.ready()
        pid = engine.process.pid
        loaded = gpu_of(program.sample(pid))
        used = held(loaded, pid)
        assert used > models[1].stat().st_size, "weights, cache and buffers"
        assert loaded["free"] == about(IDLE - used)
        assert loaded["used"] == about(DESKTOP + used)
        refused = program.prove_release(pid, bound=0.2)
        assert (refused["verdict"], refused["missing"]) == ("Unproven", about(used))
        assert (refused["holder"], refused["device"]) == ("llama-server", NAME)
        await end(engine)
        proof = program.prove_release(pid, bound=10)
        assert (proof["verdict"], proof["gained"]) == ("Proven", about(used))
        assert gpu_of(program.sample())["free"] == IDLE


async def test_a_counter_that_stays_as_it_was_delays_the_proof(
    card: Card, program: SampledProgram, models: tuple[Path, Path]
) -> None:
    frozen = 1.5
    card.tell(frozen=frozen)
    async with running(LLAMA_SERVER, model=models[0], before=card.before) as engine:
        await engine.ready()
        used = held(gpu_of(program.sample(engine.process.pid)), engine.process.pid)
        pid = await end(engine)
        proof = program.prove_release(pid, bound=20)
        assert (proof["verdict"], proof["gained"]) == ("Proven", about(used))
        assert proof["seconds"] >= frozen


async def test_a_counter_that_never_moves_is_the_drivers_fault_past_the_bound(
    card: Card, program: SampledProgram, models: tuple[Path, Path]
) -> None:
    card.tell(frozen=1e9)
    async with running(LLAMA_SERVER, model=models[0], before=card.before) as engine:
        await engine.ready()
        used = held(gpu_of(program.sample(engine.process.pid)), engine.process.pid)
        pid = await end(engine)
        proof = program.prove_release(pid, bound=0.3)
        assert (proof["verdict"], proof["holder"], proof["missing"]) == (
            "Unproven",
            "the driver",
            about(used),
        )


async def test_a_program_that_took_the_memory_meanwhile_is_named(
    card: Card, program: SampledProgram, models: tuple[Path, Path]
) -> None:
    async with running(LLAMA_SERVER, model=models[0], before=card.before) as engine:
        await engine.ready()
        program.sample(engine.process.pid)
        pid = await end(engine)
        card.tell(
            f"memory {TOTAL} {RESERVED} {IDLE - 800 * MIB} {DESKTOP + 800 * MIB}",
            f"compute {program.pid} {800 * MIB}",
        )
        proof = program.prove_release(pid, bound=10)
        assert proof["verdict"] == "Proven"
        assert [(taker["pid"], taker["used"]) for taker in proof["takers"]] == [(program.pid, 800 * MIB)]


def gpu_now(snapshot: Snapshot) -> Gpu:
    assert snapshot.readings is not None
    return snapshot.readings.gpus[0]


def shown(snapshot: Snapshot, model: str) -> bool:
    """Whether that model is served, and the readings tell of it and of no other."""
    server = next((one for one in snapshot.servers if one.model == model), None)
    if server is None or snapshot.readings is None or snapshot.switch is not None:
        return False
    return [process.pid for process in gpu_now(snapshot).processes or () if process.pid != 1] == [server.pid]


async def test_a_whole_switch_is_seen_in_the_gauge(
    card: Card, models: tuple[Path, Path], tmp_path: Path
) -> None:
    settings = write_settings(tmp_path, models, engine=card.engine)
    async with Instance(settings, environment=card.environment) as instance:
        small = await instance.until(lambda snapshot: shown(snapshot, "small"))
        await choose(instance, "large")
        large = await instance.until(lambda snapshot: shown(snapshot, "large"))
        assert (gpu_now(large).used or 0) - (gpu_now(small).used or 0) > 20 * MIB
        owner = large.owners[0].owners[0]
        assert (owner.kind, owner.name) == (OwnerKind.SERVER, "large")
        assert gpu_now(large).used == about(DESKTOP + owner.used)
        await choose(instance, "small")
        again = await instance.until(lambda snapshot: shown(snapshot, "small"))
        assert gpu_now(again).used == about(gpu_now(small).used)


async def test_models_beside_each_other_are_owners_beside_each_other(
    card: Card, models: tuple[Path, Path], tmp_path: Path
) -> None:
    settings = write_settings(tmp_path, models, engine=card.engine, beside=True)
    async with Instance(settings, environment=card.environment) as instance:
        await instance.until(lambda snapshot: shown(snapshot, "small"))
        await choose(instance, "large")

        def servers(snapshot: Snapshot) -> dict[str, int]:
            owners = snapshot.owners[0].owners if snapshot.owners else ()
            return {owner.name: owner.used for owner in owners if owner.kind is OwnerKind.SERVER}

        both = await instance.until(lambda snapshot: len(servers(snapshot)) == 2)
        assert gpu_now(both).used == about(DESKTOP + sum(servers(both).values()))
        assert servers(both)["large"] > servers(both)["small"]


async def test_a_switch_does_not_begin_to_load_before_the_memory_is_free(
    card: Card, models: tuple[Path, Path], tmp_path: Path
) -> None:
    frozen = 2.0
    card.tell(frozen=frozen)
    settings = write_settings(tmp_path, models, engine=card.engine)
    async with Instance(settings, environment=card.environment) as instance:
        await instance.until(lambda snapshot: shown(snapshot, "small"))
        outcome = await choose(instance, "large")
        assert outcome["phases"]["stop"] >= frozen
        large = await instance.until(lambda snapshot: shown(snapshot, "large"))
        assert large.memory_notice is None


async def test_what_is_never_given_back_is_told_with_who_holds_it(
    card: Card, models: tuple[Path, Path], tmp_path: Path
) -> None:
    card.tell(frozen=1e9)
    settings = write_settings(tmp_path, models, engine=card.engine)
    async with Instance(settings, environment=card.environment) as instance:
        await instance.until(lambda snapshot: shown(snapshot, "small"))
        assert (await choose(instance, "large"))["serving"] == "large"
        told = await instance.until(lambda snapshot: snapshot.memory_notice is not None)
        assert told.memory_notice is not None
        assert told.memory_notice.endswith(f"on {NAME} is still held by the driver")


async def test_a_driver_that_hangs_is_said_and_the_gauge_recovers(
    card: Card, models: tuple[Path, Path], tmp_path: Path
) -> None:
    settings = write_settings(tmp_path, models)
    async with Instance(settings, environment=card.environment) as instance:
        await instance.until(lambda snapshot: snapshot.readings is not None and bool(snapshot.readings.gpus))
        card.tell("hang nvmlDeviceGetMemoryInfo_v2 7")
        said = await instance.until(lambda snapshot: bool(snapshot.readings and snapshot.readings.missing))
        assert said.readings is not None
        assert (said.readings.gpu_problem, said.readings.missing) == (
            "The GPU driver does not answer.",
            (NAME,),
        )
        assert said.readings.ram is not None
        card.tell()
        again = await instance.until(lambda snapshot: bool(snapshot.readings and snapshot.readings.gpus))
        assert again.readings is not None
        assert (again.readings.gpu_problem, again.readings.missing) == (None, ())
