"""The whole desktop in a process of its own, on a virtual screen. Its engine is a stand-in."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from fakes.screen import Screen
    from fakes.tray import TrayDriver

TESTS = Path(__file__).resolve().parents[1]


class Program:
    """The desktop as a child process; `environment` is added to that of the screen."""

    def __init__(
        self, private: Screen, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self.said: list[str] = []
        self.complaints: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "fakes.stand_in", *arguments],
            env={**private.environment, "PYTHONPATH": str(TESTS), **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self._readers = [
            threading.Thread(target=_read, args=(stream, into))
            for stream, into in (
                (self.process.stdout, self.said),
                (self.process.stderr, self.complaints),
            )
        ]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        for reader in self._readers:
            reader.join()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")

    def ends_well(self, complaints: Sequence[str] = ()) -> None:
        """It ends by itself with status 0, and complained about nothing else."""
        assert self.process.wait(20) == 0
        for reader in self._readers:
            reader.join()
        assert self.complaints == [*complaints]


def _read(stream: Iterable[str] | None, into: list[str]) -> None:
    assert stream is not None
    into.extend(line.rstrip("\n") for line in stream)


def shows(tray: TrayDriver, text: str) -> Callable[[], bool]:
    def probe() -> bool:
        with contextlib.suppress(LookupError, IndexError):
            return text in tray.tooltip()
        return False

    return probe


def windows(private: Screen) -> list[str]:
    """The numbers of the program's visible windows, one below the other."""
    command = ("xdotool", "search", "--onlyvisible", "--class", "model-switcher")
    done = subprocess.run(
        command, env=private.environment, capture_output=True, text=True, check=False, timeout=20
    )
    return done.stdout.split()


def window(private: Screen) -> str:
    """The number of the program's first visible window; empty if it has none."""
    return next(iter(windows(private)), "")


def titles(private: Screen) -> list[str]:
    """What stands over the program's visible windows."""
    return [private.run("xdotool", "getwindowname", number).strip() for number in windows(private)]
