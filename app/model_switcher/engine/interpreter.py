"""How the threads of this process share the interpreter."""

from __future__ import annotations

import gc
import sys

# The interpreter's own default is 5 ms: for so long, and once for each busy thread, a stream would wait for what others
# compute. A switch takes some microseconds, and happens only while somebody waits.
SWITCH_SECONDS = 0.001


def give_way() -> None:
    """Have busy threads let others have the interpreter soon, and pauses for collecting garbage be short.

    For a program that stays, once all that it needs is imported: what exists by then is not looked through any more.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.freeze()
