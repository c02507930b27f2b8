"""Reading the kernel's small files, of which any may be missing, refused or gone in mid-reading."""

from __future__ import annotations

import os

_LONGEST = 64 * 1024


def read_bytes(path: str) -> bytes | None:
    """What the file holds; None if it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        return os.read(descriptor, _LONGEST)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def read_text(path: str) -> str | None:
    """The text of the file without the spaces around it; None if it cannot be read or is empty."""
    data = read_bytes(path)
    return (data.decode(errors="replace").strip() or None) if data is not None else None


def read_number(path: str) -> int | None:
    """The whole number in the file, decimal or as "0x1f"; None if it cannot be read."""
    data = read_bytes(path)
    try:
        return None if data is None else int(data, 0)
    except ValueError:
        return None


def list_folder(path: str) -> list[str]:
    """The names in a folder; empty if it cannot be read."""
    try:
        return os.listdir(path)  # noqa: PTH208 - names are all that is needed, every second
    except OSError:
        return []


def link_name(path: str) -> str | None:
    """The last part of what a link points to; None if it is none."""
    try:
        return os.path.basename(os.readlink(path))  # noqa: PTH115, PTH119 - the target itself is not looked at
    except OSError:
        return None
