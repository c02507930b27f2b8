"""Ends a process right before the Nth call that changes a file, for every N (Linux).

python -m fakes.kill_at_write OPERATION FOLDER    with the library preloaded: prints a line of JSON for each N
"""

from __future__ import annotations

import ctypes
import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).resolve().parent
MOST = 400
_LETTERS = 10_000


@functools.cache
def library() -> Path:
    """The compiled library, for as long as this process lives."""
    folder = Path(tempfile.mkdtemp(prefix="kill-at-write-"))
    path = folder / "kill_at_write.so"
    source = HERE / "kill_at_write.c"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", path, source, "-ldl"], check=True)
    return path


def begin(module: str, name: str, folder: Path) -> list[dict[str, object]]:
    """What became of `name` of `module` when it was ended at its first write, its second, … and not at all.

    Each entry has what `check` of that operation said afterwards, and the calls up to the end as letters: w write,
    s sync, t truncate, r rename, u unlink.
    """
    done = subprocess.run(
        [sys.executable, "-m", "fakes.kill_at_write", module, name, str(folder)],
        env={**os.environ, "LD_PRELOAD": str(library()), "PYTHONPATH": str(HERE.parent)},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def run(
    folder: Path,
    prepare: Callable[[Path], None],
    operation: Callable[[Path], None],
    check: Callable[[Path], object],
) -> None:
    """In the process with the library: one child for each N, until one comes to the end."""
    shim = ctypes.CDLL(None)
    for count in range(MOST):
        place = folder / str(count)
        place.mkdir()
        prepare(place)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            shim.arm(ctypes.c_long(count), ctypes.c_int(writing))
            operation(place)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading, "rb") as pipe:
            calls = pipe.read(_LETTERS).decode()
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status)
        assert killed or os.waitstatus_to_exitcode(status) == 0
        print(json.dumps({"killed": killed, "calls": calls, "found": check(place)}), flush=True)
        if not killed:
            return
    raise AssertionError(f"it did not end within {MOST} writes")


if __name__ == "__main__":
    import importlib

    operations = importlib.import_module(sys.argv[1]).OPERATIONS
    run(Path(sys.argv[3]), *operations[sys.argv[2]])
