"""Which readers of GPUs this platform has."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from model_switcher.engine.readings.nvml import Nvml

if sys.platform == "win32":
    from model_switcher.engine.readings.windows import WindowsGpus
    from model_switcher.engine.readings.windows.adapters import list_adapters
    from model_switcher.engine.readings.windows.counters import WindowsCounters
elif sys.platform == "darwin":
    from model_switcher.engine.readings.apple import AppleGpu
else:
    from model_switcher.engine.readings.drm import DrmCards

if TYPE_CHECKING:
    from collections.abc import Callable

    from model_switcher.engine.readings.port import GpuReader


def gpu_readers(clock: Callable[[], float]) -> tuple[GpuReader, ...]:
    """The readers; where none finds a GPU, the last one's word on the reason counts.

    Args:
        clock: Seconds of a clock that never goes back.
    """
    if sys.platform == "win32":
        return (WindowsGpus(WindowsCounters(clock), list_adapters, Nvml(clock)),)
    elif sys.platform == "darwin":  # noqa: RET505 - mypy follows platforms by if and else alone
        return (AppleGpu(),)
    else:
        return (DrmCards(clock), Nvml(clock))
