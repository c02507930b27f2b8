"""How much memory a piece of work takes at its height, beyond what the process had before."""

from __future__ import annotations

import os
import sys

if sys.platform == "linux":

    class Memory:
        """Watches resident memory by the kernel's own high-water mark, which can be reset (proc(5), clear_refs)."""

        def __init__(self) -> None:
            self._reset = os.open("/proc/self/clear_refs", os.O_WRONLY | os.O_CLOEXEC)
            self._status = os.open("/proc/self/status", os.O_RDONLY | os.O_CLOEXEC)
            self._before = 0

        def close(self) -> None:
            os.close(self._reset)
            os.close(self._status)

        def begin(self) -> None:
            os.write(self._reset, b"5")
            self._before = self._peak()

        def most(self) -> int:
            """Bytes since `begin`."""
            return self._peak() - self._before

        def _peak(self) -> int:
            # A line such as `VmHWM: 12345 kB`.
            return int(os.pread(self._status, 4096, 0).partition(b"VmHWM:")[2].split(None, 1)[0]) * 1024

else:

    class Memory:
        """Memory is watched on Linux only."""

        def close(self) -> None:
            """There is nothing to close."""

        def begin(self) -> None:
            """There is nothing to begin."""

        def most(self) -> int:
            return 0
