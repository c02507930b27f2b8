"""What the readings of all drivers, processes and main memory become together."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil

from model_switcher.domain.memory import Gpu, GpuProcess
from model_switcher.engine.readings.processor import Processor
from model_switcher.engine.readings.sampler import MemorySampler
from model_switcher.engine.readings.server_processes import ServerProcesses
from model_switcher.processes import family, kill

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WITH_A_CHILD = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
BUSY = "while True: pass"


@contextlib.contextmanager
def started(code: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process, ended with all that it started."""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
        try:
            yield process
        finally:
            kill(family(process.pid))


def the_child_of(process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + 20
    while not (children := psutil.Process(process.pid).children()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return children[0].pid


class Reader:
    """Reads what a test says."""

    def __init__(self, *gpus: Gpu, problem: str | None = None) -> None:
        self.gpus, self.problem, self.closed = gpus, problem, False

    def read(self, server_pids: Sequence[int]) -> tuple[tuple[Gpu, ...], str | None]:
        del server_pids
        return self.gpus, self.problem

    def close(self) -> None:
        self.closed = True


def a_gpu(name: str, total: int | None = 8, *, integrated: bool = False) -> Gpu:
    return Gpu(index=0, name=name, source=name, total=total, used=None, free=None, integrated=integrated)


def test_gpus_of_all_drivers_are_one_list_those_with_memory_of_their_own_first() -> None:
    first = Reader(a_gpu("graphics", integrated=True), a_gpu("silent", None))
    second = Reader(a_gpu("card"), problem="no matter")
    sampler = MemorySampler(readers=(first, second))
    readings = sampler.sample()
    assert [gpu.name for gpu in readings.gpus] == ["card", "silent", "graphics"]
    assert [gpu.name for gpu in readings.cards] == ["card", "silent"]
    assert readings.gpu_problem is None
    sampler.close()
    assert first.closed
    assert second.closed


def test_the_last_readers_word_counts_where_none_has_a_gpu() -> None:
    readings = MemorySampler(readers=(Reader(problem="one"), Reader(problem="two"), Reader())).sample()
    assert (readings.gpus, readings.gpu_problem) == ((), "two")


def test_a_gpu_that_was_there_is_missing_until_it_is_back() -> None:
    reader = Reader(a_gpu("first"), a_gpu("second"))
    sampler = MemorySampler(readers=(reader,))
    sampler.sample()
    reader.gpus = (a_gpu("second"),)
    assert sampler.sample().missing == ("first",)
    reader.gpus = (a_gpu("first"), a_gpu("second"))
    assert sampler.sample().missing == ()


def holding(pid: int) -> Reader:
    gpu = Gpu(
        index=0, name="G", source="test", total=8, used=1, free=7,
        processes=(GpuProcess(pid=pid, name=None, used=1),),
    )  # fmt: skip
    return Reader(gpu)


def test_what_a_server_started_counts_as_the_servers_as_soon_as_it_uses_a_gpu() -> None:
    with started(WITH_A_CHILD) as server:
        child = the_child_of(server)
        readings = MemorySampler(readers=(holding(child),)).sample([server.pid])
        assert readings.kin == {child: server.pid}
        assert readings.servers_rss is not None
        own = psutil.Process(server.pid).memory_info().rss
        assert readings.servers_rss[server.pid] > own


def test_a_process_that_was_seen_before_its_server_was_known_is_found_too() -> None:
    with started(WITH_A_CHILD) as server:
        child = the_child_of(server)
        sampler = MemorySampler(readers=(holding(child),))
        assert sampler.sample().kin == {}
        assert sampler.sample([server.pid]).kin == {child: server.pid}


def test_what_a_server_started_is_found_in_a_while_without_a_gpu() -> None:
    now = 0.0
    sampler = MemorySampler(lambda: now, readers=())
    with started(WITH_A_CHILD) as server:
        child = the_child_of(server)
        assert sampler.sample([server.pid]).kin == {}
        now += 1.5
        assert sampler.sample([server.pid]).kin == {child: server.pid}
    deadline = time.monotonic() + 20
    while sampler.sample([server.pid]).kin:  # the end of a killed process takes a moment
        assert time.monotonic() < deadline


def test_what_outlives_its_server_is_still_the_servers() -> None:
    with started(WITH_A_CHILD) as server:
        child = psutil.Process(the_child_of(server))
        try:
            sampler = MemorySampler(readers=(holding(child.pid),))
            sampler.sample([server.pid])
            server.kill()
            server.wait()
            readings = sampler.sample([server.pid])
            assert readings.kin == {child.pid: server.pid}
            assert readings.servers_rss is not None
            assert server.pid in readings.servers_rss
        finally:
            child.kill()


def test_how_busy_others_are_leaves_our_servers_out() -> None:
    with started(BUSY) as server:
        both, others, servers = Processor(), Processor(), ServerProcesses()
        assert (both.others({}), others.others(servers.read([server.pid], {}))) == (None, None)
        process, began = psutil.Process(server.pid), time.monotonic()
        before = process.cpu_times().user
        while (spent := process.cpu_times().user - before) < 1.0:
            time.sleep(0.05)
        with_it, without = both.others({}), others.others(servers.read([server.pid], {}))
        share = 100 * spent / (time.monotonic() - began) / (psutil.cpu_count() or 1)
        assert with_it is not None
        assert without is not None
        assert 0.0 <= without < with_it <= 100.0
        assert with_it - without > share / 2


def test_two_readings_at_once_do_not_spoil_the_share_of_the_processor() -> None:
    now = 0.0
    processor = Processor(lambda: now)
    processor.others({})
    now = 1.0
    share = processor.others({})
    now = 1.02
    assert processor.others({}) == share is not None
