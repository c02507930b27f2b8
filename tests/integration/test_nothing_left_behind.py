"""However an instance ends, no engine survives it, and the next start finds a clean house."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from fakes.commands import command
from fakes.engines import ENGINES
from fakes.instance import Instance, write_settings
from fakes.launches import lives, until
from model_switcher.client.finding import find
from model_switcher.domain.engines import EngineBinary
from model_switcher.domain.snapshot import Phase, Snapshot
from model_switcher.domain.states import ServerState
from model_switcher.engine.demo_models import write_demo_models, write_llama
from model_switcher.processes import process_created

STATES = ("starting", "loading", "ready", "draining", "stopping", "asleep")


ENDLESS = {
    "prompt": "a",
    "n_predict": -1,
    "stream": True,
    "ignore_eos": True,
    "grammar": "root ::= [a-z] root",
}


def pids_of(snapshot: Snapshot) -> list[int]:
    return [server.pid for server in snapshot.servers if server.pid]


async def bring_to(
    instance: Instance, state: str, models: tuple[Path, Path], open_: AsyncExitStack
) -> Snapshot:
    """The instance in that state, with a request running where one is needed."""
    if state == "starting":
        return await instance.until(lambda s: bool(pids_of(s)))
    if state == "loading":
        return await instance.until(lambda s: any(v.state is ServerState.LOADING for v in s.servers))
    snapshot = await instance.ready()
    if state == "ready":
        return snapshot
    if state == "asleep":
        assert (await command(instance.settings, "stop")).status == 0
        return instance.state()
    client = await open_.enter_async_context(httpx.AsyncClient(timeout=60, trust_env=False, verify=False))
    if state == "draining":
        await open_.enter_async_context(client.stream("POST", f"{instance.address}/completion", json=ENDLESS))
    choice = asyncio.create_task(
        client.post(f"{instance.address}/switcher/select", json={"model": str(models[1])})
    )
    open_.push_async_callback(asyncio.wait, {choice})
    phase = Phase.DRAIN if state == "draining" else Phase.STOP
    snapshot = await instance.until(
        lambda s: choice.done() or (s.switch is not None and s.switch.phase is phase)
    )
    choice.add_done_callback(lambda done: done.exception())
    return snapshot


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.kind)
async def test_sigkill_leaves_no_engine(tmp_path: Path, engine: EngineBinary, state: str) -> None:
    models = write_demo_models(tmp_path)
    if state == "loading":
        # The tiny model loads too quickly to be caught loading.
        write_llama(
            models[0], name="Slow", seed=1, embedding_length=1024, block_count=24, feed_forward_length=4096
        )
    settings = write_settings(tmp_path, models, engine=engine)
    async with AsyncExitStack() as open_, Instance(settings) as instance:
        assert instance.process is not None
        pids = pids_of(await bring_to(instance, state, models, open_))
        assert pids or state == "asleep"
        instance.process.send_signal(signal.SIGKILL)
        await instance.process.wait()
        await until(lambda: not any(lives(pid) for pid in pids))
        assert find(instance.places) is None


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_a_signal_ends_everything_in_order(tmp_path: Path, how: signal.Signals) -> None:
    settings = write_settings(tmp_path, write_demo_models(tmp_path))
    async with Instance(settings) as instance:
        assert instance.process is not None
        pids = pids_of(await instance.ready())
        instance.process.send_signal(how)
        assert await instance.process.wait() == 0, instance.said()
        assert not any(lives(pid) for pid in pids)
        assert not instance.places.instance.exists()
        assert instance.said().count("\n") == 1, instance.said()


async def test_a_signal_during_a_preflight_leaves_nothing_of_the_engine_that_was_asked(
    tmp_path: Path,
) -> None:
    started = tmp_path / "started"
    started.mkdir()
    wrapper = tmp_path / "llama-server"
    wrapper.write_text(f"#!/bin/sh\nsleep 600 &\n: > '{started}'/$!\nwait\n")
    wrapper.chmod(0o755)
    binary = EngineBinary(kind="llama-server", command=(str(wrapper),), source="settings")
    async with Instance(write_settings(tmp_path, write_demo_models(tmp_path), engine=binary)) as instance:
        assert instance.process is not None
        await until(lambda: len(list(started.iterdir())) == 3)
        instance.process.send_signal(signal.SIGTERM)
        assert await instance.process.wait() == 0
        assert instance.said().count("\n") == 1, instance.said()
        await until(lambda: not any(lives(int(file.name)) for file in started.iterdir()))


async def test_the_next_start_ends_what_a_crash_left_and_nothing_else(tmp_path: Path) -> None:
    settings = write_settings(tmp_path, write_demo_models(tmp_path))
    async with Instance(settings) as instance:
        await instance.ready()
        record = find(instance.places)
        assert record is not None
        assert instance.process is not None
        instance.process.send_signal(signal.SIGKILL)
        await instance.process.wait()
        mine, stranger = [await asyncio.create_subprocess_exec("sleep", "600") for _ in range(2)]
        created = process_created(mine.pid) or 0.0
        from model_switcher.domain.wire import encode

        left = {
            **{
                name: getattr(record, name)
                for name in ("pid", "created", "address", "key", "mode", "version")
            },
            "servers": [(mine.pid, created), (stranger.pid, created - 1000)],
        }
        instance.places.instance.write_bytes(encode(left))
        async with Instance(settings) as again:
            await again.ready()
            assert await mine.wait() == -signal.SIGKILL
            assert stranger.returncode is None
            stranger.kill()
            await stranger.wait()


async def test_a_damaged_instance_file_is_no_reason_to_fail(tmp_path: Path) -> None:
    settings = write_settings(tmp_path, write_demo_models(tmp_path))
    instance = Instance(settings)
    instance.places.runtime.mkdir(parents=True, mode=0o700)
    instance.places.instance.write_bytes(b"\x00garbage")
    async with instance:
        await instance.ready()
        record = find(instance.places)
        assert record is not None
        assert record.pid == (instance.process.pid if instance.process else None)
        if os.name == "posix":
            assert instance.places.instance.stat().st_mode & 0o077 == 0
