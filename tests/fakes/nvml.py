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
import sys, time
from model_switcher.domain.wire import encode
from model_switcher.engine.readings.sampler import MemorySampler

late = 0.0
sampler = MemorySampler(clock=lambda: time.monotonic() + late)
for line in sys.stdin:
    command, *numbers = line.split()
    if command == "later":
        late += float(numbers[0])
    elif command == "close":
        sampler.close()
    else:
        print(encode(sampler.sample([int(number) for number in numbers])).decode(), flush=True)
"""


def build_library(folder: Path) -> Path:
    """Compile the library under the name that pynvml loads."""
    library = folder / "libnvidia-ml.so.1"
    subprocess.run(
        ["gcc", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", library, _SOURCE], check=True
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
        self._say("sample", *pids)
        assert self._process.stdout is not None
        answer = self._process.stdout.readline()
        return dict(json.loads(answer))

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

    def _say(self, *words: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
