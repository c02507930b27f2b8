"""GPUs of the Linux kernel's direct rendering manager: what its drivers tell in /sys and /proc."""

from __future__ import annotations

from model_switcher.engine.readings.drm.cards import DrmCards

__all__ = ["DrmCards"]
