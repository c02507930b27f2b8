"""The platform's own guard against engines that outlive this program, and the kill of a whole process tree.

The first guard is the child's standard input, which closes when we die; it acts late while a model loads. Behind it:

- Windows: each child is put into a job object that dies with its last handle, which is ours.
- Linux: the child's parent-death signal, set by util-linux' `setpriv` between fork and exec: `preexec_fn` is
  documented as unsafe in a program with threads. The signal is tied to the thread that forked, so every child is
  spawned from the runtime's loop thread.
- macOS has neither: what a crash leaves loading ends with its load, or at the next start.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from typing import TYPE_CHECKING, Any, Protocol

from model_switcher.processes import family, is_same_process, kill, process_created

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Guard(Protocol):
    """Ties one child to this process."""

    def command(self, command: Sequence[str]) -> list[str]:
        """The command line that starts `command` under the guard."""
        ...

    def spawn_options(self) -> dict[str, Any]:
        """Keyword arguments for the spawn."""
        ...

    def adopt(self, pid: int) -> None:
        """Take the child in, right after it was spawned."""
        ...

    def kill(self, pid: int, created: float) -> None:
        """Kill the child and everything that it started."""
        ...

    def close(self) -> None:
        """Give up what the guard holds; the child is gone."""
        ...


class ProcessGroupGuard:
    """POSIX: a process group of its own, and on Linux the parent-death signal."""

    def __init__(self) -> None:
        self._setpriv = shutil.which("setpriv") if sys.platform == "linux" else None

    def command(self, command: Sequence[str]) -> list[str]:
        prefix = [self._setpriv, "--pdeathsig", "KILL", "--"] if self._setpriv else []
        return [*prefix, *command]

    def spawn_options(self) -> dict[str, Any]:
        # A group of its own keeps the terminal's Ctrl-C from the engine: we stop it in order.
        return {"process_group": 0}

    def adopt(self, pid: int) -> None:
        """Nothing to do: the group and the signal were set by the spawn."""

    def kill(self, pid: int, created: float) -> None:
        kill_tree(pid, created)

    def close(self) -> None:
        """Nothing is held."""


def kill_tree(pid: int, created: float) -> None:
    """Kill a process and all that descend from it; what is gone already is no error.

    Args:
        pid: The process; on POSIX the leader of its group.
        created: When it was created: a process that was given the same pid later is left alone.
    """
    actual = process_created(pid)
    if actual is not None and not is_same_process(pid, created):
        return
    kill(family(pid))
    if sys.platform != "win32":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    CREATE_NO_WINDOW = 0x0800_0000
    _JOB_OBJECT_EXTENDED_LIMIT_INFORMATION = 9
    _JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE = 0x2000
    _PROCESS_SET_QUOTA_AND_TERMINATE = 0x0100 | 0x0001

    class _BasicLimits(ctypes.Structure):
        _fields_ = (
            ("PerProcessUserTimeLimit", ctypes.c_int64),
            ("PerJobUserTimeLimit", ctypes.c_int64),
            ("LimitFlags", wintypes.DWORD),
            ("MinimumWorkingSetSize", ctypes.c_size_t),
            ("MaximumWorkingSetSize", ctypes.c_size_t),
            ("ActiveProcessLimit", wintypes.DWORD),
            ("Affinity", ctypes.c_size_t),
            ("PriorityClass", wintypes.DWORD),
            ("SchedulingClass", wintypes.DWORD),
        )

    class _ExtendedLimits(ctypes.Structure):
        _fields_ = (
            ("BasicLimitInformation", _BasicLimits),
            ("IoInfo", ctypes.c_uint64 * 6),
            ("ProcessMemoryLimit", ctypes.c_size_t),
            ("JobMemoryLimit", ctypes.c_size_t),
            ("PeakProcessMemoryUsed", ctypes.c_size_t),
            ("PeakJobMemoryUsed", ctypes.c_size_t),
        )

    class JobObjectGuard:
        """Windows: a job object whose members die when its last handle closes, be it by our death."""

        def __init__(self) -> None:
            self._kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
            for name in ("CreateJobObjectW", "OpenProcess"):
                getattr(self._kernel32, name).restype = wintypes.HANDLE
            self._job: int | None = self._kernel32.CreateJobObjectW(None, None)
            limits = _ExtendedLimits()
            limits.BasicLimitInformation.LimitFlags = _JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
            if not self._kernel32.SetInformationJobObject(
                wintypes.HANDLE(self._job),
                _JOB_OBJECT_EXTENDED_LIMIT_INFORMATION,
                ctypes.byref(limits),
                ctypes.sizeof(limits),
            ):
                raise ctypes.WinError(ctypes.get_last_error())

        def command(self, command: Sequence[str]) -> list[str]:
            return list(command)

        def spawn_options(self) -> dict[str, Any]:
            return {"creationflags": CREATE_NO_WINDOW}

        def adopt(self, pid: int) -> None:
            handle = self._kernel32.OpenProcess(_PROCESS_SET_QUOTA_AND_TERMINATE, False, pid)
            if not handle:
                raise ctypes.WinError(ctypes.get_last_error())
            try:
                if not self._kernel32.AssignProcessToJobObject(
                    wintypes.HANDLE(self._job), wintypes.HANDLE(handle)
                ):
                    raise ctypes.WinError(ctypes.get_last_error())
            finally:
                self._kernel32.CloseHandle(wintypes.HANDLE(handle))

        def kill(self, pid: int, created: float) -> None:
            self._kernel32.TerminateJobObject(wintypes.HANDLE(self._job), 1)
            kill_tree(pid, created)

        def close(self) -> None:
            if self._job is not None:
                self._kernel32.CloseHandle(wintypes.HANDLE(self._job))
                self._job = None


@contextlib.contextmanager
def own_libraries_hidden() -> Iterator[None]:
    """Spawn a foreign program inside: a frozen program's library folder is inherited by its children on Windows.

    Source: PyInstaller's manual, "Launching external programs from the frozen application".
    """
    bundle = getattr(sys, "_MEIPASS", None)
    if sys.platform == "win32" and bundle is not None:
        kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
        kernel32.SetDllDirectoryW(None)
        try:
            yield
        finally:
            kernel32.SetDllDirectoryW(bundle)
    else:
        yield


def new_guard() -> Guard:
    """A guard of this platform for one child."""
    if sys.platform == "win32":
        return JobObjectGuard()
    return ProcessGroupGuard()
