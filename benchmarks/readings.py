"""What the readings cost: processor time of one look at memory, as the runtime takes it once a second.

    PYTHONPATH=tests python benchmarks/readings.py [--looks 60]

Two cards of a simulated NVIDIA driver with twenty processes, a running server among them; then an AMD card in folders
that are laid out as the kernel's, with three hundred processes: twenty use it, half of the others are the user's. The simulated driver's own
part is in the figures: a real one answers from memory too, but through the kernel.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from fakes.kernel_files import KernelFiles, client
from fakes.nvml import build_library
from model_switcher.domain.snapshot import ServerView, Snapshot
from model_switcher.domain.states import ServerState
from model_switcher.domain.units import GIB, MIB
from model_switcher.engine.log import LogRing
from model_switcher.engine.readings.drm import DrmCards
from model_switcher.engine.readings.nvml import Nvml
from model_switcher.engine.readings.sampler import MemorySampler
from model_switcher.engine.readings.watch import MemoryWatch

PROCESSES = 20
OTHERS = 280
PLACE = "0000:03:00.0"


async def measure(what: str, sampler: MemorySampler, server: int, looks: int) -> None:
    view = ServerView(model="m", state=ServerState.READY, engine="e", pid=server, alias="~a")
    snapshot = Snapshot(servers=(view,))
    watch = MemoryWatch(LogRing(), sampler)
    seen = await watch.look(snapshot)
    gpus = seen["readings"].gpus
    assert sum(len(gpu.processes or ()) for gpu in gpus) == PROCESSES, seen
    began, used = time.perf_counter(), time.process_time()
    for _ in range(looks):
        await asyncio.sleep(1.0)
        await watch.look(snapshot)
    used, wall = time.process_time() - used, time.perf_counter() - began
    await watch.close()
    print(f"{what}: {used / looks * 1000:.2f} ms a look, {used / wall:.2%} of one core")


def simulated_nvidia(folder: Path, server: int) -> None:
    """The state of a driver with two cards, the processes shared between them."""
    pids = [server, *[pid for pid in psutil.pids() if pid != server]][:PROCESSES]
    assert len(pids) == PROCESSES, "too few processes run here"
    lines: list[str] = []
    for card in range(2):
        lines += [f"gpu Card {card}", f"uuid GPU-{card}", f"memory {16 * GIB} {GIB} {9 * GIB} {6 * GIB}"]
        lines += ["utilization 37", "temperature 61", "power 120500"]
        lines += [f"compute {pid} {100 * MIB}" for pid in pids[card::2]]
    (folder / "driver").write_text("\n".join(lines) + "\n")


def simulated_amd(folder: Path, server: int) -> str:
    kernel = KernelFiles(folder)
    card = kernel.card(
        mem_info_vram_total=16 * GIB, mem_info_vram_used=6 * GIB, mem_info_gtt_used=GIB, gpu_busy_percent=7
    )
    kernel.sensors(card, temp1_input=61_000, power1_average=120_000_000)
    for number in range(PROCESSES):
        kernel.process(server if number == 0 else 1_000_000 + number, client(number, 1024), files=40)
    for number in range(OTHERS):
        kernel.process(2_000_000 + number, files=40)
        if number % 2:  # another user's: what it has open is not told
            shutil.rmtree(folder / f"proc/{2_000_000 + number}/fd")
    return str(folder)


async def main(looks: int) -> None:
    server = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)  # noqa: ASYNC220
    try:
        await measure("NVIDIA", MemorySampler(readers=[Nvml()]), server.pid, looks)
        with tempfile.TemporaryDirectory() as folder:
            root = simulated_amd(Path(folder), server.pid)
            past = 0.0
            cards = DrmCards(lambda: time.monotonic() + past, root)
            for _ in range(100):  # the first minutes, in which every new process is looked at several times
                cards.read()
                past += 3.0
            await measure("AMD", MemorySampler(readers=[cards]), server.pid, looks)
        await measure_idle(looks)
    finally:
        server.kill()
        server.wait()


async def measure_idle(looks: int) -> None:
    """What the loop takes for nothing but the seconds."""
    used = time.process_time()
    for _ in range(min(looks, 10)):
        await asyncio.sleep(1.0)
    print(f"nothing: {(time.process_time() - used) / min(looks, 10):.2%} of one core")


def with_driver(arguments: list[str]) -> int:
    """Run this program again, where the simulated driver is found."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build_library(folder)
        simulated_nvidia(folder, os.getpid())
        environment = {
            **os.environ,
            "LD_LIBRARY_PATH": name,
            "SIMULATED_NVML": str(folder / "driver"),
            "SIMULATED_NVML_ONCE": "1",
        }
        return subprocess.call([sys.executable, __file__, *arguments, "--driver", name], env=environment)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--looks", type=int, default=60)
    parser.add_argument("--driver", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.driver is None:
        raise SystemExit(with_driver(sys.argv[1:]))
    asyncio.run(main(given.looks))
