"""GPUs of every maker on Windows: its performance counters, its list of adapters, and NVIDIA's own driver."""

from __future__ import annotations

from model_switcher.engine.readings.windows.gpus import WindowsGpus

__all__ = ["WindowsGpus"]
