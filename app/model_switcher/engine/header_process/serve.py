"""The process that reads: paths come on standard input, what their headers say goes to standard output."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from model_switcher.engine.catalog.headers import HeaderReader, guarded
from model_switcher.engine.catalog.walk import Candidate
from model_switcher.engine.header_process.messages import GREETING, encode, frame, read_frame

if TYPE_CHECKING:
    from typing import BinaryIO

STDIN, STDOUT, STDERR = 0, 1, 2


def run() -> int:
    """Read what is asked for until standard input ends, as it does when the process that started us does."""
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415 - Windows has it alone

        for descriptor in (STDIN, STDOUT):
            msvcrt.setmode(descriptor, os.O_BINARY)
    source = os.fdopen(os.dup(STDIN), "rb")
    answers = os.fdopen(os.dup(STDOUT), "wb", buffering=0)
    # Whatever else may be written there must not stand between the answers.
    os.dup2(STDERR, STDOUT)
    try:
        serve(source, answers)
    except (BrokenPipeError, KeyboardInterrupt):
        return 1
    return 0


def serve(source: BinaryIO, answers: BinaryIO) -> None:
    """Answer until `source` ends."""
    reader = HeaderReader()
    _send(answers, GREETING)
    while (path := read_frame(source)) is not None:
        candidate = Candidate(path.decode(), (0, 0))
        _send(answers, encode(guarded(reader.full, candidate)))


def _send(answers: BinaryIO, content: bytes) -> None:
    rest = memoryview(frame(content))
    while rest:
        rest = rest[answers.write(rest) :]
