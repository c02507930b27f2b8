"""Whether the system killed a process because memory ran out, from files as Linux has them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from model_switcher.engine.process.oom_kills import OomWatch

PID = 4711
VERSION_1 = "9:name=systemd:/\n4:memory:/user/engines\n1:cpu,cpuacct:/\n0::/\n"
VERSION_2 = "0::/user.slice/app.scope\n"
RECORD = (
    b"6,1105,3168906538,-;Memory cgroup out of memory: Killed process 4711 (llama-server) total-vm:788284kB, "
    b"anon-rss:152332kB\n"
)

pytestmark = pytest.mark.usefixtures("on_linux")


@pytest.fixture
def on_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")


def write(root: Path, path: str, text: str | bytes) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


CASES = {
    "version 2": (
        VERSION_2,
        "sys/fs/cgroup/user.slice/app.scope/memory.events",
        "low 0\noom 1\noom_kill {}\n",
    ),
    "version 2 beside version 1": (
        VERSION_2,
        "sys/fs/cgroup/unified/user.slice/app.scope/memory.events",
        "oom 1\noom_kill {}\noom_group_kill 0\n",
    ),
    "version 1": (
        VERSION_1,
        "sys/fs/cgroup/memory/user/engines/memory.oom_control",
        "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n",
    ),
    "the whole system": (VERSION_2, "proc/vmstat", "nr_free_pages 5\noom_kill {}\nnuma_hit 1\n"),
    "no control groups": ("", "proc/vmstat", "oom_kill {}\n"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_counter_that_has_grown_tells_of_a_kill(tmp_path: Path, case: str) -> None:
    groups, path, text = CASES[case]
    write(tmp_path, f"proc/{PID}/cgroup", groups)
    counter = write(tmp_path, path, text.format(3))
    watch = OomWatch(PID, root=tmp_path)
    assert watch.killed() is False
    counter.write_text(text.format(4))
    assert watch.killed() is True


def test_what_happens_elsewhere_in_the_system_is_not_ours_where_our_group_has_a_counter(
    tmp_path: Path,
) -> None:
    groups, path, text = CASES["version 2"]
    write(tmp_path, f"proc/{PID}/cgroup", groups)
    write(tmp_path, path, text.format(0))
    everything = write(tmp_path, "proc/vmstat", "oom_kill 0\n")
    watch = OomWatch(PID, root=tmp_path)
    everything.write_text("oom_kill 5\n")
    assert watch.killed() is False


def test_the_kernels_log_names_the_process(tmp_path: Path) -> None:
    write(tmp_path, "proc/vmstat", "oom_kill 0\n")
    write(tmp_path, "dev/kmsg", RECORD)
    assert OomWatch(PID, root=tmp_path).killed() is True
    assert OomWatch(PID + 1, root=tmp_path).killed() is False
    assert OomWatch(471, root=tmp_path).killed() is False


def test_nothing_is_known_where_nothing_can_be_read(tmp_path: Path) -> None:
    assert OomWatch(PID, root=tmp_path).killed() is None


def test_a_counter_that_is_gone_afterwards_is_not_known(tmp_path: Path) -> None:
    counter = write(tmp_path, "proc/vmstat", "oom_kill 0\n")
    watch = OomWatch(PID, root=tmp_path)
    counter.unlink()
    assert watch.killed() is None


def test_a_real_process_that_was_killed_by_hand_was_not_killed_for_memory() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        watch = OomWatch(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    # Where the figures of the whole system are all there is, another process may have been.
    assert watch.killed() in (False, None)
