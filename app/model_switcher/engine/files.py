"""Files that are either the old or the new one at any moment, also when the power fails."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import sys
import time
from typing import TYPE_CHECKING

from model_switcher.domain.errors import InstanceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_ATTEMPTS = 20
_PAUSE = 0.01


def write_atomically(path: Path, data: bytes, *, private: bool = False, durable: bool = True) -> None:
    """Replace the file at `path` by one that holds `data`; on return it is on the disk, if `durable`.

    What means nothing after the computer was off need not be durable, and does not wait for the disk.

    An existing file keeps its permissions, a link stays a link. With `private` nobody but the user can read the
    file, from its creation on (on Windows the folder's own protection decides).

    Raises:
        OSError: It could not be written; the old file is untouched.
    """
    target = path.resolve()
    mode = 0o600 if private else _mode(target)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, 0o666 if mode is None else 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        if mode is not None:
            temporary.chmod(mode)
        _insist(lambda: temporary.replace(target))
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        _sync_folder(target.parent)


def remove(path: Path) -> None:
    """Remove the file at `path`, if there is one.

    Raises:
        OSError: It is there and cannot be removed.
    """
    _insist(lambda: path.unlink(missing_ok=True))


def make_private_folder(path: Path) -> None:
    """Make the folder `path`, which nobody but the user can enter.

    Raises:
        InstanceError: It is there and belongs to another user.
        OSError: It cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    if sys.platform == "win32":
        return  # the user's own folders are closed to others there
    status = path.stat()
    if status.st_uid != os.getuid():
        raise InstanceError(
            f"The folder {path} belongs to another user",
            hint="Remove it, or set XDG_RUNTIME_DIR to a folder of your own.",
        )
    if status.st_mode & 0o077:
        path.chmod(0o700)


def _mode(path: Path) -> int | None:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return None


def _insist(operation: Callable[[], object]) -> None:
    """Do it, on Windows again for a moment if another program has the file open just then."""
    for _ in range(_ATTEMPTS if sys.platform == "win32" else 0):
        try:
            operation()
        except PermissionError:
            time.sleep(_PAUSE)
        else:
            return
    operation()


def _sync_folder(folder: Path) -> None:
    """Bring the new name to the disk too; Windows has no such call and does not need it."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
