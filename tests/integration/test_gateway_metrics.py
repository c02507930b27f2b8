"""Our figures for Prometheus, over real sockets, read back by Prometheus' own library."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from fakes.http_engines import Received, ScriptedEngine, sized, until
from fakes.instance import Instance
from fakes.telling import ALDER, write_telling_settings
from fakes.upstream import TINY_A, TINY_B, Front, open_front, passing
from model_switcher.domain.errors import Paused
from model_switcher.domain.memory import Gpu, GpuProcess, Ram, Readings
from model_switcher.domain.need import Amount, Need, Source
from model_switcher.domain.owners import split
from model_switcher.domain.settings import ServerSettings
from model_switcher.domain.snapshot import Outcome, Reason, Result, ServerView
from model_switcher.domain.spill import Sign, Spill
from model_switcher.domain.states import ServerState
from model_switcher.domain.units import GIB, MIB

SERVER = ServerView(
    model=TINY_A.id,
    state=ServerState.READY,
    engine="llama-server b1",
    pid=100,
    in_flight=2,
    load_seconds=1.5,
    tokens_per_second=41.5,
)
CARD = Gpu(
    index=0,
    name="RTX",
    source="nvml",
    id="GPU-1",
    total=16 * GIB,
    used=11 * GIB,
    free=5 * GIB,
    utilization=37,
    temperature=61,
    power=120.5,
    processes=(
        GpuProcess(pid=100, name="llama-server", used=6 * GIB),
        GpuProcess(pid=7, name='a "quoted"\nname', used=3 * GIB),
    ),
)
READINGS = Readings(time=1.0, gpus=(CARD,), ram=Ram(total=32 * GIB, available=20 * GIB))


async def scrape(front: Front) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    answer = await front.client.get("/metrics")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    families = list(text_string_to_metric_families(answer.text))
    assert all(family.documentation for family in families)
    samples = [sample for family in families for sample in family.samples]
    found = {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in samples}
    assert len(found) == len(samples), "every sample once"
    return found


async def test_what_runs_and_who_holds_the_memory_is_told() -> None:
    async with open_front() as front:
        front.backend.hub.update(
            servers=(SERVER,), readings=READINGS, owners=split(READINGS, {100: TINY_A.id}), held=3,
            spill=Spill(model=TINY_A.id, sign=Sign.SPEED, since=1.0),
        )  # fmt: skip
        found = await scrape(front)
    gpu = (("gpu", "GPU-1"), ("name", "RTX"), ("source", "nvml"))
    model = (("model", TINY_A.id),)

    def owner(kind: str, name: str, device: str = "GPU-1", card: str = "RTX") -> float:
        labels = (("device", device), ("kind", kind), ("name", card), ("owner", name))
        return found["model_switcher_memory_owner_bytes", labels]

    assert found["model_switcher_info", (("version", "1.2.3"),)] == 1
    assert found["model_switcher_gpu_memory_total_bytes", gpu] == 16 * GIB
    assert found["model_switcher_gpu_memory_used_bytes", gpu] == 11 * GIB
    assert found["model_switcher_gpu_memory_free_bytes", gpu] == 5 * GIB
    assert found["model_switcher_gpu_utilization_ratio", gpu] == 0.37
    assert found["model_switcher_gpu_temperature_celsius", gpu] == 61
    assert found["model_switcher_gpu_power_watts", gpu] == 120.5
    assert owner("server", TINY_A.id) == 6 * GIB
    assert owner("program", 'a "quoted"\nname') == 3 * GIB
    assert owner("desktop and driver", "") == 2 * GIB
    assert owner("free", "") == 5 * GIB
    assert owner("free", "", "ram", "ram") == found["model_switcher_ram_available_bytes", ()] == 20 * GIB
    assert found["model_switcher_ram_total_bytes", ()] == 32 * GIB
    assert found["model_switcher_selected", model] == 1
    assert found["model_switcher_residents", ()] == 1
    assert found["model_switcher_server_state", (*model, ("state", "ready"))] == 1
    assert found["model_switcher_requests_held", ()] == 3
    assert found["model_switcher_requests_in_flight", model] == 2
    assert found["model_switcher_tokens_per_second", model] == 41.5
    assert found["model_switcher_server_load_seconds", model] == 1.5
    assert found["model_switcher_paused", ()] == 0
    assert found["model_switcher_spilled", (*model, ("sign", "speed"))] == 1


async def test_what_the_models_that_run_take_is_told_as_predicted_and_as_measured() -> None:
    predicted = Need(
        device=Amount(weights=4 * GIB, cache=GIB, compute=MIB),
        host=Amount(weights=2 * MIB, compute=3 * MIB),
        source=Source.RULES, ctx_size=8192, low=5 * GIB + MIB, high=5 * GIB + MIB,
    )  # fmt: skip
    measured = replace(predicted, source=Source.MEASURED, driver=300 * MIB)
    async with open_front() as front:
        front.backend.hub.update(
            servers=(SERVER,), needs={TINY_A.id: (measured, predicted), TINY_B.id: (predicted,)}
        )
        found = await scrape(front)
    told = {labels: value for (name, labels), value in found.items() if name == "model_switcher_need_bytes"}

    def part(place: str, part: str, source: str) -> float | None:
        labels = (("model", TINY_A.id), ("part", part), ("place", place), ("source", source))
        return told.pop(labels, None)

    for source in ("rules", "measured"):
        assert part("gpu", "weights", source) == 4 * GIB
        assert part("gpu", "cache", source) == GIB
        assert part("gpu", "compute", source) == MIB
        assert part("ram", "weights", source) == 2 * MIB
        assert part("ram", "cache", source) == 0
        assert part("ram", "compute", source) == 3 * MIB
    assert part("gpu", "driver", "measured") == 300 * MIB
    assert not told, "nothing of the driver that was not measured, and of no model that does not run"


async def test_what_is_unknown_is_left_out() -> None:
    silent = replace(
        CARD, total=None, used=None, free=None, utilization=None, temperature=None, power=None, processes=None
    )
    async with open_front() as front:
        names = {name for name, _ in await scrape(front)}
        assert not [name for name in names if "memory" in name or "ram" in name], "nothing was read yet"
        front.backend.hub.update(selected=None, readings=replace(READINGS, gpus=(silent,), ram=None))
        names = {name for name, _ in await scrape(front)}
        assert not [name for name in names if "gpu" in name or "ram" in name or name.endswith("selected")]


async def test_two_servers_of_one_model_are_told_together() -> None:
    gpu = replace(
        CARD,
        processes=tuple(GpuProcess(pid=pid, name="llama-server", used=3 * GIB) for pid in (100, 101)),
    )
    readings = replace(READINGS, gpus=(gpu,))
    leaving = replace(SERVER, pid=101, state=ServerState.STOPPING, in_flight=1, tokens_per_second=None)
    async with open_front() as front:
        front.backend.hub.update(
            servers=(SERVER, replace(leaving, load_seconds=None)), readings=readings,
            owners=split(readings, {100: TINY_A.id, 101: TINY_A.id}),
        )  # fmt: skip
        found = await scrape(front)
    assert found["model_switcher_requests_in_flight", (("model", TINY_A.id),)] == 3
    labels = (("device", "GPU-1"), ("kind", "server"), ("name", "RTX"), ("owner", TINY_A.id))
    assert found["model_switcher_memory_owner_bytes", labels] == 6 * GIB


async def test_a_models_own_metrics_are_its_servers() -> None:
    async def answer(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(sized(b"llamacpp:prompt_tokens_total 7\n"))

    async with ScriptedEngine(answer).run() as engine, open_front() as front:
        front.backend.serve_all({TINY_A.id: engine.url, TINY_B.id: engine.url})
        passed = await front.client.get("/metrics", params={"model": TINY_B.id})
        assert passed.text == "llamacpp:prompt_tokens_total 7\n"
        assert passed.headers["X-Model-Switcher-Model"] == TINY_B.id
        assert len(engine.received) == 1
        assert "model_switcher_info" in (await front.client.get("/metrics?other=1&model=")).text


async def test_metrics_ask_for_the_key_and_for_get() -> None:
    async with open_front(settings=ServerSettings(api_keys=("a key",))) as front:
        assert (await front.client.get("/metrics")).status_code == 401
        authorised = {"Authorization": "Bearer a key"}
        assert (await front.client.get("/metrics", headers=authorised)).status_code == 200
        assert (await front.client.post("/metrics", headers=authorised)).status_code == 405


async def test_loads_are_counted_by_phase_result_and_reason_and_restarts_by_model() -> None:
    def ended(reason: Reason, seconds: float, **phases: float) -> Outcome:
        return Outcome(
            result=Result.SWITCHED, target=TINY_A.id, serving=TINY_A.id, seconds=seconds, finished=1.0,
            phases=phases, reason=reason,
        )  # fmt: skip

    async with open_front() as front:
        front.backend.end_load(ended(Reason.CHOICE, 0.4, start=0.3))
        front.backend.end_load(ended(Reason.CHOICE, 20.0, start=15.0))
        front.backend.end_load(ended(Reason.RESTART, 0.2))
        found = await scrape(front)

    def loads(what: str, phase: str, **more: str) -> float:
        labels = {"phase": phase, "result": "switched", "reason": "choice", **more}
        return found[f"model_switcher_load_seconds_{what}", tuple(sorted(labels.items()))]

    assert (loads("count", "all"), loads("sum", "all")) == (2, 20.4)
    assert (
        loads("count", "start"),
        loads("bucket", "start", le="0.5"),
        loads("bucket", "start", le="30.0"),
    ) == (2, 1, 2)
    assert found["model_switcher_restarts_total", (("model", TINY_A.id),)] == 1


async def test_waits_of_requests_are_counted_by_their_end() -> None:
    async with passing() as (front, _):
        await front.client.post("/completion", json={})
        front.backend.hold()
        held = asyncio.create_task(front.client.post("/completion", json={}))
        await until(lambda: front.backend.admission.held == 1)
        front.backend.refuse(Paused("The memory was freed by the user"))
        assert (await held).status_code == 503
        found = await scrape(front)
    for how in ("served", "refused"):
        assert found["model_switcher_request_wait_seconds_count", (("result", how),)] == 1


async def test_what_engines_say_is_told_with_their_models() -> None:
    def speaking(tokens: int) -> ScriptedEngine:
        text = f"# HELP llamacpp:tokens_predicted_total x\n# TYPE llamacpp:tokens_predicted_total counter\nllamacpp:tokens_predicted_total {tokens}\n"

        async def answer(request: Received, writer: asyncio.StreamWriter) -> None:
            assert request.headers[b"authorization"] == b"Bearer engine key"
            writer.write(sized(text.encode()))

        return ScriptedEngine(answer)

    async def silent(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 501 Not Implemented\r\nContent-Length: 0\r\n\r\n")

    a, b, c = speaking(7), speaking(8), ScriptedEngine(silent)
    async with a.run(), b.run(), c.run(), open_front() as front:
        front.backend.serve_all({TINY_A.id: a.url, TINY_B.id: b.url, "tiny-c": c.url})
        found = await scrape(front)
        assert not front.backend.in_flight, "who looks is no user of a model"
        assert not front.backend.admission.used_at
    told = {labels: value for (name, labels), value in found.items() if name.startswith("llamacpp:")}
    assert told == {(("model", TINY_A.id),): 7, (("model", TINY_B.id),): 8}


async def test_a_real_engine_counts_its_tokens(tmp_path: Path) -> None:
    settings = write_telling_settings(tmp_path)
    async with (
        Instance(settings) as instance,
        httpx.AsyncClient(base_url=instance.address, trust_env=False, timeout=20) as client,
    ):
        await instance.ready()
        assert (await client.post("/completion", json={"prompt": "a", "n_predict": 3})).is_success
        text = (await client.get("/metrics")).text
    assert f'llamacpp:tokens_predicted_total{{model="{ALDER}"}} 3.0' in text
    assert 'model_switcher_load_seconds_count{phase="all",reason="choice",result="switched"} 1.0' in text
