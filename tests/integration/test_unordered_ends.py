"""Ends that nobody ordered: the terminal closes, the session ends, the interpreter crashes. No engine survives them."""

from __future__ import annotations

import os
import pty
import signal
import sys
from pathlib import Path

import psutil
import pytest

from fakes.commands import command
from fakes.engines import ENGINES
from fakes.instance import PROGRAM, Instance, write_settings
from fakes.launches import lives, until
from model_switcher.client.finding import find
from model_switcher.domain.engines import EngineBinary
from model_switcher.domain.snapshot import Snapshot
from model_switcher.domain.states import ServerState
from model_switcher.domain.wire import encode, plain
from model_switcher.engine.demo_models import write_demo_models, write_llama
from model_switcher.engine.instance import read_record

CRASHING = """
import ctypes, resource, signal
from model_switcher.cli.main import main
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
signal.signal(signal.SIGUSR1, lambda *_: ctypes.string_at(0))
raise SystemExit(main())
"""
LOADING, READY = "loading", "ready"
STATES = (LOADING, READY)
every_engine = pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.kind)


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that takes long enough to be caught loading."""
    path = tmp_path_factory.mktemp("slow") / "slow.gguf"
    return write_llama(
        path, name="Slow", seed=1, embedding_length=1024, block_count=16, feed_forward_length=4096
    )


@pytest.fixture
def model(tmp_path: Path, slow: Path, state: str) -> Path:
    """A model whose load can be caught in that state."""
    if state == READY:
        return write_demo_models(tmp_path)[0]
    (tmp_path / "slow.gguf").hardlink_to(slow)
    return tmp_path / "slow.gguf"


async def engines_in(instance: Instance, state: str) -> list[int]:
    """The engine processes once one of them is in that state."""

    def reached(snapshot: Snapshot) -> bool:
        return any(server.state is ServerState(state) and server.pid for server in snapshot.servers)

    return [server.pid for server in (await instance.until(reached)).servers if server.pid]


async def assert_nothing_is_left(instance: Instance, engines: list[int]) -> None:
    assert engines
    await until(lambda: not any(map(lives, engines)))
    assert find(instance.places) is None


@every_engine
@pytest.mark.parametrize("state", STATES)
async def test_a_crash_of_the_interpreter(
    tmp_path: Path, model: Path, engine: EngineBinary, state: str
) -> None:
    settings = write_settings(tmp_path, [model], engine=engine)
    async with Instance(settings, program=(sys.executable, "-c", CRASHING)) as instance:
        assert instance.process is not None
        engines = await engines_in(instance, state)
        instance.process.send_signal(signal.SIGUSR1)
        assert await instance.process.wait() == -signal.SIGSEGV
        await assert_nothing_is_left(instance, engines)
        async with Instance(settings) as again:
            assert await engines_in(again, state)


@every_engine
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("shell", [(), ("sh", "-c", '"$@"; exit $?', "sh")], ids=["alone", "in a shell"])
async def test_a_terminal_that_closes(
    tmp_path: Path, model: Path, engine: EngineBinary, state: str, shell: tuple[str, ...]
) -> None:
    settings = write_settings(tmp_path, [model], engine=engine)
    terminal, inside = pty.openpty()
    # Whoever runs the tests may ignore the signal of a terminal that closes, as `nohup` has everything do.
    program = ("env", "--default-signal=HUP", "setsid", "--ctty", *shell, *PROGRAM)
    async with Instance(settings, program=program, terminal=inside) as instance:
        os.close(inside)
        record = find(instance.places)
        assert record is not None
        engines = await engines_in(instance, state)
        os.close(terminal)
        await until(lambda: not lives(record.pid))
        await assert_nothing_is_left(instance, engines)
        assert not instance.places.instance.exists(), "it ended in order"


@every_engine
@pytest.mark.parametrize("state", STATES)
async def test_a_session_that_ends(tmp_path: Path, model: Path, engine: EngineBinary, state: str) -> None:
    """Its manager sends every process in it the signal, the engines too."""
    settings = write_settings(tmp_path, [model], engine=engine)
    async with Instance(settings, program=("setsid", *PROGRAM)) as instance:
        assert instance.process is not None
        engines = await engines_in(instance, state)
        session = [one for one in psutil.pids() if session_of(one) == instance.process.pid]
        assert set(engines) < set(session)
        for each in session:
            os.kill(each, signal.SIGTERM)
        assert await instance.process.wait() == 0, instance.said()
        await assert_nothing_is_left(instance, engines)
        assert not instance.places.instance.exists(), "it ended in order"
        assert instance.said().count("\n") == 1, instance.said()


def session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


async def test_a_second_start_leaves_the_first_ones_engine_alone(tmp_path: Path) -> None:
    settings = write_settings(tmp_path, write_demo_models(tmp_path))
    async with Instance(settings) as instance:
        before = (await instance.ready()).served
        assert (await command(settings, "serve")).status == 3
        assert (await instance.ready()).served == before
        assert find(instance.places) is not None


async def test_the_engine_of_another_instance_is_not_taken_for_what_a_crash_left(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "other")]
    for folder in folders:
        folder.mkdir()
    mine, theirs = (write_settings(folder, write_demo_models(folder)) for folder in folders)
    async with Instance(theirs) as other, Instance(mine) as instance:
        before = (await other.ready()).served
        await instance.ready()
        record = read_record(instance.places)
        assert instance.process is not None
        assert record is not None
        assert before is not None
        instance.process.kill()
        await instance.process.wait()
        # The system has given the other's engine the number of ours, as it does with those of processes that are gone.
        ((_, created),) = record.servers
        servers = [(before.pid, created - 1.0), (instance.process.pid, record.created)]
        instance.places.instance.write_bytes(encode({**plain(record), "servers": servers}))
        async with Instance(mine) as again:
            await again.ready()
            assert (await other.ready()).served == before
