from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc, sys
from model_switcher.engine.interpreter import SWITCH_SECONDS, give_way
before = sys.getswitchinterval(), gc.get_freeze_count()
give_way()
assert before[0] > sys.getswitchinterval() == SWITCH_SECONDS, before
assert before[1] == 0 < gc.get_freeze_count(), before
"""


def test_busy_threads_give_way_and_what_was_imported_is_not_looked_through_again() -> None:
    """In a process of its own: it changes the whole interpreter."""
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
