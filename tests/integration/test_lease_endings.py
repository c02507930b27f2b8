"""How a lease ends before its owner gives it back, and what his program sees of it, with real engines."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from fakes.commands import Result as CommandResult
from fakes.commands import command
from fakes.instance import Instance
from fakes.telling import (
    ALDER,
    BIRCH,
    asked,
    write_telling_settings,
)
from model_switcher import Switcher, switch_and_call
from model_switcher.cli.demo import clean_up
from model_switcher.cli.host import Host
from model_switcher.cli.host_options import HostOptions
from model_switcher.client import lease as client_lease
from model_switcher.domain.errors import Closing, LeaseEnded, UpstreamLost
from model_switcher.engine.control import leases
from model_switcher.engine.runtime import Runtime
from model_switcher.engine.settings_file import load
from model_switcher.places import places


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    return write_telling_settings(tmp_path)


async def hold(switcher: Switcher, then: Callable[[], Awaitable[object]] | None = None) -> None:
    """Borrow a model, do that, and keep it."""
    async with switcher.lease(BIRCH):
        if then is not None:
            await then()
        await asyncio.Event().wait()


@pytest.mark.parametrize("verb", ["stop", "stop --pause", "quit"])
async def test_a_lease_that_the_user_ends_interrupts_its_block(settings: Path, verb: str) -> None:
    async with Instance(settings) as instance, Switcher(config=settings) as switcher:
        await instance.ready()
        commands: list[asyncio.Task[CommandResult]] = []

        async def say() -> None:
            commands.append(asyncio.create_task(command(settings, *verb.split())))

        with pytest.raises(Closing if verb == "quit" else LeaseEnded):
            await hold(switcher, say)
        assert (await commands[0]).status == 0
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()
        await asyncio.sleep(0)


async def test_an_instance_that_is_killed_interrupts_the_block(settings: Path) -> None:
    async with Instance(settings) as instance, Switcher(config=settings) as switcher:
        await instance.ready()
        assert instance.process is not None
        process = instance.process

        async def kill() -> None:
            process.kill()

        with pytest.raises(UpstreamLost):
            await hold(switcher, kill)


async def test_a_lease_ends_at_its_limit(tmp_path: Path) -> None:
    settings = write_telling_settings(tmp_path, server="lease-limit = '1 s'")
    async with Instance(settings) as instance, Switcher(config=settings) as switcher:
        await instance.ready()
        with pytest.raises(LeaseEnded, match="the limit"):
            await hold(switcher)
        assert await switcher.chat("s", "u") == ALDER


async def test_a_call_that_is_cancelled_is_cancelled_and_nothing_else(settings: Path) -> None:
    async with Instance(settings) as instance, Switcher(config=settings) as switcher:
        await instance.ready()
        within = asyncio.Event()

        async def tell() -> None:
            within.set()

        task = asyncio.create_task(hold(switcher, tell))
        await within.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await instance.ready()).leases == ()
        assert await switcher.chat("s", "u") == ALDER


async def test_an_answer_is_not_lost_when_its_model_cannot_be_given_back(
    settings: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(client_lease, "GIVE_BACK_SECONDS", 0.2)
    async with Instance(settings) as instance:
        await instance.ready()
        assert instance.process is not None
        process = instance.process

        async def mine(system: str, user: str) -> tuple[str, str]:
            process.send_signal(signal.SIGSTOP)
            return system, user

        try:
            assert await switch_and_call(BIRCH, "s", "u", call=mine, config=settings) == ("s", "u")
        finally:
            process.send_signal(signal.SIGCONT)
        assert "ends with its connection only" in caplog.text
        snapshot = await instance.until(lambda s: not s.leases and s.served is not None)
        assert snapshot.selected == ALDER


async def test_a_lease_that_is_not_renewed_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "HEARTBEAT_SECONDS", 2.5)  # the runtime looks every second
    options = HostOptions(
        settings=load(write_telling_settings(tmp_path)).settings, places=places(tmp_path / "settings.toml")
    )
    started: asyncio.Future[Runtime] = asyncio.get_running_loop().create_future()
    host = Host(options, on_started=started.set_result)
    running = asyncio.create_task(host.run())
    try:
        address = (await started).snapshot.address
        async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=60) as client:
            answer = await client.post("/switcher/leases", json={"model": BIRCH, "owner": {"name": "curl"}})
            lease = answer.json()["lease"]
            assert lease["heartbeat"] == 2.5
            for _ in range(4):
                await asyncio.sleep(1.0)
                assert (await client.put(f"/switcher/leases/{lease['id']}")).status_code == 200
            assert await asked(address) == ALDER, "it ended by itself"
            assert (await client.put(f"/switcher/leases/{lease['id']}")).status_code == 410
    finally:
        host.stop()
        await running
        clean_up(options.places)
