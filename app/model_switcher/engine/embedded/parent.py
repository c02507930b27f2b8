"""A Linux engine dies with the program that started it, even while a model loads."""

from __future__ import annotations

import os
import signal
import sys

PARENT = "MODEL_SWITCHER_PARENT"  # pid of the process that starts the engine, in its environment
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent() -> None:
    """Ask the kernel for SIGKILL when the parent ends; end at once if it is gone already.

    Does nothing where nobody said who the parent is, and on systems other than Linux: there the process that starts
    the engine guards it.
    """
    told = os.environ.get(PARENT)
    if sys.platform != "linux" or told is None:
        return
    import ctypes  # noqa: PLC0415 - needed here alone, and 10 ms

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the parent-death signal could not be set")
    if told != str(os.getppid()):
        os._exit(1)  # it ended before the signal was set
