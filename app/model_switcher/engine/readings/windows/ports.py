"""What Windows is asked for, so that a test can answer in its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# The counters, by their English names, which `PdhAddEnglishCounterW` takes in every language of Windows; there since
# Windows 10 1709 (https://devblogs.microsoft.com/directx/gpus-in-the-task-manager/).
ADAPTER_DEDICATED = r"\GPU Adapter Memory(*)\Dedicated Usage"
ADAPTER_SHARED = r"\GPU Adapter Memory(*)\Shared Usage"
PROCESS_DEDICATED = r"\GPU Process Memory(*)\Dedicated Usage"
PROCESS_SHARED = r"\GPU Process Memory(*)\Shared Usage"
PATHS = (ADAPTER_DEDICATED, ADAPTER_SHARED, PROCESS_DEDICATED, PROCESS_SHARED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """One graphics adapter, as the graphics kernel lists it.

    Attributes:
        luid: What names it until the next start of its driver: high part, low part.
        name: As its driver's setup wrote it.
        dedicated: Bytes of its own memory.
        place: Bus, device and function on the PCI bus.
        software: It is none, but a program that draws.
        integrated: The system says that it is the one inside the processor.
    """

    luid: tuple[int, int]
    name: str
    dedicated: int | None
    place: tuple[int, int, int] | None
    software: bool = False
    integrated: bool = False


class Counters(Protocol):
    """Windows' performance counters."""

    def read(self) -> Mapping[str, Mapping[str, int]]:
        """By path and instance, now; a path that this Windows does not have, or cannot read now, is left out."""
        ...

    def close(self) -> None: ...


class Adapters(Protocol):
    """The graphics kernel's list."""

    def __call__(self) -> Sequence[Adapter]:
        """All adapters, now; empty where they cannot be listed."""
        ...
