"""One instance per settings file: the lock, the file that says where it is, and what a crash left behind."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import sys
from typing import TYPE_CHECKING

import psutil

from model_switcher.domain import wire
from model_switcher.domain.instance import InstanceRecord
from model_switcher.engine.files import make_private_folder, remove, write_atomically
from model_switcher.processes import family, is_same_process, kill

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

if TYPE_CHECKING:
    from pathlib import Path

    from model_switcher.places import Places

_POLL_SECONDS = 0.05
_KILL_SECONDS = 5.0


class InstanceLock:
    """A lock that the system takes away from its holder when the holder ends, however it ends.

    The lock file stays: removing it would let two instances hold locks on two files of the same name.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def try_acquire(self) -> bool:
        """Take the lock if nobody has it; whether this object holds it now.

        Raises:
            InstanceError: The folder belongs to another user.
            OSError: The folder or the file cannot be made, or files cannot be locked there.
        """
        if self._descriptor is not None:
            return True
        make_private_folder(self._path.parent)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            locked = _lock(descriptor)
        except OSError:
            os.close(descriptor)
            raise
        if not locked:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    async def acquire(self, timeout: float) -> bool:  # noqa: ASYNC109 - False is the answer, not an error
        """Take the lock, waiting up to `timeout` seconds for its holder to end; whether it is held now.

        Raises:
            InstanceError, OSError: As `try_acquire`.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                while not self.try_acquire():  # noqa: ASYNC110 - no system tells of a lock that becomes free
                    await asyncio.sleep(_POLL_SECONDS)
        return self.held

    def release(self) -> None:
        """Give the lock up; nothing happens if it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


if sys.platform == "win32":

    def _lock(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EDEADLK):
                return False
            raise
        return True

else:

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def write_record(places: Places, record: InstanceRecord) -> None:
    """Say where this instance is, to the user's own programs only.

    Raises:
        InstanceError: The folder belongs to another user.
        OSError: It cannot be written.
    """
    make_private_folder(places.runtime)
    write_atomically(places.instance, wire.encode(record), private=True, durable=False)


def read_record(places: Places) -> InstanceRecord | None:
    """What the last instance said; None if it ended in order, never ran, or the file is damaged."""
    try:
        return wire.decode(places.instance.read_bytes(), InstanceRecord)
    except (OSError, ValueError):
        return None


def remove_record(places: Places) -> None:
    """Say that this instance is gone.

    Raises:
        OSError: The file is there and cannot be removed.
    """
    remove(places.instance)


def is_alive(record: InstanceRecord) -> bool:
    """Whether the instance that wrote `record` still runs."""
    return is_same_process(record.pid, record.created)


def end_leftovers(record: InstanceRecord) -> list[int]:
    """Kill the engines of an instance that crashed, with all that they started; the pids that ended.

    Only processes whose pid and creation time stand in `record` are touched, and none while that instance lives.
    Takes up to five seconds.
    """
    if is_alive(record):
        return []
    doomed: list[psutil.Process] = []
    for pid, created in record.servers:
        if is_same_process(pid, created):
            doomed += family(pid)
    kill(doomed)
    gone, _ = psutil.wait_procs(doomed, timeout=_KILL_SECONDS)
    ended = {process.pid for process in gone}
    return [process.pid for process in doomed if process.pid in ended]
