"""Which drives tell nobody when something on them changes, and which are gone."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable

# Linux tells of changes that this machine makes there, not of those that others make; macOS alike.
_REMOTE = frozenset(
    {
        "nfs", "nfs4", "cifs", "smb3", "smbfs", "afpfs", "webdav", "davfs", "afs", "ceph", "9p", "virtiofs",
        "vboxsf", "prl_fs", "lustre", "beegfs", "glusterfs", "fuse.sshfs", "fuse.rclone", "fuse.glusterfs",
        "fuse.cephfs", "fuse.vmhgfs-fuse", "fuse.davfs2", "fuse.gvfsd-fuse", "fuse.s3fs",
    }
)  # fmt: skip
_DRIVE_REMOTE = 4  # DRIVE_REMOTE of GetDriveTypeW
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR})


class Mount(NamedTuple):
    """A mounted file system."""

    point: str
    kind: str


def is_remote(path: str) -> bool:
    """Whether `path` lies on a network drive. Blocks, on a dead one for long: for a thread of its own."""
    if sys.platform == "win32":
        full = os.path.realpath(path)
        if full.startswith("\\\\"):
            return not full.startswith(("\\\\?\\", "\\\\.\\")) or full.startswith("\\\\?\\UNC\\")
        root = os.path.splitdrive(full)[0] + "\\"
        return bool(ctypes.windll.kernel32.GetDriveTypeW(root) == _DRIVE_REMOTE)
    mounts = [Mount(part.mountpoint, part.fstype) for part in psutil.disk_partitions(all=True)]
    return lies_on_remote(os.path.realpath(path), mounts)


def seems_remote(path: str) -> bool:
    """The same by the path alone, without following links: answers even if the drive does not."""
    if sys.platform == "win32":
        return path.startswith("\\\\")
    mounts = [Mount(part.mountpoint, part.fstype) for part in psutil.disk_partitions(all=True)]
    return lies_on_remote(path, mounts)


def lies_on_remote(path: str, mounts: Iterable[Mount]) -> bool:
    """Whether the file system that holds `path` is one of a network. The last of two at one place is the visible one."""
    best = Mount("", "")
    for mount in mounts:
        point = mount.point.rstrip("/")
        inside = path == point or path.startswith(point + "/")
        if inside and len(point) >= len(best.point.rstrip("/")):
            best = mount
    return best.kind in _REMOTE


def is_mount(path: str) -> bool:
    """Whether something is mounted right at `path`."""
    return os.path.ismount(path)


def is_away(root: str, error: int | None, *, was_mount: bool, device: int | None = None) -> bool:
    """Whether a folder that was there is away with its drive, rather than deleted.

    Args:
        root: The folder.
        error: What keeps it from being looked at (an `errno`); None if there is a folder.
        was_mount: Whether a drive was mounted right there before.
        device: `st_dev` of the folder when it was there. The one above it, where it lay on the same drive, has another
            number once only the empty folder is left that the drive was mounted over.
    """
    if was_mount and not is_mount(root):
        return True
    if error is None:
        return False
    path = Path(root)
    try:
        if error not in _GONE or path.is_symlink() or not path.parent.is_dir():
            return True
        return device is not None and path.parent.stat().st_dev != device
    except OSError:
        return True
