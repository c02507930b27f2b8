"""Needs kept up to date while the catalog, memory and servers change; the engine is a real one without a GPU."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest

from fakes.engines import LLAMA_SERVER
from model_switcher.domain.catalog import Catalog, Model
from model_switcher.domain.memory import Gpu, Ram, Readings
from model_switcher.domain.need import FitKind, Source
from model_switcher.domain.prediction.blueprint import pack
from model_switcher.domain.settings import MemorySettings, ModelSettings, ServerSettings, Settings
from model_switcher.domain.snapshot import Phase, ServerView, Snapshot, SwitchView
from model_switcher.domain.states import ServerState
from model_switcher.domain.units import GIB, MIB
from model_switcher.engine.binaries.probe import EngineProber
from model_switcher.engine.catalog import scan_file
from model_switcher.engine.control.preflight import names_of
from model_switcher.engine.demo_models import write_llama
from model_switcher.engine.hub import Hub
from model_switcher.engine.log import LogLine, LogRing
from model_switcher.engine.needs.needs import Needs
from model_switcher.engine.needs.store import FILE
from model_switcher.places import places

SWITCH = SwitchView(target="known", source=None, phase=Phase.START, started=0.0)


@dataclass
class House:
    hub: Hub
    log: LogRing
    needs: Needs

    async def until(self, condition: Callable[[Snapshot], bool]) -> Snapshot:
        async with asyncio.timeout(20):
            return await self.hub.wait_for(condition)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model that the rules know."""
    found = scan_file(
        write_llama(
            tmp_path_factory.mktemp("models") / "known.gguf", name="Known", seed=1, context_length=65536
        )
    )
    assert isinstance(found, Model)
    return found


@pytest.fixture(scope="module")
def unknown(known: Model) -> Model:
    """The same file, whose architecture the rules do not know."""
    return replace(known, id="unknown", name="Unknown", blueprint=pack("nobody-knows", {}, ()))


def reading(
    available: int = 8 * GIB, *, rss: dict[int, int] | None = None, gpu: Gpu | None = None
) -> Readings:
    return Readings(
        time=time.time(),
        gpus=() if gpu is None else (gpu,),
        ram=Ram(total=16 * GIB, available=available),
        servers_rss=rss,
    )


@asynccontextmanager
async def house(
    folder: Path, *models: Model, more: Settings | None = None, engine: str = LLAMA_SERVER.path
) -> AsyncIterator[House]:
    settings = replace(more or Settings(), server=ServerSettings(engine=engine))
    hub = Hub(Snapshot(catalog=Catalog(models), readings=reading()))
    log = LogRing()
    where = replace(places(folder / "settings.toml"), state=folder / "state")
    needs = Needs(settings, where, hub, log, EngineProber(), names_of=names_of, quiet=0.05, look_again=0.1)
    needs.start()
    try:
        yield House(hub, log, needs)
        assert not [task for task in needs.tasks if task.done()], "a task died"
    finally:
        await needs.close()
    assert psutil.Process().children(recursive=True) == []


async def test_every_model_gets_its_need_and_its_fit(tmp_path: Path, known: Model) -> None:
    async with house(tmp_path, known) as home:
        snapshot = await home.until(lambda snapshot: "known" in snapshot.needs)
        (need,) = snapshot.needs["known"]
        assert (need.source, need.ctx_size, need.device.total) == (Source.RULES, 65536, 0)
        assert snapshot.fits["known"].kind is FitKind.ALONE
        assert snapshot.fits["known"].need == need.host.total
        assert home.needs.of("known") == need
        assert home.needs.of("another") is None


async def test_the_options_of_the_settings_count(tmp_path: Path, known: Model) -> None:
    options = Settings(
        launch={"ctx-size": 8192}, models={"Known": ModelSettings(launch={"cache-type-k": "q8_0"})}
    )
    async with house(tmp_path, known, more=options) as home:
        (need,) = (await home.until(lambda snapshot: "known" in snapshot.needs)).needs["known"]
    async with house(tmp_path, known, more=Settings(launch={"ctx-size": 8192})) as home:
        (plain,) = (await home.until(lambda snapshot: "known" in snapshot.needs)).needs["known"]
    assert need.ctx_size == plain.ctx_size == 8192
    assert need.host.cache < plain.host.cache


async def test_models_come_and_go_with_the_catalog(tmp_path: Path, known: Model) -> None:
    async with house(tmp_path, known) as home:
        await home.until(lambda snapshot: set(snapshot.fits) == {"known"})
        other = replace(known, id="other")
        home.hub.update(catalog=Catalog((known, other)))
        await home.until(lambda snapshot: set(snapshot.fits) == {"known", "other"})
        home.hub.update(catalog=Catalog((other,)))
        await home.until(lambda snapshot: set(snapshot.fits) == {"other"} == set(snapshot.needs))


async def test_fits_follow_the_free_memory(tmp_path: Path, known: Model) -> None:
    fixed = Settings(launch={"ctx-size": 1 << 20, "fit": "off"}, memory=MemorySettings(margin=64 * MIB))
    async with house(tmp_path, known, more=fixed) as home:
        await home.until(lambda snapshot: "known" in snapshot.needs)
        need = home.needs.of("known")
        assert need is not None
        for available, kind in (
            (need.host.total + 130 * MIB, FitKind.ALONE),
            (need.host.total, FitKind.TIGHT),
            (need.host.total - 500 * MIB, FitKind.SHORT),
            (8 * GIB, FitKind.ALONE),
        ):
            home.hub.update(readings=reading(available))
            await home.until(lambda snapshot, kind=kind: snapshot.fits["known"].kind is kind)  # type: ignore[misc]
        home.hub.update(readings=reading(need.host.total - 500 * MIB))
        short = (await home.until(lambda snapshot: snapshot.fits["known"].kind is FitKind.SHORT)).fits[
            "known"
        ]
        assert short.shortfall == 500 * MIB
        assert short.ctx_size is not None
        assert 4096 <= short.ctx_size < 1 << 20


async def test_what_is_unknown_to_the_rules_is_asked_of_the_engine_and_remembered(
    tmp_path: Path, known: Model, unknown: Model
) -> None:
    async with house(tmp_path, known, unknown) as home:
        snapshot = await home.until(lambda snapshot: {"known", "unknown"} <= set(snapshot.needs))
        (asked,), (rules,) = snapshot.needs["unknown"], snapshot.needs["known"]
        assert asked.source is Source.ENGINE
        assert asked.ctx_size == rules.ctx_size
        assert abs(asked.host.total - rules.host.total) < 4 * MIB
    async with house(tmp_path, unknown) as home:
        home.hub.update(switch=SWITCH)  # nothing is asked now
        again = await home.until(lambda snapshot: "unknown" in snapshot.needs)
        assert again.needs["unknown"] == (asked,)


async def test_no_engine_is_asked_while_anything_goes_on(tmp_path: Path, unknown: Model) -> None:
    server = ServerView(model="known", state=ServerState.LOADING, engine="e", alias="a")
    crowded = Gpu(index=0, name="RX", source="amdgpu", total=8 * GIB, used=8 * GIB, free=0)
    cases: tuple[tuple[dict[str, object], dict[str, object]], ...] = (
        ({"switch": SWITCH}, {"switch": None}),
        ({"servers": (server,)}, {"servers": ()}),
        (
            {"servers": (replace(server, state=ServerState.READY, in_flight=1),)},
            {"servers": (replace(server, state=ServerState.READY),)},
        ),
        ({"readings": reading(gpu=crowded)}, {"readings": reading()}),
    )
    for number, (change, after) in enumerate(cases):
        async with house(tmp_path / str(number), unknown) as home:
            home.hub.update(**change)
            await home.until(lambda snapshot: "unknown" in snapshot.fits)
            await asyncio.sleep(0.3)
            assert psutil.Process().children() == []
            assert home.needs.of("unknown") is None
            home.hub.update(**after)
            await home.until(lambda snapshot: "unknown" in snapshot.needs)


async def test_a_question_is_given_up_for_a_switch_and_put_again(tmp_path: Path, unknown: Model) -> None:
    async with house(tmp_path, unknown) as home:
        await home.until(lambda snapshot: "unknown" in snapshot.fits)
        async with asyncio.timeout(20):
            while not (asked := psutil.Process().children()):
                await asyncio.sleep(0.001)
        home.hub.update(switch=SWITCH)
        async with asyncio.timeout(20):
            while asked[0].is_running() and asked[0].status() != psutil.STATUS_ZOMBIE:
                await asyncio.sleep(0.001)
        assert home.needs.of("unknown") is None
        home.hub.update(switch=None)
        await home.until(lambda snapshot: "unknown" in snapshot.needs)


async def test_an_engine_that_comes_later_is_asked_then(tmp_path: Path, unknown: Model) -> None:
    engine = tmp_path / "llama-server"
    async with house(tmp_path, unknown, engine=str(engine)) as home:
        await home.until(lambda snapshot: "unknown" in snapshot.fits)
        engine.symlink_to(LLAMA_SERVER.path)
        await asyncio.sleep(0.1)
        home.hub.update(readings=reading())
        await home.until(lambda snapshot: "unknown" in snapshot.needs)


async def test_a_model_that_is_wanted_now_is_worked_out_at_once(tmp_path: Path, known: Model) -> None:
    async with house(tmp_path) as home:
        outside = replace(known, id="outside")
        need = await home.needs.find(outside)
        assert need is not None
        assert home.needs.of("outside") == need


async def test_a_server_that_started_before_its_header_was_read_is_measured_once_it_is(
    tmp_path: Path, known: Model
) -> None:
    unread = replace(known, blueprint=None, context_length=None, block_count=None)
    async with house(tmp_path, unread) as home:
        ready = ServerView(
            model="known", state=ServerState.READY, engine="e", alias="a", pid=7, since=time.time()
        )
        home.hub.update(servers=(ready,))
        home.log.add(LogLine(time.time(), "known", "n_slots = 4, n_ctx_slot = 65536, kv_unified = 'true'"))
        for _ in range(3):
            await asyncio.sleep(0.02)
            home.hub.update(readings=reading(rss={7: 6 * GIB}))
        await home.until(lambda snapshot: "known" in snapshot.fits)
        home.hub.update(catalog=Catalog((known,)), readings=reading(rss={7: 6 * GIB}))
        measured = await home.until(lambda snapshot: len(snapshot.needs.get("known", ())) == 2)
        assert measured.needs["known"][0].source is Source.MEASURED
        assert measured.needs["known"][0].host.total == 6 * GIB


async def test_a_server_that_runs_is_measured(tmp_path: Path, known: Model) -> None:
    async with house(tmp_path, known) as home:
        await home.until(lambda snapshot: "known" in snapshot.needs)
        before = home.needs.of("known")
        assert before is not None
        resident = before.host.total + 100 * MIB
        server = ServerView(model="known", state=ServerState.LOADING, engine="e", alias="a", pid=7)
        home.hub.update(servers=(server,))
        home.log.add(LogLine(time.time(), "known", "n_slots = 4, n_ctx_slot = 65536, kv_unified = 'true'"))
        ready = replace(server, state=ServerState.READY, since=time.time())
        home.hub.update(servers=(ready,))
        for _ in range(3):
            await asyncio.sleep(0.01)
            home.hub.update(readings=reading(rss={7: resident}))
        measured = await home.until(lambda snapshot: len(snapshot.needs["known"]) == 2)
        best, rules = measured.needs["known"]
        assert (best.source, rules) == (Source.MEASURED, before)
        assert best.host.total == resident
        assert measured.fits["known"].kind is FitKind.RESIDENT
        home.hub.update(servers=())
        after = await home.until(lambda snapshot: snapshot.fits["known"].kind is FitKind.ALONE)
        assert after.fits["known"].need == resident
    (tmp_path / "state" / FILE).write_bytes(b"damaged" * 1000)
    async with house(tmp_path, known) as home:
        again = await home.until(lambda snapshot: "known" in snapshot.needs)
        assert again.needs["known"] == (before,), "what was learned is lost, and nothing else"
