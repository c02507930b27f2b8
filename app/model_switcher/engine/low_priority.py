"""Reads that let everybody else's go first, by the platform's own means.

Only the priority on the disk is lowered, never that of the thread: a thread that seldom gets the processor keeps the
interpreter lock meanwhile, and every stream would wait for it.
"""

from __future__ import annotations

import contextlib
import sys

if sys.platform == "linux":
    import ctypes
    import os

    # The C library has no wrapper; the numbers are those of asm/unistd.h.
    _IOPRIO_SET = {"x86_64": 251, "aarch64": 30, "riscv64": 30}
    _WHO_PROCESS, _CLASS_IDLE, _CLASS_SHIFT = 1, 3, 13

    def read_last(descriptor: int) -> None:
        """Have what this thread reads wait for all others, and the system read no further in this file than asked.

        What the system does not do is left: it is a courtesy.
        """
        number = _IOPRIO_SET.get(os.uname().machine)
        if number is not None:
            # Thread 0 is the one that calls: ioprio_set(2).
            ctypes.CDLL(None).syscall(number, _WHO_PROCESS, 0, _CLASS_IDLE << _CLASS_SHIFT)
        with contextlib.suppress(OSError):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_RANDOM)

elif sys.platform == "win32":
    import ctypes
    import msvcrt
    from ctypes import wintypes

    # FILE_INFO_BY_HANDLE_CLASS and PRIORITY_HINT of winbase.h.
    _IO_PRIORITY_HINT_INFO, _VERY_LOW = 12, 0

    def read_last(descriptor: int) -> None:
        """Have reads of this file wait for all others.

        What the system does not do is left: it is a courtesy.
        """
        kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
        hint = ctypes.c_int(_VERY_LOW)
        with contextlib.suppress(OSError):
            handle = wintypes.HANDLE(msvcrt.get_osfhandle(descriptor))
            kernel32.SetFileInformationByHandle(
                handle, _IO_PRIORITY_HINT_INFO, ctypes.byref(hint), ctypes.sizeof(hint)
            )

elif sys.platform == "darwin":
    import ctypes

    # sys/resource.h
    _TYPE_DISK, _SCOPE_THREAD, _THROTTLE = 0, 1, 3

    def read_last(descriptor: int) -> None:
        """Have what this thread reads wait for all others, whichever file it is.

        What the system does not do is left: it is a courtesy.
        """
        del descriptor
        with contextlib.suppress(AttributeError):
            ctypes.CDLL(None).setiopolicy_np(_TYPE_DISK, _SCOPE_THREAD, _THROTTLE)

else:

    def read_last(descriptor: int) -> None:
        """Nothing is known that could be done here."""
        del descriptor
