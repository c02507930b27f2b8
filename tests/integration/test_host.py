"""How an instance begins and ends when something stands in its way."""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from fakes.launches import until
from model_switcher import __version__
from model_switcher.cli import demo, service
from model_switcher.cli.host import Host
from model_switcher.cli.host_options import HostOptions
from model_switcher.domain.errors import AddressInUse, Closing, InstanceExists, UsageError
from model_switcher.domain.instance import InstanceRecord
from model_switcher.domain.settings import ServerSettings, Settings
from model_switcher.engine.instance import InstanceLock, remove_record, write_record
from model_switcher.engine.runtime import Runtime
from model_switcher.gateway.server import Gateway
from model_switcher.places import Places, places
from model_switcher.processes import process_created


@pytest.fixture
def options(tmp_path: Path) -> HostOptions:
    """An instance on a free port, with no model."""
    folder = tmp_path / "instance"
    return HostOptions(
        settings=Settings(stores=(), server=ServerSettings(port=0)),
        places=Places(
            settings=tmp_path / "settings.toml",
            **{name: folder / name for name in ("runtime", "cache", "logs", "state")},
        ),
    )


async def come_and_go(options: HostOptions) -> None:
    """Start an instance and end it as soon as it serves."""
    host = Host(options, on_started=lambda _: host.stop())
    async with asyncio.timeout(20):
        await host.run()


async def test_an_instance_that_cannot_have_its_address_gives_its_lock_back(options: HostOptions) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = ServerSettings(port=taken.getsockname()[1])
        with pytest.raises(AddressInUse):
            await come_and_go(replace(options, settings=replace(options.settings, server=server)))
    await come_and_go(options)


async def test_a_lock_that_is_held_for_a_moment_is_waited_for(options: HostOptions) -> None:
    lock = InstanceLock(options.places.lock)
    assert lock.try_acquire()
    coming = asyncio.create_task(come_and_go(options))
    await asyncio.sleep(0)
    lock.release()
    await coming


async def test_an_instance_that_just_starts_is_found_when_it_has_said_where_it_is(
    options: HostOptions,
) -> None:
    lock = InstanceLock(options.places.lock)
    assert lock.try_acquire()
    coming = asyncio.create_task(come_and_go(options))
    await asyncio.sleep(0)
    created = process_created(os.getpid()) or 0.0
    address = "http://127.0.0.1:1"
    write_record(
        options.places,
        InstanceRecord(
            pid=os.getpid(), created=created, address=address, key="", mode="tray", version=__version__
        ),
    )
    with pytest.raises(InstanceExists, match=address):
        await coming
    lock.release()
    remove_record(options.places)


async def test_whoever_waits_for_a_lock_can_be_ended(options: HostOptions) -> None:
    lock = InstanceLock(options.places.lock)
    assert lock.try_acquire()
    host = Host(options, on_started=lambda _: None)
    running = asyncio.create_task(host.run())
    await asyncio.sleep(0)
    host.stop()
    with pytest.raises(Closing):
        await running
    lock.release()


async def test_what_fails_after_the_start_ends_the_instance_and_is_told(options: HostOptions) -> None:
    async def fail(_: Runtime) -> bool:
        raise UsageError("This does not work here")

    async with asyncio.timeout(20):
        with pytest.raises(UsageError):
            await service._serve(options, fail)


async def test_a_demo_whose_model_does_not_load_says_so(tmp_path: Path) -> None:
    prepared = demo.prepare(tmp_path)
    server = replace(prepared.settings.server, engine=str(tmp_path / "no-engine"))
    without_engine = replace(prepared, settings=replace(prepared.settings, server=server))
    async with asyncio.timeout(20):
        with pytest.raises(Exception, match="no-engine"):
            await service._serve(without_engine, lambda runtime: demo.tour(runtime, leave=False))
    demo.clean_up(prepared.places)


async def test_an_instance_that_hands_over_can_be_hurried(
    options: HostOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateways: list[Gateway] = []

    def gateway(*arguments: Any, **keywords: Any) -> Gateway:
        gateways.append(Gateway(*arguments, **keywords))
        return gateways[0]

    monkeypatch.setattr("model_switcher.cli.host.Gateway", gateway)
    started: asyncio.Future[Runtime] = asyncio.get_running_loop().create_future()
    host = Host(replace(options, places=places(tmp_path / "settings.toml")), on_started=started.set_result)
    running = asyncio.create_task(host.run())
    address = httpx.URL((await started).snapshot.address)
    _, client = await asyncio.open_connection(address.host, address.port)
    client.write(f"POST /completion HTTP/1.1\r\nHost: {address.netloc.decode()}\r\n".encode())
    client.write(b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
    await until(lambda: gateways[0].idle_seconds == 0.0)
    host._quit(hand_over=True)
    await asyncio.sleep(0)
    assert not running.done()
    host.stop()
    await running
    client.close()
    demo.clean_up(places(tmp_path / "settings.toml"))
