"""The guards against engines that outlive the program, on this platform."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys

import psutil

from fakes.launches import lives, until
from model_switcher.engine.process.guards import kill_tree, new_guard, own_libraries_hidden
from model_switcher.processes import process_created

# Spawns a child that pays no attention to its standard input, under a guard, and tells its pid.
SPAWNER = """
import asyncio, os
from model_switcher.engine.process.child import Child
async def main():
    child = await Child.spawn(["sleep", "600"], environment=dict(os.environ), on_line=lambda *_: None)
    print(child.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_a_child_that_ignores_its_input_dies_with_us_all_the_same() -> None:
    spawner = await asyncio.create_subprocess_exec(sys.executable, "-c", SPAWNER, stdout=subprocess.PIPE)
    assert spawner.stdout is not None
    pid = int(await spawner.stdout.readline())
    # What sets the guard up becomes the child once that is done.
    await until(lambda: psutil.Process(pid).name() == "sleep")
    spawner.send_signal(signal.SIGKILL)
    await spawner.wait()
    await until(lambda: not lives(pid))


async def test_a_kill_takes_the_whole_tree() -> None:
    shell = await asyncio.create_subprocess_exec(
        "sh", "-c", "sleep 600 & echo $!; wait", stdout=subprocess.PIPE, process_group=0
    )
    assert shell.stdout is not None
    grandchild = int(await shell.stdout.readline())
    kill_tree(shell.pid, process_created(shell.pid) or 0.0)
    assert await shell.wait() == -signal.SIGKILL
    await until(lambda: not lives(grandchild))


async def test_a_process_that_was_given_the_same_pid_later_is_left_alone() -> None:
    stranger = await asyncio.create_subprocess_exec("sleep", "600", process_group=0)
    kill_tree(stranger.pid, (process_created(stranger.pid) or 0.0) - 60)
    assert lives(stranger.pid)
    stranger.kill()
    await stranger.wait()


async def test_the_kill_of_what_is_gone_is_no_error() -> None:
    done = await asyncio.create_subprocess_exec("true")
    created = process_created(done.pid) or 0.0
    await done.wait()
    kill_tree(done.pid, created)
    assert process_created(done.pid) is None


def test_a_guard_starts_the_command_itself() -> None:
    guard = new_guard()
    command = guard.command(["engine", "--model", "m.gguf"])
    assert command[-3:] == ["engine", "--model", "m.gguf"]
    guard.close()


def test_outside_a_frozen_program_there_is_nothing_to_hide() -> None:
    with own_libraries_hidden():
        assert not hasattr(sys, "_MEIPASS")
