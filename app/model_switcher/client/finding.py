"""Finding the running instance through its file, and starting a headless one where none runs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from typing import IO, TYPE_CHECKING

from model_switcher.domain.errors import NoInstance
from model_switcher.domain.instance import InstanceRecord
from model_switcher.domain.wire import decode
from model_switcher.processes import is_same_process

if TYPE_CHECKING:
    from model_switcher.places import Places

START_SECONDS = 30.0
LINGER_SECONDS = 600.0
_LOOK_AGAIN_SECONDS = 0.02


def find(places: Places) -> InstanceRecord | None:
    """The instance that runs for these places; None if there is none."""
    try:
        record = decode(places.instance.read_bytes(), InstanceRecord)
    except (OSError, ValueError):
        return None
    return record if is_same_process(record.pid, record.created) else None


async def find_or_start(places: Places) -> tuple[InstanceRecord, bool]:
    """The running instance, and whether it had to be started.

    A started one is headless and ends ten minutes after its last use. Two callers at once get the same one: only
    one process can hold the lock.

    Raises:
        NoInstance: It did not come up; the sentence says what it wrote.
    """
    if (record := find(places)) is not None:
        return record, False
    places.logs.mkdir(parents=True, exist_ok=True)
    log = places.logs / "headless.log"
    with log.open("wb") as output:
        process = _spawn(places, output)
    # It outlives us; should it end before us, somebody has to take note, or it stays as a zombie.
    threading.Thread(target=process.wait, name="headless instance", daemon=True).start()
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if (record := find(places)) is not None:
            return record, True
        code = process.returncode
        if code is not None and find(places) is None:
            raise _not_started(code, log.read_text("utf-8", errors="replace").strip().splitlines())
        await asyncio.sleep(_LOOK_AGAIN_SECONDS)
    raise NoInstance(
        f"A headless instance did not come up within {START_SECONDS:.0f} s",
        hint=f"What it wrote is in {log}.",
    )


def _not_started(status: int, said: list[str]) -> NoInstance:
    in_terminal = "`model-switcher serve` in a terminal shows why."
    match said:
        case []:
            reason, hint = f"it ended with status {status}", in_terminal
        case [first, *_] if first.startswith("Traceback"):
            reason, hint = said[-1], in_terminal
        case [reason, *more]:
            hint = more[0] if more else in_terminal
    return NoInstance(f"A headless instance could not be started: {reason}", hint=hint)


def program() -> list[str]:
    """The command that runs this program again, installed or frozen."""
    if getattr(sys, "frozen", False):
        return [sys.executable]
    return [sys.executable, "-m", "model_switcher"]


def _spawn(places: Places, output: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a headless instance that outlives us and our terminal."""
    command = [*program(), "--config", str(places.settings), "serve", "--linger", f"{LINGER_SECONDS:.0f}"]
    if sys.platform == "win32":
        flags = subprocess.CREATE_NO_WINDOW | subprocess.CREATE_NEW_PROCESS_GROUP
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, creationflags=flags
        )
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
    )
