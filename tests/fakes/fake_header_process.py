"""The process that reads headers, with the faults that a real file does not produce on demand.

Run as `python fake_header_process.py FOLDER [--no-greeting | --old | --die]`. A file whose name begins with a fault makes
it behave so; all others are read. FOLDER gets a file for each that was asked for and each process that was started.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

# What takes long to import is imported once it is noted that the process has started.


def say(content: bytes) -> None:
    from model_switcher.engine.header_process.messages import frame

    sys.stdout.buffer.write(frame(content))
    sys.stdout.buffer.flush()


def behave(name: str, folder: Path) -> None:
    """Do what the name of the file says, if it says anything."""
    if name.startswith("crash"):
        os._exit(3)
    if name.startswith("once") and not (folder / "crashed once").exists():
        (folder / "crashed once").touch()
        os._exit(3)
    if name.startswith("spin"):
        while True:
            pass
    if name.startswith("greedy"):
        kept = bytearray(os.urandom(1 << 20) * 200)
        time.sleep(60)
        print(len(kept), file=sys.stderr)
    if name.startswith("hang"):
        while not (folder / "answers").exists():
            time.sleep(0.01)
    if name.startswith("garbage"):
        say(b"\xc1 this is no answer")
    if name.startswith("flood"):
        sys.stdout.buffer.write(b"\xff" * 64)
        sys.stdout.buffer.flush()


def main() -> None:
    folder, *faults = sys.argv[1:]
    (Path(folder) / f"started {os.getpid()}").touch()
    if "--die" in faults:
        sys.exit("it cannot be started")
    if "--no-greeting" in faults:
        time.sleep(60)
    from model_switcher.engine.catalog.headers import HeaderReader, guarded
    from model_switcher.engine.catalog.walk import Candidate
    from model_switcher.engine.header_process.messages import GREETING, encode, read_frame

    say(b"model-switcher, facts 0" if "--old" in faults else GREETING)
    while (path := read_frame(sys.stdin.buffer)) is not None:
        name = Path(path.decode()).name
        (Path(folder) / f"asked for {name}").touch()
        behave(name, Path(folder))
        say(encode(guarded(HeaderReader().full, Candidate(path.decode(), (0, 0)))))


if __name__ == "__main__":
    main()
