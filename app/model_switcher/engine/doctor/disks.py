"""Disks and folders: whether models can be read, and how fast; whether there is room for what is written."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from model_switcher.domain.units import MIB, format_seconds, format_size
from model_switcher.engine.doctor.finding import Finding, ok, problem, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from model_switcher.domain.catalog import Catalog, Model
    from model_switcher.places import Places

FOLDERS = "folders"
DISK = "disk"

FULL = 16 * MIB
NEARLY_FULL = 512 * MIB
SLOW = 120_000_000
"""Bytes a second: less than a hard disk reads."""
SAMPLE = 48 * MIB
SAMPLE_SECONDS = 1.5
PIECE = MIB
_WORTH_READING = 4 * MIB


def folders(named: Sequence[str]) -> Iterator[Finding]:
    """Folders of the settings that are not there, or closed."""
    for folder in named:
        hint = "Correct model-folders in the settings, or make the folder available again."
        try:
            if Path(folder).is_dir():
                with os.scandir(folder) as entries:
                    next(entries, None)
            else:
                Path(folder).stat()
        except FileNotFoundError:
            yield problem(FOLDERS, f"{folder} is not there", hint)
        except PermissionError:
            yield problem(
                FOLDERS, f"{folder} may not be read by this user", "Give yourself the right to read it and its files."
            )  # fmt: skip
        except OSError as error:
            yield problem(FOLDERS, f"{folder} cannot be read: {error.strerror or error}", hint)


def room(where: Places) -> Iterator[Finding]:
    """Whether settings, logs and what is remembered can be written."""
    seen: set[int] = set()
    for what, folder in (("settings", where.settings.parent), ("logs", where.logs), ("history", where.state)):
        place = _existing(folder)
        if not os.access(place, os.W_OK):
            yield problem(
                DISK,
                f"{place} may not be written to: there the {what} lie",
                "Give yourself the right to write there, or use another folder with --config.",
            )
            continue
        with contextlib.suppress(OSError):
            device, free = place.stat().st_dev, shutil.disk_usage(place).free
            if device not in seen and free < NEARLY_FULL:
                make = "is full" if free < FULL else f"has {format_size(free)} left"
                finding = problem if free < FULL else warning
                yield finding(
                    DISK, f"The disk of {place} {make}: there the {what} lie", "Delete what is not needed there."
                )  # fmt: skip
            seen.add(device)


def speed(catalog: Catalog) -> Iterator[Finding]:
    """How fast the largest model of each disk is read, without what the system remembers of it. Takes 1.5 s a disk."""
    for model in _samples(catalog):
        rate = read_rate(Path(model.path))
        if rate is None:
            continue
        whole = format_seconds(model.size / rate)
        sentence = f"{Path(model.path).parent} is read at {rate / 1e6:,.0f} MB/s: {model.name} in {whole}"
        if rate < SLOW:
            yield warning(
                DISK, f"{sentence}, which is slow", "Models load faster from an SSD in this computer than from a hard disk, a stick or the network."
            )  # fmt: skip
        else:
            yield ok(DISK, sentence)


if sys.platform == "linux":

    def read_rate(path: Path) -> float | None:
        """Bytes a second; None if the file cannot be read, or the system only hands out what it remembers."""
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except OSError:
            return None
        try:
            size = os.fstat(descriptor).st_size
            start = max(0, (size - SAMPLE) // 2)
            os.posix_fadvise(descriptor, start, SAMPLE, os.POSIX_FADV_DONTNEED)
            begun, done = time.monotonic(), 0
            while done < SAMPLE and time.monotonic() - begun < SAMPLE_SECONDS:
                piece = os.pread(descriptor, PIECE, start + done)
                if not piece:
                    break
                done += len(piece)
            seconds = time.monotonic() - begun
        except OSError:
            return None
        finally:
            os.close(descriptor)
        return done / seconds if seconds and done >= min(size, PIECE) else None

else:

    def read_rate(path: Path) -> float | None:
        """None: what these systems remember of a file cannot be left out."""
        del path
        return None


def _samples(catalog: Catalog) -> Iterator[Model]:
    """The largest model of each disk."""
    seen: set[int] = set()
    for model in sorted(catalog.models, key=lambda model: -model.size):
        with contextlib.suppress(OSError):
            device = os.stat(model.path).st_dev  # noqa: PTH116 - a path as the catalog has it
            if device not in seen and model.size >= _WORTH_READING:
                seen.add(device)
                yield model


def _existing(folder: Path) -> Path:
    """The folder, or what exists above it."""
    while not folder.exists() and folder.parent != folder:
        folder = folder.parent
    return folder
