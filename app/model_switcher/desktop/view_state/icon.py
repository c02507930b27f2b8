"""The looks of the tray icon, which is also the picture at the head of the panel."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from model_switcher.desktop.wording import progress_of, starts_again
from model_switcher.domain.memory import gauge
from model_switcher.domain.states import COMING_UP, ServerState

if TYPE_CHECKING:
    from model_switcher.domain.snapshot import Snapshot

LEVELS = 48
"""Steps of the memory ring: as many as a ring of 16 to 64 pixels can show."""
PROGRESS_STEPS = 12
"""Steps of the progress ring, which is smaller."""
NEARLY_FULL = 0.92
"""Part of the memory in use from which the ring warns."""


class Centre(StrEnum):
    """What the server does: the shape in the middle of the tray icon."""

    READY = "ready"
    LOADING = "loading"
    STOPPED = "stopped"
    FAILED = "failed"


class Ring(StrEnum):
    """What the ring of the tray icon stands for: its colour."""

    VRAM = "vram"
    RAM = "ram"
    NEARLY_FULL = "nearly full"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class IconView:
    """All that decides the looks of the tray icon; equal values look the same.

    Attributes:
        centre: The shape in the middle.
        ring: The colour of the ring.
        level: Memory in use in steps of 1/48; None if unknown.
        progress: Part loaded in steps of 1/12; None if unknown or not loading.
    """

    centre: Centre
    ring: Ring
    level: int | None = None
    progress: int | None = None


def icon_view(snapshot: Snapshot) -> IconView:
    """The looks of the tray icon."""
    centre, memory = _centre(snapshot), gauge(snapshot.readings)
    level = None if memory.level is None else round(memory.level * LEVELS)
    progress = progress_of(snapshot) if centre is Centre.LOADING else None
    steps = None if progress is None else round(progress * PROGRESS_STEPS)
    if centre is Centre.FAILED:
        ring = Ring.FAILED
    elif memory.level is not None and memory.level >= NEARLY_FULL:
        ring = Ring.NEARLY_FULL
    elif centre is Centre.STOPPED:
        ring = Ring.STOPPED
    else:
        ring = Ring.RAM if snapshot.readings is not None and not snapshot.readings.cards else Ring.VRAM
    return IconView(centre, ring, level, steps)


def _centre(snapshot: Snapshot) -> Centre:
    states = {server.state for server in snapshot.servers}
    if snapshot.switch is not None or states & COMING_UP or starts_again(snapshot):
        return Centre.LOADING
    if ServerState.READY in states:
        return Centre.READY
    return Centre.STOPPED if snapshot.failure is None else Centre.FAILED
