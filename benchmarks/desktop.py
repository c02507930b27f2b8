"""What the tray costs: start to icon, opening the panel, processor while idle, and memory after much use.

    PYTHONPATH=tests python benchmarks/desktop.py [start] [panel] [idle] [use] [--models 1000] [--starts 7] [--seconds 60]

The whole program on a virtual screen with xfce's panel, as a user would start it, with so many models. "Use" is an hour
in short: sixty times another model is chosen, and each time the panel is opened, filtered, and closed; an answer is
asked of every model. Beside each figure stands the aim. Needs the system packages of `tests/run.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psutil
from library import copies

from fakes.engines import ENGINES
from fakes.instance import Instance, write_settings
from fakes.screen import screen
from fakes.tray import TrayDriver
from model_switcher.domain.units import MIB
from model_switcher.engine.demo_models import write_demo_models

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from fakes.screen import Screen

PARTS = ("start", "panel", "idle", "use")
AIM_START, AIM_OPEN, AIM_IDLE = 0.7, 100.0, 0.3
SWITCHES, WARM = 60, 10
STEP = 0.002


def report(what: str, figure: str, aim: str) -> None:
    print(f"{what:44} {figure:>34}   aim: {aim}", flush=True)


@contextlib.contextmanager
def machine(count: int) -> Iterator[tuple[Screen, Path]]:
    """A screen with a panel, and the settings of an instance with `count` models."""
    folder = Path(tempfile.mkdtemp(prefix="desktop-"))
    (folder / "models").mkdir()
    try:
        models = write_demo_models(folder / "models")
        copies(folder / "models", folder / "models", count - len(models))
        settings = write_settings(folder, models, engine=ENGINES[0])
        with screen("xfce4-panel") as private:
            yield private, settings
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def own_environment(private: Screen) -> dict[str, str]:
    # Not its own HOME and configuration folder: those would be a first start each time.
    return {
        **os.environ,
        **{name: private.environment[name] for name in ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS")},
    }


@dataclass(frozen=True)
class Running:
    """The tray, and what its start took until the panel had its icon: seconds, and seconds of the processor."""

    instance: Instance
    tray: TrayDriver
    process: psutil.Process
    seconds: float
    processor: float


@contextlib.asynccontextmanager
async def running(private: Screen, settings: Path) -> AsyncIterator[Running]:
    with TrayDriver(private.bus) as tray:
        while tray.items():
            await asyncio.sleep(STEP)
        instance = Instance(settings, "tray", environment=own_environment(private))
        waiting = asyncio.create_task(asyncio.to_thread(_until_icon, tray, instance))
        began = time.perf_counter()
        async with instance:
            ended, processor = await waiting
            await instance.ready()
            assert instance.process is not None
            process = psutil.Process(instance.process.pid)
            yield Running(instance, tray, process, ended - began, processor)


def _until_icon(tray: TrayDriver, instance: Instance) -> tuple[float, float]:
    while not tray.items():
        time.sleep(STEP)
    now = time.perf_counter()
    assert instance.process is not None
    return now, _used(psutil.Process(instance.process.pid))


async def measure_start(private: Screen, settings: Path, times: int) -> None:
    took = [await _start(private, settings) for _ in range(times + 1)]
    (first, _), *others = took
    report("start to icon, the first time", f"{first:.2f} s", f"< {AIM_START} s")
    for what, number, aim in (
        (f"start to icon, {times} times after that", 0, f"< {AIM_START} s"),
        ("  of it processor time of the program", 1, "none"),
    ):
        figures = [one[number] for one in others]
        middle = f"{statistics.median(figures):.2f} s ({min(figures):.2f} to {max(figures):.2f})"
        report(what, middle, aim)


async def _start(private: Screen, settings: Path) -> tuple[float, float]:
    """Seconds until the icon is there, and of the processor by then."""
    async with running(private, settings) as started:
        return started.seconds, started.processor


def measure_panel(private: Screen, count: int) -> None:
    script = Path(__file__).with_name("panel.py")
    command = [sys.executable, str(script), "--models", str(count), "--platform", "xcb"]
    tests = {"PYTHONPATH": os.environ.get("PYTHONPATH", "tests")}
    done = subprocess.run(
        command, env={**private.environment, **tests}, capture_output=True, text=True, check=True
    )
    for line in done.stdout.splitlines()[1:]:
        what, _, figure = line.partition("  ")
        aim = f"< {AIM_OPEN:.0f} ms" if "opening" in what else "none"
        report(what, figure.strip(), aim)


async def measure_idle(private: Screen, settings: Path, seconds: float) -> None:
    async with running(private, settings) as started:
        process = started.process
        await until_settled(process)
        before, began = _used(process), time.perf_counter()
        children = {child.pid: _used(child) for child in process.children(recursive=True)}
        await asyncio.sleep(seconds)
        span = time.perf_counter() - began
        part = (_used(process) - before) / span * 100
        report(f"processor over {span:.0f} s idle", f"{part:.2f} % of a core", f"< {AIM_IDLE} %")
        for child in process.children(recursive=True):
            if child.pid in children:
                part = (_used(child) - children[child.pid]) / span * 100
                report(f"  {child.name()} meanwhile", f"{part:.2f} % of a core", "none")


async def until_settled(process: psutil.Process) -> None:
    """Until the catalog is read and what all models need was worked out: half a second with little work."""
    while True:
        before = _used(process)
        await asyncio.sleep(2)
        if _used(process) - before < 0.03:
            return


async def measure_use(private: Screen, settings: Path) -> None:
    async with running(private, settings) as started:
        process = started.process
        await until_settled(process)
        print(f"{'memory before':44} {_held(process):>34}")
        held = []
        for number in range(SWITCHES):
            await _switch(started.instance, f"demo-{('birch', 'alder')[number % 2]}")
            await _use_panel(private, started.instance)
            held.append(process.memory_info().rss)
            if (number + 1) % 10 == 0:
                print(f"{f'  after {number + 1} switches':44} {_held(process):>34}", flush=True)
        settled = held[WARM:]
        half = len(settled) // 2
        growth = statistics.median(settled[half:]) - statistics.median(settled[:half])
        figure = f"{growth / MIB:+.1f} MiB"
        report(f"growth from the first to the second half of {len(settled)}", figure, "none")


async def _switch(instance: Instance, model: str) -> None:
    async with httpx.AsyncClient(base_url=instance.address, trust_env=False, timeout=60) as client:
        (await client.post("/switcher/select", json={"model": model})).raise_for_status()
        asked = {"prompt": "a", "n_predict": 4, "grammar": "root ::= [a-z]+"}
        (await client.post("/completion", json=asked)).raise_for_status()


async def _use_panel(private: Screen, instance: Instance) -> None:
    async with httpx.AsyncClient(base_url=instance.address, trust_env=False, timeout=60) as client:
        (await client.post("/switcher/show")).raise_for_status()
    await asyncio.sleep(0.3)
    for command in (("type", "birch"), ("key", "Down", "Right"), ("key", "Left", "Escape", "Escape")):
        await asyncio.to_thread(private.run, "xdotool", *command)
    await asyncio.sleep(0.3)


def _used(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def _held(process: psutil.Process) -> str:
    memory = process.memory_full_info()
    return f"{memory.rss / MIB:.1f} MiB, {memory.uss / MIB:.1f} of its own"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--starts", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    parts = options.parts or PARTS
    print(f"{options.models} models, Python {sys.version.split()[0]}, {os.cpu_count()} cores")
    with machine(options.models) as (private, settings):
        if "start" in parts:
            asyncio.run(measure_start(private, settings, options.starts))
        if "panel" in parts:
            measure_panel(private, options.models)
        if "idle" in parts:
            asyncio.run(measure_idle(private, settings, options.seconds))
        if "use" in parts:
            asyncio.run(measure_use(private, settings))


if __name__ == "__main__":
    main()
