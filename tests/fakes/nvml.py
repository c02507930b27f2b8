"""A simulated NVIDIA driver: NVML's own interface as a library, which does what a text file says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

_SOURCE = Path(__file__).with_name("nvml.c")
_CHILD = """
import asyncio, sys, time
from model_switcher.domain.wire import encode, plain
from model_switcher.engine.readings.nvml import Nvml
from model_switcher.engine.readings.release import prove_release
from model_switcher.engine.readings.sampler import MemorySampler

late = 0.0

def clock():
    return time.monotonic() + late

sampler = MemorySampler(clock, readers=[Nvml(clock)])
for line in sys.stdin:
    command, *numbers = line.split()
    if command == "later":
        late += float(numbers[0])
    elif command == "close":
        sampler.close()
    elif command == "prove":
        pids = frozenset(map(int, numbers[1:]))

        async def read():
            return sampler.sample(tuple(pids))

        began = time.monotonic()
        verdict = asyncio.run(prove_release(read, last, pids=pids, bound=float(numbers[0])))
        answer = {"verdict": type(verdict).__name__, "seconds": time.monotonic() - began, **plain(verdict)}
        print(encode(answer).decode(), flush=True)
    else:
        last = sampler.sample([int(number) for number in numbers])
        print(encode(last).decode(), flush=True)
"""


def build_library(folder: Path) -> Path:
    """Compile the library under the name that pynvml loads."""
    return compile_library(_SOURCE, folder / "libnvidia-ml.so.1")


def compile_library(source: Path, library: Path) -> Path:
    """Compile one C file."""
    subprocess.run(
        ["gcc", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-O1", "-o", library, source], check=True
    )
    return library


class SampledProgram:
    """A Python process that reads memory through the library in `libraries` (none there: no driver)."""

    def __init__(self, libraries: Path, state: Path) -> None:
        self.state = state
        environment = {**os.environ, "LD_LIBRARY_PATH": str(libraries), "SIMULATED_NVML": str(state)}
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", _CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def driver(self, *lines: str) -> None:
        """What the driver says from now on."""
        self.state.write_text("\n".join(lines) + "\n")

    def no_driver(self) -> None:
        self.state.unlink()

    def sample(self, *pids: int) -> dict[str, Any]:
        """One reading, as JSON."""
        return self._ask("sample", *pids)

    def prove_release(self, *pids: int, bound: float) -> dict[str, Any]:
        """The proof that what these processes held at the last reading is free, as JSON, and how long it took."""
        return self._ask("prove", bound, *pids)

    def later(self, seconds: float) -> None:
        """Let the program's clock jump."""
        self._say("later", seconds)

    def close_sampler(self) -> None:
        self._say("close")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()
        if kind is None:
            assert self._process.returncode == 0

    def _ask(self, *words: object) -> dict[str, Any]:
        self._say(*words)
        assert self._process.stdout is not None
        return dict(json.loads(self._process.stdout.readline()))

    def _say(self, *words: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
