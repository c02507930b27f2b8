"""How large the program is and how fast it starts, in each form that it is installed in, beside two other tray programs.

PYTHONPATH=tests python benchmarks/installed.py [--rounds 9] [--folder dist/model-switcher] [--file dist/model-switcher-one-file]

Start is from the call of the program to its icon in the tray of a panel (a StatusNotifierItem that is registered). All
forms and the others take turns. *Of it processor* is what the program and its children took of the processor until then,
which says more where the machine has other work. Idle memory is what the program's processes hold for themselves (unique set size), and
with shared parts in proportion (PSS), 10 seconds after the icon came, without a model. The others are programs of Debian
for the clipboard, both in C++ with Qt: `apt-get install copyq qlipper`.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from fakes.instance import free_port
from fakes.screen import Screen, eventually, screen
from fakes.tray import TrayDriver

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
SETTLE_SECONDS = 10.0


@dataclass
class Form:
    """One program, and what was measured of it."""

    name: str
    command: list[str]
    size: int | None
    ours: bool = True
    starts: list[float] = field(default_factory=list)
    worked: list[float] = field(default_factory=list)
    private: list[int] = field(default_factory=list)
    shared: list[int] = field(default_factory=list)


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--folder", type=Path, default=ROOT / "dist/model-switcher")
    parser.add_argument("--file", type=Path, default=ROOT / "dist/model-switcher-one-file")
    options = parser.parse_args()
    forms = list(found(options.folder.resolve(), options.file.resolve()))
    with (
        screen("xfce4-panel") as private,
        TrayDriver(private.bus) as tray,
        tempfile.TemporaryDirectory() as folder,
    ):
        settings = Path(folder) / "settings.toml"
        settings.write_text(f"stores = []\n[server]\nport = {free_port()}\n", "utf-8")
        for number in range(options.rounds + 1):
            for form in forms:
                measure(form, private, tray, settings, last=number == options.rounds)
    print(
        "| program | size | start to icon, first | start to icon, median (least to most) | of it processor | idle, own | idle, PSS |"
    )
    print("|---|---:|---:|---:|---:|---:|---:|")
    for form in forms:
        print(row(form))


def found(folder: Path, file: Path) -> Iterator[Form]:
    """What there is to measure here."""
    environment = Path(sys.prefix)
    yield Form("installed by pip (venv)", [str(environment / "bin/model-switcher-tray")], None)
    if (folder / "model-switcher").is_file():
        yield Form("one folder", [str(folder / "model-switcher")], total(folder))
    if file.is_file():
        yield Form("one file", [str(file)], file.stat().st_size)
    for name in ("copyq", "qlipper"):
        if shutil.which(name):
            yield Form(name, [name], None, ours=False)


def total(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def measure(form: Form, private: Screen, tray: TrayDriver, settings: Path, *, last: bool) -> None:
    """One start: to the icon, and at the last one also the memory at rest."""
    eventually(lambda: not tray.items())
    words = ["--config", str(settings), "tray"] if form.ours else []
    began = time.monotonic()
    process = subprocess.Popen(
        [*form.command, *words], env=private.environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        while not tray.items():
            assert process.poll() is None, f"{form.name} ended with {process.returncode}"
            assert time.monotonic() < began + 60, f"{form.name} shows no icon"
            time.sleep(0.002)
        form.starts.append(time.monotonic() - began)
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        form.worked.append(sum(sum(one.cpu_times()[:2]) for one in family))
        if last:
            time.sleep(SETTLE_SECONDS)
            family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            memory = [one.memory_full_info() for one in family]
            form.private.append(sum(one.uss for one in memory))
            form.shared.append(sum(one.pss for one in memory))
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(15)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def row(form: Form) -> str:
    """A row of the table."""
    warm = sorted(form.starts[1:]) or form.starts
    size = "" if form.size is None else f"{form.size / 2**20:,.1f} MiB"
    cells = (
        form.name,
        size,
        f"{form.starts[0]:.2f} s",
        f"{statistics.median(warm):.2f} s ({warm[0]:.2f} to {warm[-1]:.2f})",
        f"{statistics.median(form.worked):.2f} s",
        f"{form.private[0] / 2**20:,.0f} MiB",
        f"{form.shared[0] / 2**20:,.0f} MiB",
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
